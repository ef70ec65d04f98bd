"""Keep this replica's place among the others: its sign of life, its claims, what the dead held, what others learned."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from syncd.errors import Transient
from syncd.events import Log
from syncd.jobs.works import Rhythm, Works

log: Log = structlog.get_logger()

_HEARTBEAT = timedelta(seconds=2)


def beat_of(rhythm: Rhythm) -> timedelta:
    """Return how often the house must be kept, so that no lease lapses while we live."""
    return min(_HEARTBEAT, rhythm.lease / 4)


async def keep_house(works: Works) -> None:
    """Say that we live, keep our claims, free what dead replicas held, and learn how the remotes are.

    Raises:
        Transient: the ledger cannot be reached.
    """
    await works.ledger.heartbeat(now=works.clock.now())
    await works.advancer.renew_leases()
    freed = await works.ledger.rescue(now=works.clock.now())
    if freed:
        log.warning("replica.rescued", count=freed)
        works.advancer.wake.set()
    await works.cactus_gate.refresh()
    await works.mail_gate.refresh()


@asynccontextmanager
async def kept_house(works: Works) -> AsyncIterator[None]:
    """Keep the house while something else is done; without it, other replicas would take us for dead."""
    await keep_house(works)
    keeping = asyncio.create_task(_keep_on(works), name="housekeeping")
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep_on(works: Works) -> None:
    while True:
        await works.clock.sleep(beat_of(works.rhythm))
        try:
            await keep_house(works)
        except Transient as error:
            log.warning("pass.failed", error=error.message)
