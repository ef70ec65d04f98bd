"""The counter of a `Registry`: serves it over real sockets, and lets each answer meet the fate that a test decides.

async with open_counter(registry, lambda request, nth: LOST) as server: ...      # server.url
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from tests.adapters.cactus.fault_server import Connection, Received, fault_server
from tests.faults.remote.registry import AT_ONCE, Registry, is_creation, reference_of
from tests.world.remote import Answer, Request


class Said(StrEnum):
    """What the client gets to see."""

    ALL = "the whole answer"
    NOTHING = "the connection is closed"
    RESET = "the connection is reset"
    HALF = "half an answer, then the connection is closed"
    SILENCE = "nothing, while the connection stays open"
    TRICKLE = "a byte now and then"
    FAILURE = "a failure of the server"


TROUBLES = tuple(said for said in Said if said is not Said.ALL)
"""Whatever leaves the client in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one request: done `after` a while (`None`: never), and what is said of it.

    `status` is what a failure says; `headers` go with every whole answer; `instead` replaces the honest answer.
    """

    said: Said = Said.ALL
    after: timedelta | None = AT_ONCE
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    instead: Answer | None = None


HONEST = Fate()
Decide = Callable[[Request, int], Fate]
"""Decides over a request; of an initialisation, the number says the how manieth for its mission this is (from 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request: when it came by the registry's clock, the how manieth at once it was, after how many answers."""

    at: float
    at_once: int
    answered: int


@dataclass(slots=True, kw_only=True)
class Desk:
    """What a test sees of the counter."""

    url: str
    arrivals: list[Arrival] = field(default_factory=list)
    under_way: int = 0
    answered: int = 0
    fates: Counter[Said] = field(default_factory=Counter)
    """What was said to initialisations."""

    def turn_the_page(self) -> list[Arrival]:
        """Return the arrivals since the last page, and begin a new one."""
        page, self.arrivals, self.answered = self.arrivals, [], 0
        return page


@asynccontextmanager
async def open_counter(registry: Registry, decide: Decide, *, takes_s: float = 0.0) -> AsyncIterator[Desk]:
    """Serve a registry on a free port; every request takes so long."""

    async def serve(connection: Connection) -> None:
        is_open = True
        while is_open:
            request = _plain(await connection.read_request())
            nth = len(registry.asked_at[reference_of(request)]) + 1 if is_creation(request) else 0
            fate = decide(request, nth)
            if nth:
                desk.fates[fate.said] += 1
            desk.under_way += 1
            desk.arrivals.append(Arrival(at=registry.now_s(), at_once=desk.under_way, answered=desk.answered))
            try:
                answer = registry.take(request, after=fate.after)
                await asyncio.sleep(takes_s)
                is_open = await _say(connection, fate, fate.instead or answer or Answer(202, b"{}"))
            finally:
                desk.under_way -= 1
                desk.answered += 1

    async with fault_server(serve) as server:
        desk = Desk(url=server.url)
        registry.url = server.url
        yield desk


async def _say(connection: Connection, fate: Fate, answer: Answer) -> bool:
    """Return whether the connection goes on."""
    body, headers = answer.body, {**answer.headers, **fate.headers}
    match fate.said:
        case Said.ALL:
            await connection.answer(answer.status, body, headers)
            return True
        case Said.FAILURE:
            await connection.answer(fate.status, b"", fate.headers)
            return True
        case Said.HALF:
            head = f"HTTP/1.1 {answer.status} Status\r\nContent-Length: {len(body)}\r\n\r\n"
            await connection.send(head.encode() + body[: len(body) // 2])
        case Said.SILENCE:
            await connection.until_closed()
        case Said.TRICKLE:
            await _trickle(connection)
        case Said.RESET:
            connection.reset()
        case Said.NOTHING:
            pass
    return False


async def _trickle(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n")
    closed = asyncio.create_task(connection.until_closed())
    try:
        while not closed.done():
            await connection.send(b" ")
            await asyncio.wait([closed], timeout=0.03)
    finally:
        closed.cancel()
        await asyncio.gather(closed, return_exceptions=True)


def _plain(received: Received) -> Request:
    parts = urlsplit(received.target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(
        method=received.method, path=parts.path, query=query, headers=dict(received.headers), body=received.body
    )


def chance(*seed: object) -> random.Random:
    """Return dice of their own for this seed, the same on every machine."""
    return random.Random("/".join(map(str, seed)))  # noqa: S311 - a game, not a secret
