"""However many letters wait, a new one leaves within a minute, and the waiting ones go on leaving."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text

from syncd.model import MissionId
from syncd.store import SqlLedger
from tests.faults.mail.counter import PostCounter, open_counter
from tests.faults.mail.ledgers import queue_letter, queue_letters
from tests.faults.mail.naive import mailer_to, write
from tests.jobs.workshop import Post, Workshop, id_of, open_workshop, until
from tests.support.clock import FixedClock
from tests.support.scale import Amount, Figures

AN_HOUR, A_SECOND = timedelta(hours=1), timedelta(seconds=1)
NEWCOMER = 900_000
USUAL_PACE_S = 0.1
"""Between two letters at the usual rate limit of 600 a minute."""

BACKLOGS = {
    "never tried": "UPDATE letters SET lane = 0",
    "put off": "UPDATE letters SET lane = 1, attempts = 1",
    "half of each": "UPDATE letters SET lane = 1, attempts = 1 WHERE letter_id % 2 = 0",
}


async def put_off(ledger: SqlLedger, backlog: str) -> None:
    """Leave the letters that wait as a server that was away, or that greylisted them, would have left them."""
    async with ledger._database.engine.connect() as connection:
        await connection.execute(text(BACKLOGS[backlog]))
        await connection.commit()


@asynccontextmanager
async def delivering(workshop: Workshop) -> AsyncIterator[None]:
    """Deliver meanwhile."""
    running = asyncio.create_task(workshop.works.deliverer.run())
    try:
        yield
    finally:
        workshop.works.deliverer.stop()
        await running


@pytest.mark.parametrize("backlog", BACKLOGS)
async def test_q11_a_backlog_delays_a_new_letter_by_a_few_others_only(
    url: str, backlog: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    letters = amount(quick=1_000, deep=10_000)
    async with (
        open_counter(PostCounter()) as counter,
        open_workshop(url, tmp_path, mailer=mailer_to(counter), compose=write) as workshop,
    ):
        await queue_letters(workshop.ledger, range(1, letters // 2 + 1), now=workshop.clock.now())
        await put_off(workshop.ledger, backlog)
        workshop.clock.advance(AN_HOUR)
        async with delivering(workshop):
            await until(lambda: len(counter.arrivals) >= 9)
            newcomer = await queue_letter(workshop.ledger, NEWCOMER, now=workshop.clock.now())
            left, begun = len(counter.arrivals), time.monotonic()
            await until(lambda: any(arrival.recipient == newcomer for arrival in counter.arrivals))
            took_s = time.monotonic() - begun

        before = [arrival.recipient for arrival in counter.arrivals].index(newcomer) - left
        await workshop.works.mailer.aclose()
    assert before <= 12
    assert took_s < 60
    figures.note(
        f"a new letter behind {letters:,} ({backlog}), {url.partition(':')[0]}",
        overtaken_by=before, seconds=round(took_s, 2), seconds_at_600_a_minute=round(before * USUAL_PACE_S, 1),
    )  # fmt: skip


@dataclass
class PacedPost(Post):
    """A server that takes a letter every so often, on the clock that everybody reads."""

    clock: FixedClock | None = None
    pace: timedelta = timedelta()

    async def send(self, message: EmailMessage) -> None:
        """Take the message and let time pass."""
        await super().send(message)
        assert self.clock is not None
        self.clock.advance(self.pace)


async def test_q11_a_letter_that_comes_a_second_after_a_burst_leaves_within_a_minute(
    tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    letters, clock = amount(quick=1_000, deep=10_000), FixedClock()
    post = PacedPost(clock=clock, pace=timedelta(seconds=0.5))
    async with open_workshop(tmp_path, tmp_path, mailer=post, clock=clock) as workshop:
        await queue_letters(workshop.ledger, range(1, letters // 2 + 1), now=clock.now())
        clock.advance(A_SECOND)
        await queue_letter(workshop.ledger, NEWCOMER, now=clock.now())
        queued_at, newcomer = clock.now(), f"student.{id_of(NEWCOMER)}@example.org"

        async with delivering(workshop):
            await until(lambda: newcomer in post.recipients() or clock.now() - queued_at > timedelta(minutes=2))

        overtaken = post.recipients().index(newcomer)
        delay_s = (overtaken + 1) * post.pace.total_seconds()
    assert delay_s < 60
    assert clock.now() - queued_at < timedelta(seconds=60)
    figures.note(f"a new letter a second after a burst of {letters:,}", overtaken_by=overtaken, virtual_s=delay_s)


async def test_q11_new_letters_without_end_starve_no_backlog(tmp_path: Path) -> None:
    """One place at the server, a new letter whenever one has left: every second one that leaves has waited."""
    old, left = 20, list[str]()
    async with open_workshop(tmp_path, tmp_path) as workshop:
        await queue_letters(workshop.ledger, range(1, old // 2 + 1), now=workshop.clock.now())
        await put_off(workshop.ledger, "half of each")
        workshop.clock.advance(AN_HOUR)
        for number in range(40):
            await queue_letter(workshop.ledger, NEWCOMER + number, now=workshop.clock.now())
            (letter,) = await workshop.ledger.take_letters(limit=1, now=workshop.clock.now())
            left.append(str(letter.mission_id))

    newcomers = {id_of(NEWCOMER + number) for number in range(40)}
    assert sum(MissionId(one) not in newcomers for one in left) == old
    assert sum(MissionId(one) in newcomers for one in left[:20]) >= 5
