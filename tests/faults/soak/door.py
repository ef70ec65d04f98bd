"""A door before a server on loopback: open, or closed as when the machine behind it is gone."""

import asyncio
from contextlib import suppress


class Door:
    """Passes connections on to a server, under an address that stays the same while it is shut."""

    def __init__(self, port_behind: int) -> None:
        self._port_behind = port_behind
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen; the first time at any free port, afterwards at the same one."""
        self._server = await asyncio.start_server(self._admit, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse connections, and cut those that there are."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Reset every connection."""
        visits = list(self._visits)
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        inner: asyncio.StreamWriter | None = None
        try:
            behind, inner = await asyncio.open_connection("127.0.0.1", self._port_behind)
            await asyncio.gather(_pass_on(reader, inner), _pass_on(behind, writer))
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone: so is the other
        finally:
            self._visits.discard(task)
            for end in (writer, inner):
                if end is not None:
                    end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
