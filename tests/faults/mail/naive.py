"""Deliveries as one would write them first. Each breaks one promise, and the books must show which."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

from syncd.adapters.mail.message import compose
from syncd.errors import OutcomeUnknown, Refused, Transient
from syncd.model import MissionId
from syncd.ports.ledger import QueuedLetter
from syncd.ports.mail import Mailer
from tests.adapters.mail.post_office import mailer_for
from tests.adapters.mail.samples import LETTER
from tests.faults.mail.books import complaints
from tests.faults.mail.counter import PASSWORD, PostCounter
from tests.faults.mail.ledgers import address_of, lines_of, queue_letters
from tests.jobs.workshop import Workshop, open_workshop


async def write(letter: QueuedLetter) -> EmailMessage:
    """Compose a letter to its real address, with all that a server may ask for."""
    assert letter.facts is not None
    return compose(
        LETTER, sender="alternance@example.org", recipient=address_of(letter.facts.mission, letter.role),
        message_id=letter.message_id, event=letter.event, mission_id=letter.mission_id, date=letter.queued_at,
    )  # fmt: skip


def mailer_to(counter: PostCounter) -> Mailer:
    """Return the real adapter, impatient."""
    return mailer_for(counter.port, username="syncd", password=PASSWORD, final_reply_timeout_s=0.3)


@dataclass
class Honest:
    """Hands everything on to the real adapter."""

    mailer: Mailer
    is_idempotent: bool = False

    async def send(self, message: EmailMessage) -> None:
        """Send it."""
        await self.mailer.send(message)

    async def aclose(self) -> None:
        """Close what is behind."""
        await self.mailer.aclose()


class TakesDoubtForFailure(Honest):
    """A lost answer means "not sent": try again, as often as it takes."""

    async def send(self, message: EmailMessage) -> None:
        """Send it."""
        try:
            await super().send(message)
        except OutcomeUnknown as error:
            raise Transient("timed out") from error


class TakesDoubtForSuccess(Honest):
    """A lost answer means "sent"."""

    async def send(self, message: EmailMessage) -> None:
        """Send it."""
        try:
            await super().send(message)
        except OutcomeUnknown:
            return


class IgnoresRefusals(Honest):
    """Does not read the answer about the recipient."""

    async def send(self, message: EmailMessage) -> None:
        """Send it."""
        try:
            await super().send(message)
        except Refused:
            return


@dataclass
class NamesEachAttempt(Honest):
    """Every attempt has a Message-ID of its own."""

    attempts: int = 0

    async def send(self, message: EmailMessage) -> None:
        """Send it."""
        self.attempts += 1
        del message["Message-ID"]
        message["Message-ID"] = f"<{self.attempts}@example.org>"
        await super().send(message)


@asynccontextmanager
async def deliverer(folder: Path, mailer: Mailer, letters: int) -> AsyncIterator[Workshop]:
    """Open a process that delivers so many letters with this mailer."""
    async with open_workshop(folder, folder, mailer=mailer, compose=write) as workshop:
        await queue_letters(workshop.ledger, range(1, letters // 2 + 1), now=workshop.clock.now())
        try:
            yield workshop
        finally:
            await mailer.aclose()


async def deliver_all(workshop: Workshop) -> None:
    """Deliver, and let the longest delay pass, until nothing waits; give up after a working day."""
    for _ in range(50):
        await workshop.works.deliverer.drain()
        if await workshop.ledger.next_letter_at() is None:
            return
        workshop.clock.advance(timedelta(minutes=11))
        await asyncio.sleep(0)


async def complaints_of(workshop: Workshop, counter: PostCounter, letters: int) -> list[str]:
    """Return what the books say against a delivery."""
    lines = await lines_of(workshop.ledger, range(1, letters // 2 + 1))
    shown: set[MissionId] = {row.mission_id for row in await workshop.ledger.needs_person(limit=1000)}
    return complaints(lines, counter.by_letter(), shown=shown)
