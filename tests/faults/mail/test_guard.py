"""The brake on mails: it stops before the first mail too many, whoever sends it, and says what to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import Refused, Transient
from syncd.jobs.send import MailPatience
from syncd.model import NotificationState
from syncd.store import SqlLedger
from tests.faults.mail.counter import PostCounter, open_counter
from tests.faults.mail.ledgers import lines_of, queue_letters
from tests.faults.mail.mishaps import Mishap
from tests.faults.mail.naive import mailer_to, write
from tests.jobs.workshop import PATIENCE, Post, Workshop, open_workshop
from tests.support.clock import FixedClock
from tests.support.scale import Amount, Figures
from tests.world.missions import mission
from tests.world.world import World, make_world

MISSIONS = range(1, 21)
MOST = 10
AN_HOUR = timedelta(hours=1)
REPLICAS = ("r1", "r2", "r3")


def patience(most: int = MOST) -> MailPatience:
    """Return the usual patience with a low limit."""
    return MailPatience(delays=PATIENCE, most_per_hour=most)


@asynccontextmanager
async def replicas(
    url: str, folder: Path, counter: PostCounter, clock: FixedClock, *, names: tuple[str, ...] = REPLICAS
) -> AsyncIterator[list[Workshop]]:
    """Open several processes' worth of deliverers on one ledger and one mail server."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_workshop(
                    url, folder, replica=name, clock=clock, compose=write, mail=patience(), mailer=mailer_to(counter)
                )
            )
            for name in names
        ]


async def deliver_together(workshops: list[Workshop]) -> None:
    """Let all of them deliver at once until none finds anything."""
    await asyncio.gather(*(workshop.works.deliverer.drain() for workshop in workshops))


