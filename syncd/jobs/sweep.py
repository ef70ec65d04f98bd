"""Compare the whole mission store with the ledger: what a cursor can miss, deleted rows included.

A store that is suddenly empty, or has lost many missions, is not believed: nothing is changed and a person decides.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from syncd.events import Log
from syncd.jobs.progress import Progress
from syncd.model import Facts, MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Amendment, KnownMission, Ledger, RowsRecorded, TimelineEntry
from syncd.ports.missions import MissionStore

FLOW = "sweep"
GUARD = "sweep"
_PAGE = 500
_MISSED_MEANS_GONE = 2
_LONGEST = timedelta(minutes=30)
"""A sweep that began longer ago and did not end was cut short."""
_APPROVED = "sweep_approved"

log: Log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Something that one replica does from time to time: the names of the marks that say when it began and ended."""

    begun: str
    ended: str

    async def begin(self, ledger: Ledger, clock: Clock) -> None:
        """Tell the other replicas."""
        await ledger.set_mark(self.begun, clock.now().isoformat())

    async def end(self, ledger: Ledger, clock: Clock) -> None:
        """The next one is counted from here."""
        await ledger.set_mark(self.ended, clock.now().isoformat())

    async def is_due(self, ledger: Ledger, clock: Clock, *, every: timedelta, at_once: bool = False) -> bool:
        """Whether the last one is long enough ago (or it is wanted now), and no replica is at it.

        On a new ledger the time starts now, for discovery and the feed read everything.
        """
        now, ended = clock.now(), await ledger.mark(self.ended)
        if ended is None:
            await self.end(ledger, clock)
            return False
        if not at_once and now - datetime.fromisoformat(ended) < every:
            return False
        begun = await ledger.mark(self.begun)
        return begun is None or begun <= ended or now - datetime.fromisoformat(begun) >= _LONGEST


_SWEEP = Round(begun="sweep_begun_at", ended="swept_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLimits:
    """How much of the store may be gone before nothing is believed any more."""

    gone_share: float = 0.2
    gone_minimum: int = 5
    """So many missions may go without a question, whatever their share; an empty store never."""


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
    await _SWEEP.begin(ledger, clock)
    search = await _find_missing(missions, ledger)
    stopped = await _reason_to_stop(missions, ledger, search, limits)
    if stopped is not None:
        rows = RowsRecorded()
        await ledger.trip(GUARD, stopped, now=clock.now())
        await ledger.note_flow(FLOW, now=clock.now(), error=stopped)
        log.error("sweep.stopped", known=search.known, missing=len(search.missing))
    else:
        rows = await _read_all(missions, ledger, clock)
        await _count_missing(search.newly_missing, ledger, clock)
        changes = rows.new + rows.changed + len(search.newly_missing)
        await ledger.note_flow(FLOW, now=clock.now(), rows=rows.read + len(search.newly_missing), changes=changes)
        log.info("sweep.finished", known=search.known, missing=len(search.missing), new=rows.new, changed=rows.changed)
    await _SWEEP.end(ledger, clock)
    return SweepReport(rows=rows, known=search.known, missing=tuple(search.missing), stopped=stopped)


async def sweep_when_due(
    missions: MissionStore, ledger: Ledger, clock: Clock, limits: SweepLimits, *, every: timedelta
) -> SweepReport | None:
    """Sweep when the last one is long enough ago, or an admin let it pass, and no replica is at it."""
    is_approved = await ledger.mark(_APPROVED) == "once"
    is_due = await _SWEEP.is_due(ledger, clock, every=every, at_once=is_approved)
    return await sweep(missions, ledger, clock, limits) if is_due else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """How many missions are known, and how often in a row those that the store lacks were missing before."""

    known: int
    missing: Mapping[MissionId, int]

    @property
    def newly_missing(self) -> Mapping[MissionId, int]:
        """Those that do not count as gone yet: what was found out about the others is no news."""
        return {m: missed for m, missed in self.missing.items() if missed < _MISSED_MEANS_GONE}


async def _find_missing(missions: MissionStore, ledger: Ledger) -> _Search:
    known, missing = 0, dict[MissionId, int]()
    async for page in _known_pages(ledger):
        there = await missions.existing([mission.mission_id for mission in page])
        missing |= {m.mission_id: m.sweeps_missed for m in page if m.mission_id not in there}
        known += len(page)
    return _Search(known=known, missing=missing)


async def _known_pages(ledger: Ledger) -> AsyncIterator[tuple[KnownMission, ...]]:
    after: MissionId | None = None
    while page := await ledger.known_page(after, limit=_PAGE):
        yield page
        after = page[-1].mission_id


async def _reason_to_stop(missions: MissionStore, ledger: Ledger, search: _Search, limits: SweepLimits) -> str | None:
    """An approval lets one sweep pass, whatever it finds."""
    if await ledger.mark(_APPROVED) == "once":
        await ledger.set_mark(_APPROVED, "")
        return None
    new, old = len(search.newly_missing), len(search.missing) - len(search.newly_missing)
    known = search.known - old
    if known and not await missions.page(None, limit=1):
        return f"the mission store is empty, {known} missions are known"
    if new > limits.gone_minimum and new > known * limits.gone_share:
        return f"{new} of {known} known missions are gone from the store"
    return None


async def _read_all(missions: MissionStore, ledger: Ledger, clock: Clock) -> RowsRecorded:
    total, after, progress = RowsRecorded(), None, Progress("sweep.reading", clock)
    while True:
        page = await missions.page(after, limit=_PAGE)
        total += await ledger.record_rows(page, now=clock.now())
        progress.reach(total.read)
        if len(page) < _PAGE:
            return total
        after = page[-1].mission_id


async def _count_missing(gone: Mapping[MissionId, int], ledger: Ledger, clock: Clock) -> None:
    def miss(facts: Facts) -> Amendment | None:
        if facts.sweeps_missed != gone[facts.mission_id]:
            return None  # another sweep counted it, or the row is back
        times = facts.sweeps_missed + 1
        entry = TimelineEntry(event="mission.missing", detail={"count": times})
        return Amendment(facts=replace(facts, sweeps_missed=times), entries=(entry,))

    missing = list(gone)
    for start in range(0, len(missing), _PAGE):
        await ledger.amend(missing[start : start + _PAGE], miss, now=clock.now())
