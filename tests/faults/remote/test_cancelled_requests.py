"""Requests that are given up by the thousand, in every phase of their life: every connection stays usable."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import httpx
import pytest

from syncd.adapters.cactus.client import HttpClient, _open_transport
from syncd.adapters.cactus.http import HttpCactus
from syncd.errors import Transient
from syncd.model import ContractId, DocumentKind, MissionId
from tests.adapters.cactus.fault_server import Connection, fault_server
from tests.adapters.cactus.rigs import CONTRACT, open_cactus
from tests.conformance.examples import A_MISSION
from tests.faults.remote.counter import chance
from tests.jobs.workshop import until
from tests.support.scale import Amount, Figures

CONCURRENCY = 20
AT_ONCE = 25
"""Requests under way together: more than there are connections, so that some are given up in the queue."""
SHARDS = range(4)
PATIENT = timedelta(seconds=60)
TOGETHER = ContractId("CT-together")

Call = Callable[[HttpCactus], Awaitable[object]]
CALLS: tuple[Call, ...] = (
    lambda cactus: cactus.initialise(A_MISSION, key="k"),
    lambda cactus: cactus.find(MissionId("FVMA-" + "x" * 3_000)),
    lambda cactus: cactus.read(ContractId("CT-1")),
    lambda cactus: cactus.changes(None, limit=50),
    lambda cactus: cactus.cancel(ContractId("CT-1"), "Retrait"),
    lambda cactus: cactus.fetch_document(ContractId("CT-1"), DocumentKind.CERFA, 1),
    lambda cactus: cactus.fetch_document(ContractId("CT-1"), DocumentKind.CONVENTION, 2),
)


class Phase(StrEnum):
    """Where an exchange hangs."""

    BEFORE_ANSWER = "before the answer"
    IN_HEAD = "within the headers"
    BEFORE_BODY = "before the body"
    IN_BODY = "within the body"
    IN_CHUNK = "within a chunk"
    NOWHERE = "answered"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
PART = b"%PDF-1.7 " + b"x" * 200_000
BEGINNINGS = {
    Phase.BEFORE_ANSWER: b"",
    Phase.IN_HEAD: HEAD,
    Phase.BEFORE_BODY: HEAD + b"Content-Length: 400000\r\n\r\n",
    Phase.IN_BODY: HEAD + b"Content-Length: 400000\r\n\r\n" + PART,
    Phase.IN_CHUNK: HEAD + b"Transfer-Encoding: chunked\r\n\r\n61a80\r\n" + PART,
}


class HangingServer:
    """Hangs in each exchange where the dice say; requests for one contract wait for each other instead."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._everybody = asyncio.Barrier(CONCURRENCY)
        self.hanging = 0
        self.phases: Counter[Phase] = Counter()

    async def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        is_kept = True
        while is_kept:
            request = await connection.read_request()
            if request.target.endswith(TOGETHER):
                await self._everybody.wait()
                await connection.answer(200, CONTRACT | {"contract_id": TOGETHER})
            else:
                is_kept = await self._hang(connection, self._dice.choice(tuple(Phase)))

    async def _hang(self, connection: Connection, phase: Phase) -> bool:
        self.phases[phase] += 1
        if phase is Phase.NOWHERE:
            await connection.answer(404, {"type": "not-found"})
            return True
        self.hanging += 1
        try:
            await connection.send(BEGINNINGS[phase])
            await connection.until_closed()
        finally:
            self.hanging -= 1
        return False


def open_descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def settle_at(count: int) -> None:
    """Return once no more descriptors than these are open: the other end closes a moment later."""
    for _ in range(1_000):
        if open_descriptors() <= count:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{open_descriptors() - count} descriptors leaked")


async def until_they_hang(server: HangingServer, calls: Sequence[asyncio.Future[object]]) -> None:
    """Return once every connection that a call has got hangs."""
    await until(lambda: server.hanging >= min(CONCURRENCY, sum(not call.done() for call in calls)))


async def give_up_some(cactus: HttpCactus, server: HangingServer, dice: random.Random, turn: int) -> int:
    """Begin some calls and give all of them up, at random moments or where they hang; return how many that were."""
    calls = [asyncio.ensure_future(CALLS[(turn + number) % len(CALLS)](cactus)) for number in range(AT_ONCE)]
    if turn % 2:
        await until_they_hang(server, calls)
    given_up = 0
    for call in dice.sample(calls, AT_ONCE):
        if turn % 2 == 0:
            await asyncio.sleep(dice.choice((0, 0, 0.0002, 0.001)))
        given_up += call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return given_up


async def use_every_connection(cactus: HttpCactus) -> None:
    """Make so many calls at once that the server answers only if each has a connection of its own."""
    async with asyncio.timeout(5):
        await asyncio.gather(*(cactus.read(TOGETHER) for _ in range(CONCURRENCY)))


async def give_up_and_use(cactus: HttpCactus, server: HangingServer, dice: random.Random, count: int) -> int:
    """Give up at least so many calls of all kinds, use every connection twice, and return how many calls it were."""
    given_up = turn = 0
    while given_up < count:
        given_up += await give_up_some(cactus, server, dice, turn)
        turn += 1
    await use_every_connection(cactus)
    await use_every_connection(cactus)
    return given_up


@pytest.mark.parametrize("shard", SHARDS)
async def test_cancelled_requests_leave_every_connection_usable(shard: int, amount: Amount, figures: Figures) -> None:
    count, tasks_before = amount(quick=500, deep=5_000) // len(SHARDS), len(asyncio.all_tasks())
    dice = chance("cancelled", shard)
    hanging = HangingServer(dice)
    async with fault_server(hanging) as server:
        before = open_descriptors()
        async with open_cactus(
            server.url, concurrency=CONCURRENCY, timeout=PATIENT, document_cap_bytes=2_000_000
        ) as cactus:
            given_up = await give_up_and_use(cactus, hanging, dice, count)
            await settle_at(before + 2 * CONCURRENCY)  # both ends of each connection are in this process
        await settle_at(before)
    await asyncio.sleep(0)

    figures.note(
        "cancelled requests", cancelled=given_up, connections=server.connections, usable_afterwards=CONCURRENCY,
        leaked_descriptors=0, seed=f"cancelled/{shard}",
        **{phase.name.lower(): hanging.phases[phase] for phase in Phase},
    )  # fmt: skip
    assert len(asyncio.all_tasks()) == tasks_before
    assert set(hanging.phases) == set(Phase)


class ForgetfulTransport(httpx.AsyncBaseTransport):
    """Counts its connections as one may do it at first: what is cancelled is never counted back."""

    def __init__(self) -> None:
        self._transport = _open_transport(CONCURRENCY, None)
        self._room = asyncio.Semaphore(CONCURRENCY)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer when there is room."""
        await self._room.acquire()
        response = await self._transport.handle_async_request(request)
        self._room.release()
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


async def test_the_harness_catches_a_pool_that_loses_what_was_cancelled() -> None:
    dice = chance("cancelled", "forgetful")
    hanging = HangingServer(dice)
    client = HttpClient(timeout=timedelta(seconds=1), concurrency=CONCURRENCY, transport=ForgetfulTransport())
    async with fault_server(hanging) as server, open_cactus(server.url, client=client) as cactus:
        with pytest.raises((TimeoutError, Transient)):
            await give_up_and_use(cactus, hanging, dice, 50)
