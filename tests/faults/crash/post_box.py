"""A mail server in threads of its own: it answers at once, keeps what it accepted, and says who was written to."""

import socketserver
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any

Told = tuple[str, str, str]
"""A mission, an event, and the address that was told of it."""


@dataclass
class PostBox:
    """What was accepted: the final reply is written after the letter is in here."""

    port: int = 0
    letters: list[Message] = field(default_factory=list)
    visitors: int = 0
    """How many connections are open."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    says_goodbye: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.says_goodbye.set()

    def take(self, content: bytes) -> None:
        """Keep the head of a letter."""
        self.letters.append(BytesHeaderParser(policy=default).parsebytes(content))

    def told(self) -> set[Told]:
        """Return who was told of what."""
        return {told_by(letter) for letter in list(self.letters)}

    def arrivals(self) -> Counter[str]:
        """Return how often each Message-ID arrived."""
        return Counter(str(letter["Message-ID"]) for letter in list(self.letters))


def told_by(letter: Message) -> Told:
    """Return what a letter says, and to whom."""
    return str(letter["X-Syncd-Mission"]), str(letter["X-Syncd-Event"]), str(letter["To"])


class _Visit(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: "_Server"

    def handle(self) -> None:
        self._say("220 mail.example.org")
        while line := self.rfile.readline():
            match line[:4].strip().upper():
                case b"DATA":
                    self._say("354 go on")
                    self._take_content()
                case b"QUIT":
                    self.server.box.says_goodbye.wait()
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _take_content(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if line:
            self.server.box.take(b"".join(lines))
            self._say("250 queued")

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    box: PostBox

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.box.lock:
            self.box.visitors += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.box.lock:
            self.box.visitors -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that dies is no trouble of ours
            super().handle_error(request, client_address)


@contextmanager
def serve_post_box() -> Iterator[PostBox]:
    """Serve a mail server on a free port of this machine."""
    with _Server(("127.0.0.1", 0), _Visit) as server:
        server.box = PostBox(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.box
        finally:
            server.shutdown()
            thread.join()
