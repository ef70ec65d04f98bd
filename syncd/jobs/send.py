"""Try to send one letter, and say what becomes of it. Nothing is written here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

import structlog

from syncd.errors import Misconfigured, OutcomeUnknown, Refused, Transient
from syncd.events import Log
from syncd.jobs.gate import Gate
from syncd.model import NotificationState, Patience
from syncd.ports.clock import Clock
from syncd.ports.ledger import LetterOutcome, QueuedLetter
from syncd.ports.mail import Mailer
from syncd.transitions import delay_after

log: Log = structlog.get_logger()

Compose = Callable[[QueuedLetter], Awaitable[EmailMessage]]
"""Writes the letter as it must leave now. Raises Misconfigured (nobody to send it to) or Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPatience:
    """How long a letter waits. Every delay is bounded by the longest one."""

    delays: Patience
    greylist_delay: timedelta = timedelta(minutes=5)
    unknown_resend_after: timedelta = timedelta(minutes=30)
    expires_after: timedelta = timedelta(days=5)
    sets_out_within: timedelta = timedelta(minutes=2)
    """A letter that waited longer for its turn at the server goes back: its lease would not last for the answer."""
    yields_for: timedelta = timedelta(seconds=30)
    """How long letters make way for contracts that are due."""
    most_per_hour: int = 1000


class Sender:
    """Composes and sends single letters through the gate of the mail server."""

    def __init__(self, *, mailer: Mailer, compose: Compose, gate: Gate, clock: Clock, patience: MailPatience) -> None:
        self._mailer = mailer
        self._compose = compose
        self._gate = gate
        self._clock = clock
        self._patience = patience

    async def send(self, letter: QueuedLetter) -> tuple[LetterOutcome, bool]:
        """Return what becomes of a letter, and whether it was tried at all: the gate may have closed meanwhile."""
        if letter.is_spent and not self._mailer.is_idempotent:
            error = "perhaps sent twice: each time its sender ended before the answer"
            return self._outcome(letter, NotificationState.UNKNOWN, error=error), False
        taken_s = self._clock.monotonic()
        async with self._gate.pass_through() as is_open:
            waited = timedelta(seconds=self._clock.monotonic() - taken_s)
            may_pass = is_open and waited <= self._patience.sets_out_within
            return (await self._attempt(letter) if may_pass else self._untouched(letter)), may_pass

    async def _attempt(self, letter: QueuedLetter) -> LetterOutcome:
        try:
            message = await self._compose(letter)
        except Refused as refusal:
            return self._outcome(letter, NotificationState.FAILED, error=refusal.message)
        except (Misconfigured, Transient) as error:  # nothing that the mail server had to do with
            return self._later(letter, self._delay(letter), error.message)
        except Exception as error:
            log.error("letter.crashed", letter=letter.event, role=letter.role, exc_info=error)
            return self._later(letter, self._delay(letter), f"unexpected {type(error).__name__}")
        return await self._send(letter, message)

    async def _send(self, letter: QueuedLetter, message: EmailMessage) -> LetterOutcome:
        try:
            await self._mailer.send(message)
        except Refused as refusal:
            return self._outcome(letter, NotificationState.FAILED, error=refusal.message)
        except OutcomeUnknown as error:
            await self._gate.note_failure(error)
            return self._unknown(letter, error.message)
        except Transient as error:
            await self._gate.note_failure(error)
            return self._not_accepted(letter, error)
        except Exception as error:
            log.error("letter.crashed", letter=letter.event, role=letter.role, exc_info=error)
            return self._unknown(letter, f"unexpected {type(error).__name__}")
        await self._gate.note_success()
        return self._outcome(letter, NotificationState.SENT)

    # ------------------------------------------------------------------------------------------------------ outcomes

    def _untouched(self, letter: QueuedLetter) -> LetterOutcome:
        """Back to its place in the queue, the oldest first."""
        return LetterOutcome(
            letter_id=letter.letter_id,
            token=letter.token,
            state=NotificationState.QUEUED,
            retry_at=min(letter.queued_at, self._clock.now()),
        )

    def _unknown(self, letter: QueuedLetter, error: str) -> LetterOutcome:
        """Once more, later, with the same Message-ID; after that a person looks. Where repeating is harmless, again."""
        if self._mailer.is_idempotent:
            return self._later(letter, self._delay(letter), error)
        if letter.is_repeat:
            return self._outcome(letter, NotificationState.UNKNOWN, error=error)
        wait = min(self._patience.unknown_resend_after, self._patience.delays.longest_delay)
        return self._outcome(letter, NotificationState.UNKNOWN, wait=wait, error=error)

    def _not_accepted(self, letter: QueuedLetter, error: Transient) -> LetterOutcome:
        if error.is_general and self._gate.closed_until() is not None and not self._is_given_up(letter):
            return self._untouched(letter)  # everybody waits, and no attempt is counted
        delay = self._delay(letter) if error.is_general else self._greylisted(letter)
        return self._later(letter, max(delay, error.retry_after or timedelta()), error.message)

    def _later(self, letter: QueuedLetter, delay: timedelta, error: str) -> LetterOutcome:
        if self._is_given_up(letter):
            return self._outcome(letter, NotificationState.FAILED, error=f"given up: {error}")
        return self._outcome(letter, NotificationState.QUEUED, wait=delay, error=error)

    def _is_given_up(self, letter: QueuedLetter) -> bool:
        """Whether this was its last attempt: never the first, whatever has kept it back until then."""
        return letter.attempts > 0 and self._clock.now() - letter.queued_at > self._patience.expires_after

    def _delay(self, letter: QueuedLetter) -> timedelta:
        return delay_after(letter.attempts + 1, self._patience.delays, throw=self._clock.throw())

    def _greylisted(self, letter: QueuedLetter) -> timedelta:
        doubled = self._patience.greylist_delay * float(2 ** min(letter.attempts, 20))
        return min(doubled, self._patience.delays.longest_delay)

    def _outcome(
        self, letter: QueuedLetter, state: NotificationState, *, wait: timedelta | None = None, error: str | None = None
    ) -> LetterOutcome:
        retry_at = self._clock.now() + wait if wait is not None else None
        return LetterOutcome(
            letter_id=letter.letter_id, token=letter.token, state=state, retry_at=retry_at, error=error
        )
