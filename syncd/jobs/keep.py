"""Keep this replica's place among the others: its sign of life, its claims, what the dead held, what others learned."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from syncd.errors import Transient
from syncd.events import Log
from syncd.jobs.works import Rhythm, Works
from syncd.ports.presence import Sight, Standing

log: Log = structlog.get_logger()

_A_LOOK = timedelta(seconds=0.3)
"""How often the others are looked at: who is missing twice is dead."""
_A_LOOK_ALONE = timedelta(seconds=1)
"""While there are none: nobody can go missing before it was seen to come."""


def beat_of(rhythm: Rhythm) -> timedelta:
    """Return how often the house must be kept, so that no lease lapses while we live."""
    return min(rhythm.heartbeat, rhythm.lease / 4)


async def keep_house(works: Works) -> None:
    """Say that we live, keep our claims, free what dead replicas held, and learn how the remotes are.

    Raises:
        Transient: the ledger cannot be reached.
    """
    await works.ledger.heartbeat(now=works.clock.now())
    await works.advancer.renew_leases()
    await _rescue(works)
    await works.cactus_gate.refresh()
    await works.mail_gate.refresh()


async def keep_looking(works: Works) -> None:
    """Look around for ever, more often in company; a ledger that cannot be reached is tried again."""
    while True:
        pause = _A_LOOK
        try:
            pause = await look_around(works)
        except Transient as error:
            log.warning("pass.failed", error=error.message)
        await works.clock.sleep(pause)


async def look_around(works: Works) -> timedelta:
    """Show the other replicas that we live, and free at once what one held that no longer does.

    Returns after how long to look again.

    Raises:
        Transient: the ledger cannot be reached.
    """
    if works.presence is None:
        return _A_LOOK_ALONE
    seen = await works.presence.look()
    if seen.is_news:
        _tell(seen)
        if seen.standing is not Standing.SHOWN:
            works.advancer.doubt_leases()
        await works.ledger.heartbeat(now=works.clock.now())  # the registry says at once how we are to be judged
    if seen.has_departed:
        await _rescue(works)
    is_alone = seen.standing is Standing.SHOWN and not seen.has_company
    return _A_LOOK_ALONE if is_alone else _A_LOOK


async def _rescue(works: Works) -> None:
    freed = await works.ledger.rescue(now=works.clock.now())
    if freed:
        log.warning("replica.rescued", count=freed)
        works.advancer.wake.set()


def _tell(seen: Sight) -> None:
    match seen.standing:
        case Standing.SHOWN:
            log.info("presence.shown")
        case Standing.LOST:
            log.warning("presence.lost", error=seen.error)
        case Standing.GIVEN_UP:
            log.warning("presence.given_up")


@asynccontextmanager
async def kept_house(works: Works) -> AsyncIterator[None]:
    """Keep the house while something else is done; without it, other replicas would take us for dead."""
    await keep_house(works)
    keeping = [
        asyncio.create_task(_keep_house(works, every=beat_of(works.rhythm)), name="housekeeping"),
        asyncio.create_task(keep_looking(works), name="presence"),
    ]
    try:
        yield
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.wait(keeping)
        for task in keeping:
            if not task.cancelled():
                task.result()


async def _keep_house(works: Works, *, every: timedelta) -> None:
    while True:
        await works.clock.sleep(every)
        try:
            await keep_house(works)
        except Transient as error:
            log.warning("pass.failed", error=error.message)
