"""Compare the whole mission store with the ledger: what a cursor can miss, deleted rows included.

A store that is suddenly empty, or has lost many missions, is not believed: nothing is changed and a person decides.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from syncd.model import Facts, MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Amendment, KnownMission, Ledger, RowsRecorded, TimelineEntry
from syncd.ports.missions import MissionStore

FLOW = "sweep"
GUARD = "sweep"
_PAGE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLimits:
    """How much of the store may be gone before nothing is believed any more."""

    gone_share: float = 0.2
    gone_minimum: int = 5
    """Fewer missions than this may go without a question, whatever their share; an empty store never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep found. `stopped` says why it changed nothing."""

    rows: RowsRecorded
    known: int
    missing: tuple[MissionId, ...]
    stopped: str | None = None


async def sweep(missions: MissionStore, ledger: Ledger, clock: Clock, limits: SweepLimits) -> SweepReport:
    """Read every row of the store once, and look for every known mission in it.

    Raises:
        Transient: the store (or the ledger) cannot be reached; a sweep that was cut can be run again.
    """
    await ledger.set_mark("swept_at", clock.now().isoformat())
    known, missing = await _find_missing(missions, ledger)
    stopped = await _reason_to_stop(missions, ledger, known, missing, limits)
    if stopped is not None:
        await ledger.trip(GUARD, stopped, now=clock.now())
        await ledger.note_flow(FLOW, now=clock.now(), error=stopped)
        log.error("sweep.stopped", known=known, missing=len(missing))
        return SweepReport(
            rows=RowsRecorded(new=0, changed=0, unchanged=0), known=known, missing=tuple(missing), stopped=stopped
        )
    rows = await _read_all(missions, ledger, clock)
    await _count_missing(missing, ledger, clock)
    total = rows.new + rows.changed + rows.unchanged
    await ledger.note_flow(FLOW, now=clock.now(), rows=total, changes=rows.new + rows.changed + len(missing))
    log.info("sweep.finished", known=known, missing=len(missing), new=rows.new, changed=rows.changed)
    return SweepReport(rows=rows, known=known, missing=tuple(missing))


async def sweep_when_due(
    missions: MissionStore, ledger: Ledger, clock: Clock, limits: SweepLimits, *, every: timedelta
) -> SweepReport | None:
    """Sweep when the last one is long enough ago; on a new ledger the clock starts now, for discovery reads it all."""
    now, last = clock.now(), await ledger.mark("swept_at")
    if last is None:
        await ledger.set_mark("swept_at", now.isoformat())
        return None
    if now - datetime.fromisoformat(last) < every:
        return None
    return await sweep(missions, ledger, clock, limits)


async def _find_missing(missions: MissionStore, ledger: Ledger) -> tuple[int, list[MissionId]]:
    known, missing = 0, list[MissionId]()
    async for page in _known_pages(ledger):
        ids = [mission.mission_id for mission in page]
        there = await missions.existing(ids)
        known += len(ids)
        missing.extend(mission_id for mission_id in ids if mission_id not in there)
    return known, missing


async def _known_pages(ledger: Ledger) -> AsyncIterator[tuple[KnownMission, ...]]:
    after: MissionId | None = None
    while page := await ledger.known_page(after, limit=_PAGE):
        yield page
        after = page[-1].mission_id


async def _reason_to_stop(
    missions: MissionStore, ledger: Ledger, known: int, missing: list[MissionId], limits: SweepLimits
) -> str | None:
    """An approval lets one sweep pass, whatever it finds."""
    guard = await ledger.guard(GUARD)
    if guard.approved_at is not None and guard.tripped_at is None and await ledger.mark("sweep_approved") == "once":
        await ledger.set_mark("sweep_approved", "")
        return None
    if known and not await missions.page(None, limit=1):
        return f"the mission store is empty, {known} missions are known"
    if len(missing) >= limits.gone_minimum and len(missing) > known * limits.gone_share:
        return f"{len(missing)} of {known} known missions are gone from the store"
    return None


async def _read_all(missions: MissionStore, ledger: Ledger, clock: Clock) -> RowsRecorded:
    total, after = RowsRecorded(new=0, changed=0, unchanged=0), None
    while True:
        page = await missions.page(after, limit=_PAGE)
        recorded = await ledger.record_rows(page, now=clock.now())
        total = RowsRecorded(
            new=total.new + recorded.new,
            changed=total.changed + recorded.changed,
            unchanged=total.unchanged + recorded.unchanged,
        )
        if len(page) < _PAGE:
            return total
        after = page[-1].mission_id


async def _count_missing(missing: list[MissionId], ledger: Ledger, clock: Clock) -> None:
    def miss(facts: Facts) -> Amendment:
        times = facts.sweeps_missed + 1
        entry = TimelineEntry(event="mission.missing", detail={"count": times})
        return Amendment(facts=replace(facts, sweeps_missed=times), entries=(entry,) if times <= 2 else ())

    for start in range(0, len(missing), _PAGE):
        await ledger.amend(missing[start : start + _PAGE], miss, now=clock.now())
