"""The cheap CACTUS with a change feed and documents: whoever asks for a contract finds it filled and generated there.

    python -m benchmarks.remote_feed --latency-ms 5

Beside what `benchmarks.remote` answers: what is sent to `POST /feed` is a contract that has changed, and the next entry
of the feed. `GET /clock` tells too how many feed pages, documents and single contracts were asked for.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.remote import JSON, NOT_FOUND, Answer, Books, main
from tests.world.world import paper

PAPERS = {kind: paper(kind) for kind in ("cerfa", "convention")}
_FILLED_AT = "2025-06-02T11:00:00Z"
_DONE = {"state": "done", "done_at": _FILLED_AT}
_GENERATED: dict[str, Any] = {
    "status": "generated", "student_part": _DONE, "company_part": _DONE, "generated_at": _FILLED_AT,
    "updated_at": _FILLED_AT, "documents": [
        {"kind": kind, "version": 1, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
         "available_at": _FILLED_AT}
        for kind, content in PAPERS.items()
    ],
}  # fmt: skip


@dataclass
class SwiftBooks(Books):
    """A remote in which students, companies and the CFA do their part as soon as there is a contract."""

    feed: list[bytes] = field(default_factory=list)
    """The entries, oldest first; the cursor is how many were read."""
    now: dict[str, bytes] = field(default_factory=dict)
    """Each contract as it is now, by its number."""
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, method: bytes, target: str, body: bytes) -> Answer:
        """Return what is said to a request."""
        if method == b"POST" and target == "/feed":
            self._publish(json.loads(body))
            return b"200 OK", JSON, b"{}"
        if method == b"POST" or target == "/clock":
            return super().answer(method, target, body)
        if target.startswith("/contracts?"):
            return self._page(parse_qs(urlsplit(target).query))
        return self._find(target.partition("?")[0].split("/")[2:])

    def create(self, body: bytes) -> Answer:
        """Create a contract, answer with it as it is new, and fill it."""
        answer = super().create(body)
        if answer[0].startswith(b"201"):
            self._publish(json.loads(answer[2]) | _GENERATED)
        return answer

    def clock(self) -> dict[str, Any]:
        """Return what it saw."""
        return super().clock() | self.asked

    def _publish(self, contract: dict[str, Any]) -> None:
        entry = json.dumps(contract).encode()
        self.now[contract["contract_id"]] = entry
        self.feed.append(entry)

    def _page(self, query: dict[str, list[str]]) -> Answer:
        self.asked["pages"] += 1
        start, limit = int(query.get("after", ["0"])[0]), int(query["limit"][0])
        items = self.feed[start : start + limit]
        end = start + len(items)
        more = b"true" if end < len(self.feed) else b"false"
        page = b'{"items": [%s], "next_cursor": "%d", "has_more": %s}' % (b", ".join(items), end, more)
        return b"200 OK", JSON, page

    def _find(self, place: list[str]) -> Answer:
        match place:
            case [contract_id] if contract_id in self.now:
                self.asked["readings"] += 1
                return b"200 OK", JSON, self.now[contract_id]
            case [contract_id, "documents", kind] if contract_id in self.now and kind in PAPERS:
                self.asked["documents"] += 1
                return b"200 OK", b"application/pdf", PAPERS[kind]
            case _:
                return NOT_FOUND


if __name__ == "__main__":
    main(__doc__, SwiftBooks)
