"""Every job of the daemon, one after the other, on a clock that stands still meanwhile."""

from syncd.jobs.digest import queue_digest
from syncd.jobs.discover import discover
from syncd.jobs.keep import keep_house
from syncd.jobs.once import ask_feed
from syncd.jobs.sweep import sweep_when_due
from syncd.jobs.works import Works


async def whole_pass(works: Works) -> None:
    """Ask the store and the feed, then advance and deliver until neither finds anything."""
    await keep_house(works)
    await discover(works.missions, works.ledger, works.clock)
    await sweep_when_due(works.missions, works.ledger, works.clock, works.sweep_limits, every=works.rhythm.sweep)
    await ask_feed(works)
    await queue_digest(works.ledger, works.clock, works.policy)
    while True:
        before = works.advancer.touched, works.deliverer.handled
        await works.advancer.drain()
        await works.deliverer.drain()
        if (works.advancer.touched, works.deliverer.handled) == before:
            return
