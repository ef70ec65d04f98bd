"""Read what changed in the mission store into the ledger."""

import structlog

from syncd.events import Log
from syncd.jobs.progress import Progress
from syncd.ports.clock import Clock
from syncd.ports.ledger import CursorMove, Ledger, RowsRecorded
from syncd.ports.missions import MissionStore

FLOW = "missions"
_PAGE = 500

log: Log = structlog.get_logger()


async def discover(missions: MissionStore, ledger: Ledger, clock: Clock) -> RowsRecorded:
    """Record every row that changed since the last reading; rows and cursor are saved together.

    Raises:
        Transient: the store (or the ledger) cannot be reached; what was read so far is recorded.
        Misconfigured: the store lacks a column without which nothing works.
    """
    cursor, total, progress = await ledger.cursor(FLOW), RowsRecorded(), Progress("missions.reading", clock)
    while True:
        page = await missions.changed_since(cursor, limit=_PAGE)
        cursor = page.cursor if page.cursor is not None else cursor
        move = CursorMove(flow=FLOW, value=cursor)
        total += await ledger.record_rows(page.missions, now=clock.now(), move=move)
        progress.reach(total.read)
        if not page.has_more:
            break
    await ledger.note_flow(FLOW, now=clock.now(), rows=total.read, changes=total.new + total.changed)
    if total.new or total.changed:
        log.info("missions.read", new=total.new, changed=total.changed, unchanged=total.unchanged)
    return total
