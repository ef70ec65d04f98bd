"""A CACTUS written from the HTTP contract alone, with the standard library: no code is shared with syncd."""

import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]


@dataclass
class Answer:
    """What the server says; `None` as a whole drops the connection instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, document: Json, **headers: str) -> "Answer":
        kind = "application/json" if status < 400 else "application/problem+json"
        return cls(status, json.dumps(document).encode(), {"Content-Type": kind, **headers})


@dataclass
class Request:
    """What the server was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Trap = Callable[[Request, Callable[[], Answer]], Answer | None]
"""Takes a request and the honest answer (to be made or not), and returns what is said; `None` hangs up."""


class Remote:
    """Contracts, a feed, and documents; `trap` may twist any answer."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.contracts: dict[str, Json] = {}
        self.students: dict[str, Json] = {}
        self.keys: dict[str, tuple[bytes, str]] = {}
        self.feed: list[Json] = []
        self.papers: dict[tuple[str, str, int], bytes] = {}
        self.requests: list[Request] = []
        self.trap: Trap | None = None
        self.token: str | None = None
        self.now = datetime(2025, 6, 3, 8, tzinfo=UTC)
        self.url = ""
        self.visitors = 0
        """How many connections are open."""

    # ------------------------------------------------------------------------------------------------ the hands

    def of(self, mission_id: str) -> Json:
        """Return the one contract of a mission."""
        found = [c for c in self.contracts.values() if c["external_reference"] == mission_id]
        assert len(found) == 1, f"{len(found)} contracts for {mission_id}"
        return found[0]

    def change(self, mission_id: str, **values: Any) -> Json:
        with self.lock:
            contract = self.of(mission_id)
            contract.update(values)
            self._publish(contract)
            return contract

    def student_done(self, mission_id: str) -> None:
        self.change(mission_id, status="in_progress", student_part=self._part("done"))

    def company_done(self, mission_id: str) -> None:
        self.change(mission_id, status="completed", company_part=self._part("done"))

    def generate(self, mission_id: str, cerfa: bytes, convention: bytes) -> None:
        with self.lock:
            contract = self.of(mission_id)
            version = 1 + max((d["version"] for d in contract["documents"]), default=0)
            for kind, content in (("cerfa", cerfa), ("convention", convention)):
                self.papers[contract["contract_id"], kind, version] = content
                contract["documents"].append({
                    "kind": kind, "version": version, "sha256": hashlib.sha256(content).hexdigest(),
                    "size": len(content), "available_at": self._instant(),
                })  # fmt: skip
            self.change(mission_id, status="generated", generated_at=self._instant())

    def reopen(self, mission_id: str) -> None:
        self.change(mission_id, status="reopened", student_part=self._part("todo"), company_part=self._part("todo"))

    def made_by_hand(self, number: str, siret: str) -> str:
        """Create a contract that somebody typed in CACTUS, without a reference."""
        with self.lock:
            return str(self._create({"external_reference": None}, number, siret)["contract_id"])

    def creations(self) -> int:
        return len(self.contracts)

    def posts(self) -> list[Request]:
        return [r for r in self.requests if r.method == "POST" and r.path == "/contracts"]

    # ---------------------------------------------------------------------------------------------- the interface

    def handle(self, request: Request) -> Answer | None:
        with self.lock:
            self.requests.append(request)

        def honest() -> Answer:
            with self.lock:
                return self._answer(request)

        return self.trap(request, honest) if self.trap is not None else honest()

    def _answer(self, request: Request) -> Answer:
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return self._problem(401, "unauthorized")
        if request.path == "/contracts":
            return self._post(request) if request.method == "POST" else self._list(request)
        found = re.fullmatch(r"/contracts/([^/]+)(?:/(documents/(\w+)|cancellation))?", request.path)
        contract = self.contracts.get(unquote(found[1])) if found else None
        if found is None or contract is None:
            return self._problem(404, "not-found")
        if found[3]:
            key = (contract["contract_id"], found[3], int(request.query.get("version", "0")))
            paper = self.papers.get(key)
            return Answer(200, paper, {"Content-Type": "application/pdf"}) if paper else self._problem(404, "not-found")
        if found[2]:
            return self._cancel(contract)
        etag = f'"{hashlib.sha256(json.dumps(contract).encode()).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(304)
        return Answer.of(200, contract, ETag=etag)

    def _post(self, request: Request) -> Answer:
        key, body = request.headers["idempotency-key"], json.loads(request.body)
        if key in self.keys:
            known_body, contract_id = self.keys[key]
            if known_body != request.body:
                return self._problem(422, "key-reused")
            return Answer.of(200, self.contracts[contract_id])
        for contract in self.contracts.values():
            if contract["external_reference"] == body["external_reference"]:
                return self._problem(409, "reference-exists", contract_id=contract["contract_id"])
        contract = self._create(body, body["student"]["number"], body["company"]["siret"])
        self.keys[key] = (request.body, contract["contract_id"])
        return Answer.of(201, contract)

    def _create(self, body: Json, number: str, siret: str) -> Json:
        contract_id = f"C-{len(self.contracts) + 1:05d}"
        contract = {
            "contract_id": contract_id, "external_reference": body["external_reference"], "status": "initialised",
            "student_part": self._part("todo"), "company_part": self._part("todo"), "documents": [],
            "generated_at": None, "updated_at": self._instant(), "student_url": f"{self.url}/s/{contract_id}",
            "company_url": f"{self.url}/c/{contract_id}", "rejection_reason": None, "student": {"number": number},
            "company": {"siret": siret}, "something_new": {"nobody": "knows"},
        }  # fmt: skip
        self.contracts[contract_id] = contract
        self._publish(contract)
        return contract

    def _list(self, request: Request) -> Answer:
        reference = request.query.get("external_reference")
        if reference is not None:
            items = [c for c in self.contracts.values() if c["external_reference"] == reference]
            return Answer.of(200, {"items": items, "next_cursor": None, "has_more": False})
        start, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "50"))
        items = self.feed[start : start + limit]
        end = start + len(items)
        return Answer.of(200, {"items": items, "next_cursor": str(end), "has_more": end < len(self.feed)})

    def _cancel(self, contract: Json) -> Answer:
        if contract["status"] in ("signed", "transmitted", "filed"):
            return self._problem(409, "past-cancelling")
        contract["status"] = "cancelled"
        self._publish(contract)
        return Answer.of(200, contract)

    def _publish(self, contract: Json) -> None:
        self.now += timedelta(seconds=1)
        contract["updated_at"] = self._instant()
        self.feed.append(json.loads(json.dumps(contract)))

    def _part(self, state: str) -> Json:
        return {"state": state, "done_at": self._instant() if state == "done" else None}

    def _instant(self) -> str:
        return self.now.isoformat().replace("+00:00", "Z")

    @staticmethod
    def _problem(status: int, kind: str, **more: Any) -> Answer:
        return Answer.of(status, {"type": kind, "title": kind, "status": status, "detail": "", **more})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    remote: Remote

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command, path=parts.path, query={k: v[0] for k, v in parse_qs(parts.query).items()},
            headers={k.lower(): v for k, v in self.headers.items()}, body=self.rfile.read(length),
        )  # fmt: skip
        answer = self.remote.handle(request)
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = _serve  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    remote: Remote

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.remote.lock:
            self.remote.visitors += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.remote.lock:
            self.remote.visitors -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that dies is no trouble of ours
            super().handle_error(request, client_address)


@contextmanager
def serve_remote() -> Iterator[Remote]:
    """Serve a CACTUS on a free port of this machine."""
    remote = Remote()
    handler = type("Handler", (_Handler,), {"remote": remote})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.remote = remote
        remote.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield remote
        finally:
            server.shutdown()
            thread.join()
