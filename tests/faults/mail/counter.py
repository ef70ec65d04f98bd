"""A real SMTP server on loopback that has mishaps by plan and bad hours by order, and remembers every visit."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.faults.mail.mishaps import ACCEPTING, Mishap

PASSWORD = "right"
_LATE_S = 0.6
_GREETING = b"220 mail.example.org ESMTP\r\n"
_ABILITIES = b"250-mail.example.org\r\n250-SIZE 10000000\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n"
_RIGHT_LOGIN = b"AUTH PLAIN AHN5bmNkAHJpZ2h0"  # \0syncd\0right
_HEADER = re.compile(rb"(?im)^(To|Message-ID|X-Syncd-Mission|X-Syncd-Event):[ \t]*((?:.|\r?\n[ \t])*?)\r?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A letter that the server took, whether we heard of it or not."""

    number: int
    recipient: str
    mission: str
    event: str
    message_id: str


@dataclass(slots=True)
class PostCounter:
    """What the server does and what it saw. `befalls` decides every visit by recipient and number of visit."""

    befalls: Callable[[str, int], Mishap] = lambda _recipient, _visit: Mishap.NONE
    on_arrival: Callable[[Arrival], bool] = lambda _arrival: True
    """Called with each letter taken, before the reply; false: no reply any more, the peer is gone."""
    accepts_logins: bool = True
    arrivals: list[Arrival] = field(default_factory=list)
    mishaps: Counter[Mishap] = field(default_factory=Counter)
    refused_logins: int = 0
    connections: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    _open: set[asyncio.Transport] = field(default_factory=set)
    _server: asyncio.Server | None = None
    port: int = 0

    async def open(self) -> None:
        """Listen, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Visit(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more and hang up on everybody."""
        if self._server is not None:
            self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Cut every connection."""
        for transport in tuple(self._open):
            transport.abort()

    def by_letter(self) -> dict[str, list[Arrival]]:
        """Return the arrivals of each Message-ID."""
        found: defaultdict[str, list[Arrival]] = defaultdict(list)
        for arrival in self.arrivals:
            found[arrival.message_id].append(arrival)
        return dict(found)


class _Visit(asyncio.Protocol):
    """One connection, command by command."""

    def __init__(self, counter: PostCounter) -> None:
        self._counter = counter
        self._transport: asyncio.Transport
        self._buffer = b""
        self._recipient = ""
        self._mishap = Mishap.NONE
        self._is_in_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._counter.connections += 1
        self._counter._open.add(transport)
        transport.write(_GREETING)

    def connection_lost(self, _error: Exception | None) -> None:
        self._counter._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._transport.is_closing():
            end = b"\r\n.\r\n" if self._is_in_content else b"\r\n"
            if self._is_in_content and self._mishap is Mishap.LOST_BEFORE_DOT:
                self._transport.abort()
                return
            unit, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._is_in_content:
                self._is_in_content = False
                self._take_content(unit)
            else:
                self._answer(unit)

    def _say(self, reply: str) -> None:
        self._transport.write(f"{reply}\r\n".encode())

    def _answer(self, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                self._transport.write(_ABILITIES)
            case b"AUTH":
                self._log_in(line)
            case b"RCPT":
                self._name_recipient(line)
            case b"DATA":
                self._begin_content()
            case b"QUIT":
                self._say("221 bye")
                self._transport.close()
            case _:
                self._say("250 OK")

    def _log_in(self, line: bytes) -> None:
        is_right = self._counter.accepts_logins and line == _RIGHT_LOGIN
        self._counter.refused_logins += not is_right
        self._say("235 2.7.0 welcome" if is_right else "535 5.7.8 not you")

    def _name_recipient(self, line: bytes) -> None:
        counter, recipient = self._counter, line.partition(b"<")[2].partition(b">")[0].decode()
        counter.visits[recipient] += 1
        self._recipient, self._mishap = recipient, counter.befalls(recipient, counter.visits[recipient])
        counter.mishaps[self._mishap] += 1
        match self._mishap:
            case Mishap.PUT_OFF_RECIPIENT:
                self._say(f"451 4.7.1 <{recipient}> greylisted")
            case Mishap.REFUSED:
                self._say(f"550 5.1.1 <{recipient}> no such user")
            case _:
                self._say("250 OK")

    def _begin_content(self) -> None:
        if self._mishap is Mishap.LOST_AT_DATA:
            self._transport.abort()
            return
        self._is_in_content = True
        self._say("354 go on")

    def _take_content(self, content: bytes) -> None:
        is_heard = True
        if self._mishap in ACCEPTING:
            arrival = _arrival(content, self._recipient, number=len(self._counter.arrivals))
            self._counter.arrivals.append(arrival)
            is_heard = self._counter.on_arrival(arrival)
        match self._mishap:
            case Mishap.LOST_AFTER_DOT | Mishap.KEPT_AFTER_DOT:
                self._transport.abort()
            case Mishap.PUT_OFF_CONTENT:
                self._say("452 4.3.1 no space")
            case Mishap.LATE_250:
                asyncio.get_running_loop().call_later(_LATE_S, self._say_late)
            case _:
                if is_heard:
                    self._say("250 2.0.0 queued")

    def _say_late(self) -> None:
        if not self._transport.is_closing():
            self._say("250 2.0.0 queued")


def _arrival(content: bytes, recipient: str, *, number: int) -> Arrival:
    head = content.partition(b"\r\n\r\n")[0]
    headers = {name.lower(): "".join(value.decode().split()) for name, value in _HEADER.findall(head)}
    assert headers[b"to"] == recipient, "the envelope names somebody else than the letter"
    return Arrival(
        number=number,
        recipient=recipient,
        mission=headers[b"x-syncd-mission"],
        event=headers[b"x-syncd-event"],
        message_id=headers[b"message-id"],
    )


@asynccontextmanager
async def open_counter(counter: PostCounter) -> AsyncIterator[PostCounter]:
    """Open a counter, and close it at the end."""
    await counter.open()
    try:
        yield counter
    finally:
        counter.close()
        await asyncio.sleep(0.01)
