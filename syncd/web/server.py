"""Serves the pages with uvicorn inside the daemon's own event loop."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from syncd.errors import Misconfigured
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.web.app import OpsPages
from syncd.web.crowd import Crowd
from syncd.web.doorkeeper import Token
from syncd.web.freshness import Rhythm
from syncd.web.health import Health

_BACKLOG = 128
_LARGEST_REQUEST_HEAD_BYTES = 16_384
_GOODBYE_S = 0.4
"""What an answer under way gets at the end; with uvicorn's own pauses the whole end takes less than a second."""


@asynccontextmanager
async def serve_ops(
    health: Health,
    ledger: Ledger,
    clock: Clock,
    *,
    host: str,
    port: int,
    token: Token | None,
    poll: timedelta = timedelta(seconds=60),
    sweep: timedelta = timedelta(hours=24),
) -> AsyncIterator[str]:
    """Serve until the block is left, and give the base URL, without a slash at its end.

    Port 0 takes any free port. With a token, `/` and `/metrics` ask for it. `poll` and `sweep` are how often the
    flows go: what is much older is shown as late, and a process without progress for three polls is not alive.

    Raises:
        Misconfigured: the address cannot be listened on.
    """
    rhythm = Rhythm(poll=poll, sweep=sweep)
    listener = _listen(host, port)
    pages = OpsPages(health, ledger, clock, token=token, rhythm=rhythm)
    crowd = Crowd()
    server = _server(pages, crowd)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="ops")
    try:
        await _started(server, serving)
        yield _url(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await pages.aclose()
        asyncio.get_running_loop().call_later(_GOODBYE_S, crowd.disperse)
        await serving
        listener.close()


def _server(pages: OpsPages, crowd: Crowd) -> uvicorn.Server:
    config = uvicorn.Config(
        pages,
        http=_protocol(crowd),
        ws="none",
        lifespan="off",
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=_LARGEST_REQUEST_HEAD_BYTES,
        log_config=None,
        log_level="error",  # a client that speaks no HTTP is no news
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("Connection", "close")],  # one request a connection: then its deadline is the request's
        timeout_graceful_shutdown=1,
    )
    return _Quiet(config)


class _Quiet(uvicorn.Server):
    """Leaves the signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _protocol(crowd: Crowd) -> type[asyncio.Protocol]:
    class CrowdedProtocol(H11Protocol):
        """Has every connection counted and timed from its first moment, before it says anything."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            crowd.admit(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            crowd.leave(self.transport)
            super().connection_lost(exc)

    return CrowdedProtocol


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        raise Misconfigured(
            f"the operations pages cannot listen at their address: {_reason(error)}",
            key="SYNCD_OPS__BIND",
            hint="Another process may have the port (another syncd?). Set an address of this machine and a free port; "
            "port 0 takes any free one.",
        ) from error


def _reason(error: OSError | UnicodeError) -> str:
    """Say what is wrong without the address, which the error's own text repeats."""
    if isinstance(error, UnicodeError | socket.gaierror):
        return "there is no such host"
    return os.strerror(error.errno or 0)


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    # uvicorn has no event for it; this takes a few turns of the loop
    while not server.started and not serving.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    if serving.done():
        serving.result()


def _url(host: str, port: int) -> str:
    """Return an address that a browser on this machine can open."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
