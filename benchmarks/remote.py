"""A CACTUS that costs as little as possible, in a process of its own: the same for both sides of a comparison.

    python -m benchmarks.remote --latency-ms 5

Prints its port, answers until its standard input ends. `GET /clock` tells how many contracts it created, and when the
first and the last request for one arrived (seconds of the monotonic clock).

`benchmarks.remote_feed` is the same with a change feed and documents.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[bytes, bytes, bytes]
"""Its status, its content type, its content."""
JSON = b"application/json"
NOT_FOUND: Answer = (b"404 Not Found", JSON, b'{"type": "not-found", "title": "not found", "status": 404}')
_TODO = {"state": "todo", "done_at": None}


@dataclass
class Books:
    """What the remote knows."""

    latency_s: float
    contracts: dict[str, bytes] = field(default_factory=dict)
    """By reference."""
    first_at: float | None = None
    last_at: float | None = None
    posts: int = 0

    def answer(self, method: bytes, target: str, body: bytes) -> Answer:
        """Return what is said to a request."""
        if method == b"POST" and target == "/contracts":
            return self.create(body)
        if target == "/clock":
            return b"200 OK", JSON, json.dumps(self.clock()).encode()
        if target.startswith("/contracts?"):
            return b"200 OK", JSON, b'{"items": [], "next_cursor": "0", "has_more": false}'
        return NOT_FOUND

    def create(self, body: bytes) -> Answer:
        """Create the contract that is asked for, once per reference."""
        self.last_at = time.monotonic()
        self.first_at = self.first_at if self.first_at is not None else self.last_at
        self.posts += 1
        asked = json.loads(body)
        reference = asked["external_reference"]
        if reference in self.contracts:
            return b"200 OK", JSON, self.contracts[reference]
        self.contracts[reference] = json.dumps(contract_of(asked, len(self.contracts) + 1)).encode()
        return b"201 Created", JSON, self.contracts[reference]

    def clock(self) -> dict[str, Any]:
        """Return what it saw."""
        return {"contracts": len(self.contracts), "posts": self.posts, "from": self.first_at, "to": self.last_at}


class Conversation(asyncio.Protocol):
    """One connection; a request at a time, as clients without pipelining do."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:end]
            length = _length_of(head)
            if len(self._unread) < end + 4 + length:
                return
            body, self._unread = self._unread[end + 4 : end + 4 + length], self._unread[end + 4 + length :]
            self._serve(head, body)

    def _serve(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        status, kind, content = self._books.answer(method, target.decode(), body)
        message = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            status, kind, len(content), content,
        )  # fmt: skip
        if self._books.latency_s:
            asyncio.get_running_loop().call_later(self._books.latency_s, self._write, message)
        else:
            self._write(message)

    def _write(self, message: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message)


def _length_of(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def contract_of(asked: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the contract that a request asks for, as it is when it is new."""
    contract_id = f"C-{number:07d}"
    return {
        "contract_id": contract_id, "external_reference": asked["external_reference"], "status": "initialised",
        "student_part": _TODO, "company_part": _TODO, "documents": [], "generated_at": None,
        "updated_at": "2025-06-02T10:00:00Z", "student_url": f"https://cactus.example/s/{contract_id}",
        "company_url": f"https://cactus.example/c/{contract_id}", "rejection_reason": None,
        "student": {"number": asked["student"]["number"]}, "company": {"siret": asked["company"]["siret"]},
    }  # fmt: skip


async def _serve(books: Books) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(books), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main(description: str, books: Callable[[float], Books]) -> None:
    """Serve these books, which are made for a latency in seconds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=0)
    asyncio.run(_serve(books(parser.parse_args().latency_ms / 1000)))


if __name__ == "__main__":
    main(__doc__, Books)
