"""Hand queued letters over to the mail server.

One letter's trouble is its own: a slow one does not keep the others back, and a mistake of ours in one is its failure.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from syncd.errors import Transient
from syncd.events import Log
from syncd.jobs.gate import Gate
from syncd.jobs.record import GroupCommit
from syncd.jobs.send import Compose, MailPatience, Sender
from syncd.model import NotificationState
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger, LetterClaim, LetterOutcome, QueuedLetter
from syncd.ports.mail import Mailer

GUARD = "mails"
FLOW = "mail"

log: Log = structlog.get_logger()

_LOOK_AGAIN = timedelta(seconds=1)
_A_MOMENT_S = 0.02
_A_BREATH = timedelta(milliseconds=100)
_RECORD_AGAIN = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, *[15] * 40))
"""A ledger that comes back within ten minutes costs no letter its outcome; who took the letter meanwhile has it."""


class Deliverer:
    """Delivers letters while contracts have nothing to do, and in any case the oldest before long."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        mailer: Mailer,
        compose: Compose,
        gate: Gate,
        clock: Clock,
        patience: MailPatience,
        concurrency: int,
        others_are_busy: Callable[[], bool],
        wake: asyncio.Event | None = None,
    ) -> None:
        self._sender = Sender(mailer=mailer, compose=compose, gate=gate, clock=clock, patience=patience)
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._patience = patience
        self._concurrency = concurrency
        self._others_are_busy = others_are_busy
        self._write_down = GroupCommit(self._write_batch)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand: set[LetterClaim] = set()
        """Letters that were taken, until what became of them is written. One that was taken again is another claim."""
        self._is_stopping = asyncio.Event()
        self._last_error: str | None = None
        self._away_since: datetime | None = None
        self.wake = wake or asyncio.Event()
        self.handled = 0
        """Letters that were tried."""
        self.sent = 0
        """Letters that the mail server took."""

    async def run(self) -> None:
        """Deliver for ever."""
        while not self._is_stopping.is_set():
            try:
                await self.drain()
            except Transient as error:
                log.warning("pass.failed", error=error.message)
            await self._rest()

    def stop(self) -> None:
        """Take no more letters; those under way are finished."""
        self._is_stopping.set()
        self.wake.set()

    async def abandon(self) -> None:
        """Leave letters that are still under way: they count as perhaps sent, and are sent once more."""
        for task in self._tasks:
            task.cancel()
        await self._finish_tasks()

    async def drain(self) -> int:
        """Deliver until no letter is due and none is under way; return how many were tried."""
        handled, sent = self.handled, self.sent
        while not self._is_stopping.is_set():
            self.wake.clear()
            was_idle = not self._tasks
            found = await self._take_some()
            if found == 0 and was_idle:
                break  # what was under way may have kept others back: then it is looked again
            if found == 0 or len(self._tasks) >= self._concurrency:
                await self._rest()
                await self._wait_for_company()
        await self._finish_tasks()
        if self.handled != handled:
            error = self._last_error if self.sent == sent else None
            await self._ledger.note_flow(FLOW, now=self._clock.now(), rows=self.sent - sent, error=error)
        return self.handled - handled

    # ------------------------------------------------------------------------------------------------ taking letters

    async def _take_some(self) -> int:
        """Take as many letters as may leave now; return how many."""
        room = self._concurrency - len(self._tasks)
        if self._gate.closed_until() is not None:
            await self._give_up_the_oldest()
            return 0
        if room <= 0:
            return 0
        await self._yield_to_contracts()
        most = self._patience.most_per_hour
        letters = await self._ledger.take_letters(
            limit=room, now=self._clock.now(), most_per_hour=most, in_hand=self._in_hand
        )
        for letter in letters:
            self._in_hand.add(letter.claim)
            task = asyncio.create_task(self._deliver(letter), name=f"letter:{letter.letter_id}")
            self._tasks.add(task)
            task.add_done_callback(self._forget)
        if not letters and most > 0:
            await self._brake_if_too_many(most)
        return len(letters)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.wake.set()

    async def _yield_to_contracts(self) -> None:
        """A contract that is due goes first, until the oldest letter has waited long enough."""
        if not self._others_are_busy():
            return
        due_at = await self._ledger.next_letter_at()
        if due_at is None:
            return
        still = self._patience.yields_for - (self._clock.now() - due_at)
        until = self._clock.monotonic() + still.total_seconds()
        while self._others_are_busy() and self._clock.monotonic() < until and not self._is_stopping.is_set():
            await self._clock.sleep(_A_BREATH)

    async def _brake_if_too_many(self, most: int) -> None:
        """Pull the brake when letters are due and an hour's share has left; it stays on until an admin approves."""
        now, due_at = self._clock.now(), await self._ledger.next_letter_at()
        if due_at is None or due_at > now:
            return
        guard = await self._ledger.guard(GUARD)
        if guard.tripped_at is not None:
            return
        hour_ago = now - timedelta(hours=1)
        since = max(hour_ago, guard.approved_at) if guard.approved_at is not None else hour_ago
        left = await self._ledger.mails_since(since)
        if left >= most:
            await self._ledger.trip(GUARD, f"{left} mails within an hour, {most} are allowed", now=now)
            log.error("guard.tripped", guard=GUARD, count=left, limit=most)

    async def _give_up_the_oldest(self) -> None:
        """Once no server has taken mail for long, letters that have waited for days fail, and are shown."""
        now = self._clock.now()
        self._away_since = self._away_since or now
        if now - self._away_since >= self._patience.delays.longest_delay:
            error = f"given up: {self._gate.state.reason or 'no mail server takes it'}"
            await self._ledger.give_up_letters(queued_before=now - self._patience.expires_after, error=error, now=now)

    # ---------------------------------------------------------------------------------------------------- one letter

    async def _deliver(self, letter: QueuedLetter) -> None:
        try:
            outcome, was_tried = await self._sender.send(letter)
            self.handled += was_tried
            self._last_error = outcome.error or self._last_error
            if outcome.state is NotificationState.SENT:
                self.sent += 1
                self._away_since = None
            self._tell(letter, outcome)
            await self._record(outcome)
            self._in_hand.discard(letter.claim)
        except Transient as error:  # its lease lapses, and it counts as perhaps sent
            log.warning("letter.unrecorded", letter_id=letter.letter_id, error=error.message)

    async def _record(self, outcome: LetterOutcome) -> None:
        """Write an outcome down, with patience for the ledger: what is lost here is a letter sent twice."""
        for pause in _RECORD_AGAIN:
            with suppress(Transient):
                await self._write_down(outcome)
                return
            await self._clock.sleep(pause)
        await self._write_down(outcome)

    async def _write_batch(self, outcomes: Sequence[LetterOutcome]) -> Sequence[bool]:
        """Write what came to an end while the last commit ran: a commit for each would only have them wait longer."""
        return await self._ledger.record_letters(outcomes, now=self._clock.now())

    def _tell(self, letter: QueuedLetter, outcome: LetterOutcome) -> None:
        """The ledger tells of what is final; a letter that waits is not in its timeline."""
        if outcome.state is NotificationState.QUEUED and outcome.error is not None:
            log.warning(
                "letter.deferred", mission_id=letter.mission_id, letter=letter.event, role=letter.role,
                letter_id=letter.letter_id, attempts=letter.attempts + 1, error=outcome.error,
            )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------- waiting

    async def _finish_tasks(self) -> None:
        """Wait for what is under way; a caller who loses patience leaves it under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _wait_for_company(self) -> None:
        """Let what ends in the same moment end first: a taking costs the same for one letter or four."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_A_MOMENT_S)

    async def _rest(self) -> None:
        if self._is_stopping.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                await self.wake.wait()
