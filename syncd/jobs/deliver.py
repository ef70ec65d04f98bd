"""Hand queued letters over to the mail server, one outcome at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

import structlog

from syncd.errors import Misconfigured, OutcomeUnknown, Refused, Transient
from syncd.jobs.gate import Gate
from syncd.model import NotificationState, Patience
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger, LetterOutcome, QueuedLetter
from syncd.ports.mail import Mailer
from syncd.transitions import delay_after

GUARD = "mails"
FLOW = "mail"

log = structlog.get_logger()

Compose = Callable[[QueuedLetter], Awaitable[EmailMessage]]
"""Writes the letter as it must leave now. Raises Misconfigured (nobody to send it to) or Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPatience:
    """How long a letter waits. Every delay is bounded by the longest one."""

    delays: Patience
    greylist_delay: timedelta = timedelta(minutes=5)
    unknown_resend_after: timedelta = timedelta(minutes=30)
    expires_after: timedelta = timedelta(days=5)
    yields_for: timedelta = timedelta(seconds=30)
    """How long letters make way for contracts that are due."""
    most_per_hour: int = 1000


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
    ) -> None:
        self._ledger = ledger
        self._mailer = mailer
        self._compose = compose
        self._gate = gate
        self._clock = clock
        self._patience = patience
        self._concurrency = concurrency
        self._others_are_busy = others_are_busy
        self._is_stopping = asyncio.Event()
        self.wake = asyncio.Event()
        self.handled = 0

    async def run(self) -> None:
        """Deliver for ever."""
        while not self._is_stopping.is_set():
            try:
                await self.drain()
            except Transient as error:
                log.warning("mail.paused", error=error.message)
            await self._rest(timedelta(seconds=1))

    def stop(self) -> None:
        """Take no more letters; those under way are finished."""
        self._is_stopping.set()
        self.wake.set()

    async def drain(self) -> int:
        """Deliver until no letter is due; return how many were handled."""
        before = self.handled
        while not self._is_stopping.is_set():
            if self._gate.closed_until() is not None:
                break
            await self._yield_to_contracts()
            letters = await self._take(await self._allowance())
            if not letters:
                break
            await asyncio.gather(*(self._deliver(letter) for letter in letters))
        if self.handled != before:
            await self._ledger.note_flow(FLOW, now=self._clock.now(), rows=self.handled - before)
        return self.handled - before

    async def _take(self, allowance: int) -> tuple[QueuedLetter, ...]:
        limit = min(self._concurrency, allowance)
        return await self._ledger.take_letters(limit=limit, now=self._clock.now()) if limit > 0 else ()

    async def _allowance(self) -> int:
        """Return how many letters the brake lets go now; tripped, it stays on until an admin approves."""
        most = self._patience.most_per_hour
        if most == 0:
            return self._concurrency
        guard, now = await self._ledger.guard(GUARD), self._clock.now()
        if guard.tripped_at is not None:
            return 0
        hour_ago = now - timedelta(hours=1)
        since = max(hour_ago, guard.approved_at) if guard.approved_at is not None else hour_ago
        allowance = most - await self._ledger.mails_since(since)
        next_at = await self._ledger.next_letter_at() if allowance <= 0 else None
        if next_at is not None and next_at <= now:
            await self._ledger.trip(GUARD, f"{most - allowance} mails within an hour, {most} are allowed", now=now)
            log.error("guard.tripped", guard=GUARD, count=most - allowance)
        return allowance

    async def _yield_to_contracts(self) -> None:
        """A contract that is due goes first; the oldest letter never waits longer than it must."""
        waited = timedelta()
        while self._others_are_busy() and waited < self._patience.yields_for and not self._is_stopping.is_set():
            pause = timedelta(milliseconds=100)
            await self._clock.sleep(pause)
            waited += pause

    async def _deliver(self, letter: QueuedLetter) -> None:
        async with self._gate.pass_through() as may_pass:
            outcome = await self._attempt(letter) if may_pass else self._untouched(letter)
        await self._ledger.record_letter(outcome, now=self._clock.now())
        self.handled += 1

    def _untouched(self, letter: QueuedLetter) -> LetterOutcome:
        return self._outcome(letter, NotificationState.QUEUED, wait=timedelta())

    async def _attempt(self, letter: QueuedLetter) -> LetterOutcome:
        try:
            message = await self._compose(letter)
            await self._mailer.send(message)
        except Refused as refusal:
            return self._outcome(letter, NotificationState.FAILED, error=refusal.message)
        except Misconfigured as error:
            return self._later(letter, self._delay(letter), error.message)
        except OutcomeUnknown as error:
            await self._gate.note_failure(error)
            return self._unknown(letter, error)
        except Transient as error:
            await self._gate.note_failure(error)
            return self._not_accepted(letter, error)
        await self._gate.note_success()
        return self._outcome(letter, NotificationState.SENT)

    def _unknown(self, letter: QueuedLetter, error: OutcomeUnknown) -> LetterOutcome:
        """Once more, later, with the same Message-ID; after that a person looks."""
        if letter.is_repeat:
            return self._outcome(letter, NotificationState.UNKNOWN, error=error.message)
        wait = min(self._patience.unknown_resend_after, self._patience.delays.longest_delay)
        return self._outcome(letter, NotificationState.UNKNOWN, wait=wait, error=error.message)

    def _not_accepted(self, letter: QueuedLetter, error: Transient) -> LetterOutcome:
        if error.is_general and self._gate.closed_until() is not None and not self._has_expired(letter):
            return self._untouched(letter)  # everybody waits, and no attempt is counted
        delay = self._delay(letter) if error.is_general else self._greylisted(letter)
        return self._later(letter, max(delay, error.retry_after or timedelta()), error.message)

    def _later(self, letter: QueuedLetter, delay: timedelta, error: str) -> LetterOutcome:
        if self._has_expired(letter):
            return self._outcome(letter, NotificationState.FAILED, error=f"given up: {error}")
        return self._outcome(letter, NotificationState.QUEUED, wait=delay, error=error)

    def _has_expired(self, letter: QueuedLetter) -> bool:
        return self._clock.now() - letter.queued_at > self._patience.expires_after

    def _delay(self, letter: QueuedLetter) -> timedelta:
        return delay_after(letter.attempts, self._patience.delays, throw=self._clock.throw())

    def _greylisted(self, letter: QueuedLetter) -> timedelta:
        doubled = self._patience.greylist_delay * float(2 ** min(max(letter.attempts - 1, 0), 20))
        return min(doubled, self._patience.delays.longest_delay)

    def _outcome(
        self, letter: QueuedLetter, state: NotificationState, *, wait: timedelta | None = None, error: str | None = None
    ) -> LetterOutcome:
        retry_at = self._clock.now() + wait if wait is not None else None
        return LetterOutcome(
            letter_id=letter.letter_id, token=letter.token, state=state, retry_at=retry_at, error=error
        )

    async def _rest(self, longest: timedelta) -> None:
        self.wake.clear()
        if self._is_stopping.is_set():
            return
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await self.wake.wait()
        except TimeoutError:
            return
