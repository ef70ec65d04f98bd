"""Work on every contract that is due: claim, perform, record, until nothing is due.

One contract's failure is its own: an effect's trouble is an outcome like any other, and is recorded as such.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import structlog

from syncd.errors import Transient
from syncd.events import Log
from syncd.jobs.effects import Bench, MayBegin, perform
from syncd.jobs.failures import crashed, put_off
from syncd.jobs.leaps import Leaps
from syncd.jobs.record import GroupCommit
from syncd.jobs.settle import Settler
from syncd.jobs.supply import Supply
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Claim, CreationLimit, Ledger, Outcome

log: Log = structlog.get_logger()

_LOOK_AGAIN = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class _Hold:
    """Our lease on one contract, as far as this process can be sure of it (on the clock's monotonic hand)."""

    token: int
    sure_until: float
    is_retry: bool
    """Its last attempt failed."""


class Advancer:
    """Moves contracts on. As many effects run at once as the gate is wide; some more wait claimed: none is idle."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        settle: Settler,
        bench: Bench,
        clock: Clock,
        concurrency: int,
        creations: CreationLimit,
        lease: timedelta,
        has_moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`has_moved` is called when contracts were settled: there may be letters to send."""
        self._ledger = ledger
        self._settle = settle
        self._bench = bench
        self._clock = clock
        self._leaps = Leaps(clock)
        self._concurrency = concurrency
        self._most_retries = max(1, concurrency // 2)  # what keeps failing slowly leaves half of the room to the others
        self._supply = Supply(concurrency, clock)
        self._creations = creations
        self._has_moved = has_moved
        self._sure_for_s = lease.total_seconds() * 3 / 4  # a margin: nothing is begun shortly before another may claim
        self._holds: dict[MissionId, _Hold] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._patient: set[asyncio.Task[None]] = set()
        """Those that wait for their turn: nothing was asked of CACTUS yet."""
        self._sent_away: set[asyncio.Task[None]] = set()
        """Those that waited when we were told to stop."""
        self._record = GroupCommit(self._record_batch)
        self._is_stopping = False
        self._has_found = False
        """Whether the last look for work found some."""
        self.wake = asyncio.Event()
        self.performed = 0
        self.touched = 0
        self.progressed_at = clock.monotonic()
        """When it last looked for work."""

    @property
    def is_busy(self) -> bool:
        """Whether effects are under way or about to be: what was claimed last may not be all that is due."""
        return self._has_found or bool(self._tasks)

    async def run(self) -> None:
        """Work for ever; a ledger that cannot be reached is tried again."""
        while not self._is_stopping:
            try:
                await self.drain()
            except Transient as error:
                log.warning("pass.failed", error=error.message)
            await self._rest()

    async def drain(self) -> int:
        """Work until nothing is due and nothing is under way; return how many effects were performed."""
        performed_before = self.performed
        try:
            while not self._is_stopping:
                self.wake.clear()
                found = await self._claim_some(None)
                self._has_found = found > 0
                if not self.is_busy:
                    break
                if found == 0 or len(self._tasks) > self._concurrency:
                    await self._rest()
        finally:
            self._has_found = False
        await self._finish_tasks()
        return self.performed - performed_before

    async def drive(self, mission_ids: Sequence[MissionId]) -> None:
        """Work on these contracts alone, due or not, until they rest."""
        for start in range(0, len(mission_ids), self._concurrency):
            await self._claim_some(mission_ids[start : start + self._concurrency])
            await self._finish_tasks()

    def begin_nothing_more(self) -> None:
        """Ask nothing more of CACTUS from here on; what is only claimed is given back."""
        self._is_stopping = True
        self.wake.set()
        self._sent_away |= self._patient
        while self._patient:
            self._patient.pop().cancel()

    async def stop(self) -> None:
        """Begin nothing new, finish what is under way, give back what was only claimed."""
        self.begin_nothing_more()
        await self._finish_tasks()

    async def abandon(self) -> None:
        """Leave what is still under way: its intent is committed, whoever comes next finds out what became of it."""
        for task in self._tasks:
            task.cancel()
        await self._finish_tasks()

    async def renew_leases(self) -> None:
        """Keep our claims; whatever is no longer ours is not begun, and the fencing token keeps us from recording it.

        Raises:
            Transient: the ledger cannot be reached; the claims lapse by themselves.
        """
        asked_at, tokens = self._clock.monotonic(), {m: hold.token for m, hold in self._holds.items()}
        if not tokens:
            return
        renewed = await self._ledger.renew(tokens, now=self._clock.now())
        for mission_id, token in tokens.items():
            hold = self._holds.get(mission_id)
            if hold is not None and hold.token == token:
                hold.sure_until = asked_at + (self._sure_for_s if mission_id in renewed else 0.0)

    def doubt_leases(self) -> None:
        """Another replica may take us for dead: begin nothing more without asking the ledger whether it is ours."""
        for hold in self._holds.values():
            hold.sure_until = 0.0

    # ---------------------------------------------------------------------------------------------------- claiming

    async def _claim_some(self, only: Sequence[MissionId] | None) -> int:
        """Claim as much as there is room for; return how many contracts that came to (0: nothing is due).

        While nobody knows whether CACTUS is well again, one contract is taken, alone: a crowd would only stand at the
        gate, and before those that follow when it opens.
        """
        self.progressed_at = asked_at = self._clock.monotonic()
        probe = self._bench.gate.probe if only is None else None
        room = self._supply.most(self.performed) - len(self._tasks)
        if room <= 0 or (probe is not None and self._tasks):
            return 0
        if self._leaps.has_leapt():  # what is under way must not look abandoned
            await self.renew_leases()
        claimed = await self._ledger.claim(
            limit=room if probe is None else 1,
            retries=max(0, self._most_retries - self._retries()),
            now=self._clock.now(),
            settle=self._settle,
            creations=self._creations,
            probe=probe,
            only=only,
        )
        for claim in claimed.claims:
            is_retry = claim.facts.last_error is not None
            self._start(claim, _Hold(token=claim.token, sure_until=asked_at + self._sure_for_s, is_retry=is_retry))
        found = len(claimed.claims) + claimed.settled
        self.touched += found
        if claimed.settled:
            self._has_moved()
        return found

    def _retries(self) -> int:
        return sum(hold.is_retry for hold in self._holds.values())

    def _start(self, claim: Claim, hold: _Hold) -> None:
        self._holds[claim.facts.mission_id] = hold
        task = asyncio.create_task(self._work(claim, hold), name=f"contract:{claim.facts.mission_id}")
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.wake.set()

    # ----------------------------------------------------------------------------------------------------- working

    async def _work(self, claim: Claim, hold: _Hold) -> None:
        """Perform and record one effect after another, for as long as the contract has one due."""
        mission_id, current = claim.facts.mission_id, claim
        try:
            while (outcome := await self._take_turn(current, hold)) is not None:
                recorded_at = self._clock.monotonic()
                following = await self._record_in_time(outcome, hold)
                if following is None:
                    return
                current, hold.token, hold.sure_until = following, following.token, recorded_at + self._sure_for_s
        except Exception as error:
            log.error("contract.crashed", mission_id=mission_id, exc_info=error)
        finally:
            if self._holds.get(mission_id) is hold:
                del self._holds[mission_id]

    async def _take_turn(self, claim: Claim, hold: _Hold) -> Outcome | None:
        """Perform the effect when the gate has room; `None` when another replica may have the contract by then.

        Told to stop, whoever still waits at the gate leaves: nothing was asked of CACTUS yet.
        """
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._patient.add(task)
        try:
            outcome = await self._perform(claim, lambda: self._may_begin(hold, task))
        except asyncio.CancelledError:
            if task not in self._sent_away or task.uncancel() > 0:  # somebody else cancelled it, too
                raise
            outcome = None
        finally:
            self._patient.discard(task)
            self._sent_away.discard(task)
        if outcome is None and self._is_stopping:
            return put_off(claim, self._clock)
        if outcome is None:
            log.warning("contract.unrecorded", mission_id=claim.facts.mission_id, error="not begun: the lease lapses")
        return outcome

    async def _may_begin(self, hold: _Hold, task: asyncio.Task[None]) -> bool:
        """Look around once more, after all waiting; what is begun from here on is finished."""
        if not self._is_sure_of(hold) and not self._is_stopping:
            await self._ask_for_leases()
        if self._is_stopping or not self._is_sure_of(hold):
            return False
        self._patient.discard(task)
        self.performed += 1
        return True

    async def _perform(self, claim: Claim, may_begin: MayBegin) -> Outcome | None:
        try:
            return await perform(claim, self._bench, may_begin=may_begin)
        except Exception as error:
            log.error("contract.crashed", mission_id=claim.facts.mission_id, exc_info=error)
            return crashed(claim, type(error).__name__, self._clock, self._bench.policy.patience)

    # --------------------------------------------------------------------------------------------------- recording

    async def _record_in_time(self, outcome: Outcome, hold: _Hold) -> Claim | None:
        """Record an outcome, with patience for the ledger while the lease lasts; return the next effect, if any."""
        while True:
            try:
                return await self._record(outcome)
            except Transient as error:
                log.warning("contract.unrecorded", mission_id=outcome.mission_id, error=error.message)
            if self._is_stopping or not self._is_sure_of(hold):
                return None
            await self._clock.sleep(_LOOK_AGAIN)

    async def _record_batch(self, outcomes: Sequence[Outcome]) -> Sequence[Claim | None]:
        following = await self._ledger.record(
            outcomes, now=self._clock.now(), settle=self._settle, creations=self._creations
        )
        self._has_moved()
        return following

    async def _ask_for_leases(self) -> None:
        """Ask the ledger once more for leases that may have lapsed, or that somebody may have taken."""
        with suppress(Transient):
            await self.renew_leases()

    def _is_sure_of(self, hold: _Hold) -> bool:
        return self._clock.monotonic() < hold.sure_until

    # ----------------------------------------------------------------------------------------------------- waiting

    async def _finish_tasks(self) -> None:
        """Wait for what is under way; a caller who loses patience leaves it under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _rest(self) -> None:
        """Wait until somebody wakes us, at most a second: another process may have made something due."""
        self.progressed_at = self._clock.monotonic()
        if self._is_stopping:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                await self.wake.wait()
