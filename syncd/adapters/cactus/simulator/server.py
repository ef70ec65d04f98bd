"""Serves a simulator over HTTP inside the caller's event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from syncd.adapters.cactus.simulator.app import ANYONE, create_app
from syncd.adapters.cactus.simulator.authentication import Authentication
from syncd.adapters.cactus.simulator.state import Simulator

BACKLOG = 2048
LONGEST_GOODBYE_S = 1


@asynccontextmanager
async def serve(
    simulator: Simulator,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    authentication: Authentication = ANYONE,
) -> AsyncIterator[str]:
    """Serve until the block is left, and give the base URL, without a slash at its end.

    Port 0 takes any free port. Requests under way at the end have a second to finish.

    Raises:
        OSError: the address cannot be listened on.
    """
    app = create_app(simulator, authentication=authentication)
    listener = _listen(host, port)
    server = _QuietServer(_configuration(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _started(server, serving)
        yield _url(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=LONGEST_GOODBYE_S,
    )


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    # uvicorn has no event for it; this takes a few turns of the loop
    while not server.started and not serving.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    if serving.done():
        await serving


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
    # asyncio does this only for sockets made with an explicit protocol number; without it each answer, written in two
    # pieces, waits 40 ms for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _url(host: str, port: int) -> str:
    """Return an address that a browser on this machine can open."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
