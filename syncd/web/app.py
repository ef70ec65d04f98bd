"""The four pages as one ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.web.doorkeeper import CHALLENGE, Doorkeeper, Token
from syncd.web.freshness import Rhythm
from syncd.web.health import Health
from syncd.web.metrics import CONTENT_TYPE, render_metrics, render_tasks
from syncd.web.recent import Recent
from syncd.web.rendering import PROTECTION, render_silence, render_status
from syncd.web.snapshot import read_snapshot

_METHODS = ("GET", "HEAD")
_OPEN_TO_ALL = frozenset({"/livez", "/readyz"})
_SNAPSHOT_AGE, _SNAPSHOT_PATIENCE = timedelta(seconds=5), timedelta(seconds=3)
_PROOF_AGE, _PROOF_PATIENCE = timedelta(seconds=1), timedelta(seconds=1)


class OpsPages:
    """Answers GET and HEAD. Being asked often costs the ledger nothing: what it says is kept for seconds."""

    def __init__(self, health: Health, ledger: Ledger, clock: Clock, *, token: Token | None, rhythm: Rhythm) -> None:
        self._health = health
        self._ledger = ledger
        self._clock = clock
        self._doorkeeper = Doorkeeper(token)
        self._rhythm = rhythm
        self._snapshot = Recent(
            lambda: read_snapshot(ledger, clock),
            clock=clock, longest_age=_SNAPSHOT_AGE, patience=_SNAPSHOT_PATIENCE,
        )  # fmt: skip
        self._proof = Recent(self._prove_ledger, clock=clock, longest_age=_PROOF_AGE, patience=_PROOF_PATIENCE)
        self._pages: dict[str, Callable[[], Awaitable[Response]]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/": self._status,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing of its body is read."""
        response = await self._answer(Request(scope))
        response.headers.update(PROTECTION)
        await response(scope, receive, send)

    async def aclose(self) -> None:
        """Let nobody wait for the ledger any longer."""
        await self._snapshot.aclose()
        await self._proof.aclose()

    async def _answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return PlainTextResponse("Only GET and HEAD.\n", 405, {"Allow": ", ".join(_METHODS)})
        path = str(request.scope["path"])
        page = self._pages.get(path)
        if page is None:
            return PlainTextResponse(f"No such page; there are: {', '.join(self._pages)}\n", 404)
        if path not in _OPEN_TO_ALL and not self._doorkeeper.admits(request.headers.get("authorization", "")):
            return PlainTextResponse("The token of these pages is asked for.\n", 401, {"WWW-Authenticate": CHALLENGE})
        return await page()

    async def _livez(self) -> Response:
        silent_s = self._clock.monotonic() - self._health.progressed_at
        is_alive = silent_s <= self._rhythm.longest_silence.total_seconds()
        return JSONResponse({"alive": is_alive, "progress_age_s": round(silent_s)}, 200 if is_alive else 503)

    async def _readyz(self) -> Response:
        missing = [] if self._health.is_ready else ["daemon"]
        if await self._proof.latest() is None:
            missing.append("ledger")
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def _metrics(self) -> Response:
        shared, own = render_metrics(await self._snapshot.latest()), render_tasks(len(asyncio.all_tasks()))
        return Response(shared + own, headers={"Content-Type": CONTENT_TYPE})

    async def _status(self) -> Response:
        snapshot = await self._snapshot.latest()
        if snapshot is None:
            return Response(render_silence(self._clock.now()), 503, media_type="text/html")
        return Response(render_status(snapshot, self._rhythm), media_type="text/html")

    async def _prove_ledger(self) -> bool:
        """Read the least there is to read."""
        await self._ledger.mark("readiness")
        return True
