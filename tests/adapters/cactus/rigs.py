"""Adapters for tests, over a real loopback socket or over a scripted transport."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import httpx
import respx

from syncd.adapters.cactus.auth import Authentication, NoAuthentication
from syncd.adapters.cactus.client import HttpClient
from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.notices import Notice
from syncd.ports.clock import Clock
from tests.conformance.examples import A_MISSION
from tests.support.clock import TickingClock

BASE_URL = "https://cactus.example.org/api/v1"
IN_TIME = timedelta(seconds=5)
SOON_OVER = timedelta(milliseconds=400)

CONTRACT: dict[str, object] = {
    "contract_id": "CT-1",
    "external_reference": A_MISSION.mission_id,
    "status": "initialised",
}


class NoticeBoard:
    """Keeps the notices of an adapter."""

    def __init__(self) -> None:
        self.seen: list[tuple[Notice, int]] = []

    def __call__(self, notice: Notice, *, count: int = 1) -> None:
        """Keep one."""
        self.seen.append((notice, count))


@asynccontextmanager
async def open_cactus(
    base_url: str,
    *,
    timeout: timedelta = IN_TIME,  # noqa: ASYNC109 - the deadline under test, not one of this function
    concurrency: int = 4,
    ca_file: Path | None = None,
    document_cap_bytes: int = 1_000_000,
    authentication: Authentication | None = None,
    notify: NoticeBoard | None = None,
    clock: Clock | None = None,
    client: HttpClient | None = None,
) -> AsyncIterator[HttpCactus]:
    """Give an adapter over a real socket, and close it."""
    cactus = HttpCactus(
        base_url=base_url,
        authentication=authentication or NoAuthentication(),
        timeout=timeout,
        concurrency=concurrency,
        clock=clock or TickingClock(),
        ca_file=ca_file,
        document_cap_bytes=document_cap_bytes,
        notify=notify or NoticeBoard(),
        client=client,
    )
    try:
        yield cactus
    finally:
        await cactus.aclose()


def scripted_cactus(
    router: respx.Router,
    *,
    authentication: Authentication | None = None,
    clock: Clock | None = None,
    paths: Mapping[str, str] = MappingProxyType({}),
    status_words: Mapping[str, str] = MappingProxyType({}),
    notify: NoticeBoard | None = None,
    base_url: str = BASE_URL,
) -> HttpCactus:
    """Return an adapter whose requests go to a respx router."""
    transport = httpx.MockTransport(router.async_handler)
    return HttpCactus(
        base_url=base_url,
        authentication=authentication or NoAuthentication(),
        timeout=IN_TIME,
        concurrency=4,
        clock=clock or TickingClock(),
        paths=paths,
        status_words=status_words,
        notify=notify or NoticeBoard(),
        client=HttpClient(timeout=IN_TIME, concurrency=4, transport=transport),
    )


def sent(router: respx.Router) -> list[httpx.Request]:
    """Return what a router was sent, in order."""
    return [call.request for call in router.calls]
