"""A loopback TCP server that does, byte by byte, whatever a test wants to happen to a client.

async def cut(connection: Connection) -> None:
    await connection.read_request()
    connection.reset()

async with fault_server(cut) as server:
    ...                                  # server.url, server.requests, server.connections
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

READ_ERRORS = (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class FaultServer:
    """What a test sees of the server."""

    url: str = ""
    connections: int = 0
    requests: list[Received] = field(default_factory=list)


class Connection:
    """One connection of a client, in the hands of a script."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def read_head(self) -> tuple[str, str, dict[str, str]]:
        """Return method, target and headers, leaving the body where it is."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        pairs = (line.split(":", 1) for line in lines[1:] if line)
        return method, target, {name.strip().lower(): value.strip() for name, value in pairs}

    async def read_request(self) -> Received:
        """Return one whole request, and keep it in `server.requests`."""
        method, target, headers = await self.read_head()
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(method=method, target=target, headers=headers, body=body)
        self._server.requests.append(received)
        return received

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer; what is not bytes goes as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/pdf" if isinstance(body, bytes) else "application/json"
        lines = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.send(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content)

    def reset(self) -> None:
        """Break the connection with a RST."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def until_closed(self) -> None:
        """Wait until the client goes away."""
        await self._reader.read()


Script = Callable[[Connection], Awaitable[None]]


@asynccontextmanager
async def fault_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultServer]:
    """Serve each connection by the script, on a free port; the connection is closed when the script ends."""
    faults = FaultServer()
    tasks: list[asyncio.Task[None]] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults.connections += 1
        try:
            await script(Connection(faults, reader, writer))
        except READ_ERRORS:
            return
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve_one(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls is not None else "http"
    faults.url = f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield faults
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    # A script that breaks by itself looks like a fault of the network: the test would prove nothing.
    broken = [end for end in ends if isinstance(end, Exception)]
    assert broken == []


def answering(*answers: tuple[int, object]) -> Script:
    """Return a script that gives these answers, the last one for ever, over kept connections."""
    left = list(answers)

    async def script(connection: Connection) -> None:
        while True:
            await connection.read_request()
            status, body = left.pop(0) if len(left) > 1 else left[0]
            await connection.answer(status, body)

    return script