async def test_replicas_together_send_not_one_mail_too_many_and_an_approval_lets_as_many_pass_once(
    postgres_url: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    clock, rounds = FixedClock(), amount(quick=1, deep=10)
    async with open_counter(PostCounter()) as counter, replicas(postgres_url, tmp_path, counter, clock) as all_of_them:
        ledger, arrived = all_of_them[0].ledger, list[int]()
        for number in range(rounds):
            first = 1 + number * len(MISSIONS)
            await queue_letters(ledger, range(first, first + len(MISSIONS)), now=clock.now())
            for _ in range(2):
                await deliver_together(all_of_them)
                arrived.append(len(counter.arrivals))
                assert (await ledger.guard("mails")).tripped_at is not None
                await ledger.approve("mails", now=clock.now())
                clock.advance(timedelta(seconds=1))
        for workshop in all_of_them:
            await workshop.works.mailer.aclose()

    assert arrived == [MOST * (n + 1) for n in range(2 * rounds)]
    figures.note("mails beyond the brake, three replicas", limit=MOST, brakes=len(arrived), beyond=0)


async def test_a_brake_holds_through_a_restart_and_for_as_long_as_nobody_approves(url: str, tmp_path: Path) -> None:
    clock = FixedClock()
    async with open_counter(PostCounter()) as counter:
        for name in REPLICAS:
            async with replicas(url, tmp_path, counter, clock, names=(name,)) as (workshop,):
                if name == REPLICAS[0]:
                    await queue_letters(workshop.ledger, MISSIONS, now=clock.now())
                await workshop.works.deliverer.drain()
                clock.advance(5 * AN_HOUR)
                await workshop.works.deliverer.drain()
                guard = await workshop.ledger.guard("mails")
                lines = await lines_of(workshop.ledger, MISSIONS)
                await workshop.works.mailer.aclose()

    assert len(counter.arrivals) == MOST
    assert guard.detail == f"{MOST} mails within an hour, {MOST} are allowed"
    waiting = [line for line in lines if line.state is NotificationState.QUEUED]
    assert {(line.waits, line.attempts) for line in waiting} == {(True, 0)}
    assert len(waiting) == 2 * len(MISSIONS) - MOST


async def test_the_hour_slides(tmp_path: Path) -> None:
    clock, post = FixedClock(), Post()
    async with open_workshop(tmp_path, tmp_path, clock=clock, mail=patience(), mailer=post) as workshop:
        sent = []
        for start in range(1, 31, 2):  # four letters every half hour: eight in any hour
            await queue_letters(workshop.ledger, range(start, start + 2), now=clock.now())
            await workshop.works.deliverer.drain()
            sent.append(len(post.sent))
            clock.advance(AN_HOUR / 2 + timedelta(seconds=1))
        calm = (await workshop.ledger.guard("mails")).tripped_at
        await queue_letters(workshop.ledger, range(101, 109), now=clock.now())
        await workshop.works.deliverer.drain()

        assert sent == [4 * n for n in range(1, 16)]
        assert calm is None
        assert len(post.sent) == sent[-1] + MOST - 4
        assert (await workshop.ledger.guard("mails")).tripped_at is not None


def lose_every_answer(recipient: str, visit: int) -> Mishap:
    """Take each letter, and hang up before the reply."""
    return Mishap.KEPT_AFTER_DOT


async def test_mails_that_only_perhaps_left_and_repeats_count_too(url: str, tmp_path: Path) -> None:
    clock, counter = FixedClock(), PostCounter(befalls=lose_every_answer)
    async with (
        open_counter(counter),
        replicas(url, tmp_path, counter, clock, names=("r1",)) as (workshop,),
    ):
        await queue_letters(workshop.ledger, MISSIONS, now=clock.now())
        for _ in range(5):
            await workshop.works.deliverer.drain()
            clock.advance(timedelta(minutes=11))  # the resend of what was lost, within the hour
        await workshop.works.mailer.aclose()

    assert len(counter.arrivals) == MOST
    assert workshop.works.mail_gate.general_failures == MOST


async def test_letters_of_a_dead_sender_count_as_mails(tmp_path: Path) -> None:
    clock, post = FixedClock(), Post()
    async with open_workshop(tmp_path, tmp_path, clock=clock, mail=patience(), mailer=post) as workshop:
        await queue_letters(workshop.ledger, MISSIONS, now=clock.now())
        assert len(await workshop.ledger.take_letters(limit=MOST, now=clock.now())) == MOST
    async with open_workshop(tmp_path, tmp_path, replica="heir", clock=clock, mail=patience(), mailer=post) as heir:
        await heir.ledger.rescue(now=clock.now())
        await heir.works.deliverer.drain()

        assert post.sent == []
        assert (await heir.ledger.guard("mails")).tripped_at is not None


class SlowReader:
    """A ledger whose answer about the next letter comes when all letters under way have come home."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def next_letter_at(self) -> datetime | None:
        """Look, once nothing is under way."""
        while await self._ledger.letters(state=NotificationState.SENDING, limit=1):
            continue
        return await self._ledger.next_letter_at()


async def test_letters_kept_back_by_those_under_way_leave_in_the_same_pass(tmp_path: Path) -> None:
    post = Post(troubles=[Refused("550 nobody"), Refused("550 nobody")])
    async with open_workshop(tmp_path, tmp_path, mail=patience(2), mailer=post, wrap=SlowReader) as workshop:
        await queue_letters(workshop.ledger, [1, 2], now=workshop.clock.now())

        await workshop.works.deliverer.drain()

        assert len(post.sent) == 2


@pytest.mark.parametrize("most", [0, 1000])
async def test_a_brake_that_is_off_or_far_away_stops_nothing(tmp_path: Path, most: int) -> None:
    post = Post()
    async with open_workshop(tmp_path, tmp_path, mail=patience(most), mailer=post) as workshop:
        await queue_letters(workshop.ledger, MISSIONS, now=workshop.clock.now())
        await workshop.works.deliverer.drain()

        assert len(post.sent) == 2 * len(MISSIONS)
        assert (await workshop.ledger.guard("mails")).tripped_at is None


async def test_what_the_server_did_not_take_is_no_mail(tmp_path: Path) -> None:
    post = Post(troubles=[Transient("451 later"), Refused("550 nobody")])
    async with open_workshop(tmp_path, tmp_path, mail=patience(2), mailer=post) as workshop:
        await queue_letters(workshop.ledger, [1, 2], now=workshop.clock.now())
        await workshop.works.deliverer.drain()
        left = await workshop.ledger.mails_since(workshop.clock.now() - AN_HOUR)
        calm = (await workshop.ledger.guard("mails")).tripped_at
        workshop.clock.advance(timedelta(minutes=11))
        await workshop.works.deliverer.drain()

        assert (left, calm) == (2, None)
        assert len(post.sent) == 2
        assert (await workshop.ledger.guard("mails")).tripped_at is not None


def mails_after_passes(world: World, passes: int = 2) -> list[int]:
    """Make passes; return how many mails there are after each."""
    counts = []
    for _ in range(passes):
        world.once()
        counts.append(len(world.mails()))
    return counts


def test_an_admin_reads_what_stopped_and_lets_it_pass_once(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        world.environment["SYNCD_GUARD__MAX_MAILS_PER_HOUR"] = "3"
        world.missions.put(*(mission(number) for number in range(1, 5)))

        counts = mails_after_passes(world)
        status, shown = world.syncd("status"), world.syncd("guard", "show", "--json").json
        approved = world.syncd("guard", "approve", "mails")
        counts += mails_after_passes(world)
        again = world.syncd("guard", "show", "--json").json

    assert counts == [3, 3, 6, 6]
    assert "! brake `mails` is on: 3 mails within an hour, 3 are allowed." in status.out
    assert "syncd guard approve mails" in status.out
    assert shown["guards"]["mails"]["tripped"] is True
    assert approved.code == 0
    assert again["guards"]["mails"]["tripped"] is True
