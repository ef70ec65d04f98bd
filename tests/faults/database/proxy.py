"""A TCP proxy before PostgreSQL that knows one word of the wire protocol, COMMIT, and can spoil what passes.

It connects to the server's Unix socket. Three kinds of silence are told apart:

- a peer that is there and says nothing (`hush`): bytes are taken and kept, in one direction or both, until `speak`;
- a peer that is gone without a word (`vanish`): the kernel drops every segment of its connections, as when a machine
  has lost its power; nothing is acknowledged any more, and new connections are not answered until `come_back`;
- a connection that is reset (`reset_all`).
"""

import asyncio
import ctypes
import socket
import struct
from asyncio.trsock import TransportSocket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, Flag, auto
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
_IDLE = b"Z\x00\x00\x00\x05I"
"""The end of the server's reply."""
_RESET_WHEN_CLOSED = struct.pack("ii", 1, 0)
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # one BPF instruction: return 0 bytes


class Fate(Enum):
    """What becomes of one COMMIT."""

    ANSWERED = auto()
    REPLY_LOST = auto()
    """Carried out; the connection is reset instead of the reply."""
    NEVER_ARRIVES = auto()
    """The connection is reset on both sides before the server hears of it."""
    UNANSWERED = auto()
    """Carried out; the socket stays open and nothing comes any more."""
    HALF_RESET = auto()
    """The client's connection is reset; the server hears nothing, and goes on waiting for the next word."""


class Way(Flag):
    """A direction."""

    TO_SERVER = auto()
    TO_CLIENT = auto()
    BOTH = TO_SERVER | TO_CLIENT


class Proxy:
    """What stands between syncd and its server, and what it saw."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._gates = {way: asyncio.Event() for way in (Way.TO_SERVER, Way.TO_CLIENT)}
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self.judge: Callable[[], Fate] = lambda: Fate.ANSWERED
        """Asked at every COMMIT."""
        self.commits = 0
        self.lost = 0
        """COMMITs that were carried out and whose reply was lost."""
        self.port = 0
        self.speak()

    # ------------------------------------------------------------------------------------------------------- the hands

    def url(self, plain: str) -> str:
        """Return the URL of the same database, seen through this proxy."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{urlsplit(plain).path}?sslmode=disable&gssencmode=disable"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._pairs)

    def hush(self, way: Way = Way.BOTH) -> None:
        """Pass nothing on any more, and close nothing."""
        for each in way:
            self._gates[each].clear()

    def speak(self) -> None:
        """Pass everything on again, what was kept first."""
        for gate in self._gates.values():
            gate.set()

    def reset_all(self) -> None:
        """Break every connection, on both sides."""
        for pair in list(self._pairs):
            pair.reset()

    def vanish(self, *, for_ever: bool = True) -> None:
        """Acknowledge nothing any more; `for_ever`: on new connections neither."""
        for each in self._sockets() if for_ever else [pair.client_socket for pair in self._pairs]:
            address = ctypes.addressof(_DROP_ALL)
            each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, address))

    def come_back(self) -> None:
        """Be reachable again, also for connections that were not given up."""
        for each in self._sockets():
            each.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    def _sockets(self) -> "list[socket.socket | TransportSocket]":
        assert self._listening is not None
        return [self._listening, *(pair.client_socket for pair in self._pairs)]

    # ------------------------------------------------------------------------------------------------------ the serving

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Proxy"]:
        """Listen on loopback; nothing is left open afterwards."""
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        server = await asyncio.start_server(self._accept, sock=self._listening)
        try:
            yield self
        finally:
            server.close()
            self.speak()
            self.reset_all()
            await asyncio.sleep(0.01)  # who was let in at the last moment begins, to be sent away with the others
            while self._tasks:
                for task in self._tasks:
                    task.cancel()
                await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):  # the end of the test
                await self._converse(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
        except OSError:
            return  # the server is down: the client is hung up on, as it would be without a proxy
        pair = _Pair(client=writer, server=server_writer)
        self._pairs.add(pair)
        to_server = asyncio.create_task(self._pass_requests(reader, pair))
        to_client = asyncio.create_task(self._pass_replies(server_reader, pair))
        try:
            await asyncio.wait((to_server, to_client), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pairs.discard(pair)
            for task in (to_server, to_client):
                task.cancel()
            await asyncio.gather(to_server, to_client, return_exceptions=True)
            pair.close()

    async def _pass_requests(self, reader: asyncio.StreamReader, pair: "_Pair") -> None:
        with suppress(ConnectionError):
            while block := await reader.read(65536):
                await self._gates[Way.TO_SERVER].wait()
                if block.endswith(COMMIT):
                    self.commits += 1
                    pair.fate = self.judge()
                if pair.fate is Fate.NEVER_ARRIVES:
                    pair.reset()
                    return
                if pair.fate is Fate.HALF_RESET:
                    pair.reset_client()
                    await asyncio.get_running_loop().create_future()
                pair.server.write(block)
                await pair.server.drain()

    async def _pass_replies(self, reader: asyncio.StreamReader, pair: "_Pair") -> None:
        kept = b""
        with suppress(ConnectionError):
            while block := await reader.read(65536):
                await self._gates[Way.TO_CLIENT].wait()
                if pair.fate is Fate.ANSWERED:
                    pair.client.write(block)
                    await pair.client.drain()
                    continue
                kept += block
                if not kept.endswith(_IDLE):
                    continue
                self.lost += COMMITTED in kept
                if pair.fate is Fate.REPLY_LOST:
                    pair.reset()
                    return


class _Pair:
    """One client's connection and its twin to the server."""

    def __init__(self, *, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.fate = Fate.ANSWERED

    @property
    def client_socket(self) -> TransportSocket:
        """The raw socket towards the client."""
        found = self.client.get_extra_info("socket")
        assert isinstance(found, TransportSocket)
        return found

    def reset(self) -> None:
        """Break both ends; the client gets an RST."""
        self.reset_client()
        self.server.transport.abort()

    def reset_client(self) -> None:
        """Break the client's end alone."""
        with suppress(OSError):
            self.client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
        self.client.transport.abort()

    def close(self) -> None:
        """Drop both ends at once."""
        self.client.transport.abort()
        self.server.transport.abort()


@asynccontextmanager
async def proxy_before(plain_url: str) -> AsyncIterator[Proxy]:
    """Serve a proxy before the server of this URL."""
    folder = parse_qs(urlsplit(plain_url).query)["host"][0]
    async with Proxy(Path(folder) / ".s.PGSQL.5432").serve() as proxy:
        yield proxy
