"""Work on every contract that is due: claim, perform, record, until nothing is due.

One contract's failure is its own: an effect's trouble is an outcome like any other, and is recorded as such.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from syncd.errors import Transient
from syncd.jobs.effects import Bench, crashed, perform
from syncd.jobs.record import GroupCommit
from syncd.jobs.settle import Settler
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Claim, CreationLimit, Ledger, Outcome

log = structlog.get_logger()

_LOOK_AGAIN = timedelta(seconds=1)


class Advancer:
    """Moves contracts on. `concurrency` effects run at once; as many more wait claimed, so that none is idle."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        settle: Settler,
        bench: Bench,
        clock: Clock,
        concurrency: int,
        creations: CreationLimit,
    ) -> None:
        self._ledger = ledger
        self._settle = settle
        self._bench = bench
        self._clock = clock
        self._concurrency = concurrency
        self._creations = creations
        self._held: dict[MissionId, Claim] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(concurrency)
        self._record = GroupCommit(self._record_batch)
        self._freed = asyncio.Event()
        self._is_stopping = False
        self.wake = asyncio.Event()
        self.performed = 0
        self.touched = 0

    @property
    def is_busy(self) -> bool:
        """Whether effects are under way or about to be."""
        return bool(self._tasks)

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
        while not self._is_stopping:
            found = await self._claim_some(None)
            if found == 0 and not self._tasks:
                break
            if found == 0 or len(self._tasks) > self._concurrency:
                await self._wait_for_room()
        await self._finish_tasks()
        return self.performed - performed_before

    async def drive(self, mission_ids: Sequence[MissionId]) -> None:
        """Work on these contracts alone, due or not, until they rest."""
        for start in range(0, len(mission_ids), self._concurrency):
            await self._claim_some(mission_ids[start : start + self._concurrency])
            await self._finish_tasks()

    async def stop(self) -> None:
        """Begin nothing new, finish what is under way, give back what was only claimed."""
        self._is_stopping = True
        self.wake.set()
        self._freed.set()
        await self._finish_tasks()

    def abandon(self) -> None:
        """Leave what is still under way: its intent is committed, whoever comes next finds out what became of it."""
        for task in self._tasks:
            task.cancel()

    async def renew_leases(self) -> None:
        """Keep our claims; whatever is no longer ours is left to its new owner by the fencing token."""
        tokens = {mission_id: claim.token for mission_id, claim in self._held.items()}
        if tokens:
            await self._ledger.renew(tokens, now=self._clock.now())

    async def _claim_some(self, only: Sequence[MissionId] | None) -> int:
        """Claim as much as there is room for; return how many contracts that came to (0: nothing is due)."""
        room = 2 * self._concurrency - len(self._tasks)
        if room <= 0:
            return 0
        claimed = await self._ledger.claim(
            limit=room, now=self._clock.now(), settle=self._settle, creations=self._creations, only=only
        )
        for claim in claimed.claims:
            self._start(claim)
        found = len(claimed.claims) + claimed.settled
        self.touched += found
        return found

    def _start(self, claim: Claim) -> None:
        self._held[claim.facts.mission_id] = claim
        task = asyncio.create_task(self._work(claim), name=f"contract:{claim.facts.mission_id}")
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._freed.set()

    async def _work(self, claim: Claim) -> None:
        """Perform and record one effect after another, for as long as the contract has one due."""
        mission_id, current = claim.facts.mission_id, claim
        try:
            while True:
                async with self._room:
                    if self._is_stopping:
                        await self._ledger.release_claims({mission_id: current.token}, now=self._clock.now())
                        return
                    outcome = await self._perform(current)
                following = await self._record(outcome)
                if following is None:
                    return
                self._held[mission_id] = current = following
        except Transient as error:
            log.warning("contract.unrecorded", mission_id=mission_id, error=error.message)
        finally:
            self._held.pop(mission_id, None)

    async def _perform(self, claim: Claim) -> Outcome:
        self.performed += 1
        try:
            return await perform(claim, self._bench)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one contract must not stop the others
            log.error("contract.crashed", mission_id=claim.facts.mission_id, error=type(error).__name__)
            return crashed(claim, type(error).__name__, self._bench)

    async def _record_batch(self, outcomes: Sequence[Outcome]) -> Sequence[Claim | None]:
        return await self._ledger.record(
            outcomes, now=self._clock.now(), settle=self._settle, creations=self._creations
        )

    async def _wait_for_room(self) -> None:
        self._freed.clear()
        if self._tasks and not self._is_stopping:
            await self._freed.wait()

    async def _finish_tasks(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=False)

    async def _rest(self) -> None:
        """Sleep until somebody wakes us, at most a second: another process may have made something due."""
        self.wake.clear()
        if self._is_stopping:
            return
        try:
            async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                await self.wake.wait()
        except TimeoutError:
            return
