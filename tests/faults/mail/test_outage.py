"""M12: a mail server that is away for days. Nothing is lost, nothing is hurried, and five days are enough."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from syncd.clock import SystemClock
from syncd.jobs.send import MailPatience
from syncd.model import NotificationState
from syncd.ports.ledger import Amendment, LetterOutcome
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.store import SqlLedger
from syncd.store.tables import LetterLane, letters
from syncd.wiring.works import open_works
from tests.faults.mail.books import complaints
from tests.faults.mail.carrier import carry
from tests.faults.mail.counter import PostCounter, open_counter
from tests.faults.mail.ledgers import ledger_at, lines_of, queue_letter, queue_letters
from tests.faults.mail.mishaps import Mishap
from tests.faults.mail.naive import mailer_to, write
from tests.faults.mail.rounds import settings_of
from tests.faults.mail.test_backlog import NEWCOMER, delivering
from tests.jobs.workshop import PATIENCE, Workshop, numbered, open_workshop, until
from tests.support.scale import Amount, Figures

HOURS_AWAY = 72
BATCHES = 12
NEWCOMERS = 3
AT_ONCE = 4
A_DAY = timedelta(days=1)


async def let_three_days_pass(workshop: Workshop, numbers: Sequence[int]) -> None:
    """Queue letters all through the outage, and try in vain in between."""
    for batch in range(BATCHES):
        await queue_letters(workshop.ledger, numbers[batch::BATCHES], now=workshop.clock.now())
        await workshop.works.deliverer.drain()
        workshop.clock.advance(timedelta(hours=HOURS_AWAY / BATCHES))


async def waiting(ledger: SqlLedger) -> dict[str, tuple[int | None, float]]:
    """Return where each letter waits and since when, by its Message-ID."""
    async with ledger._database.engine.connect() as connection:
        rows = await connection.execute(select(letters.c.message_id, letters.c.lane, letters.c.queued_at))
        return {name: (lane, since.timestamp()) for name, lane, since in rows if since is not None}


def is_nearly_sorted(ages: Sequence[float]) -> bool:
    """Whether nothing left before something older, but for the few that are under way at once."""
    span = 2 * AT_ONCE
    return all(before <= after for before, after in zip(ages, ages[span:], strict=False))


async def newcomer_passes(workshop: Workshop, counter: PostCounter, number: int) -> int:
    """Queue a letter in the midst of others; return how many leave before it."""
    left = len(counter.arrivals)
    await until(lambda: len(counter.arrivals) > left)
    recipient = await queue_letter(workshop.ledger, number, now=workshop.clock.now())
    left = len(counter.arrivals)
    await until(lambda: any(arrival.recipient == recipient for arrival in counter.arrivals[left:]))
    return [arrival.recipient for arrival in counter.arrivals[left:]].index(recipient)


async def test_m12_after_three_days_the_oldest_leave_first_and_new_letters_pass_them(
    url: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    count = amount(quick=240, deep=10_000 if url.startswith("postgresql") else 2_000)
    missions = range(1, 1 + count // 2)
    counter, no_brake = PostCounter(), MailPatience(delays=PATIENCE, most_per_hour=0)
    async with open_counter(counter), open_workshop(
        url, tmp_path, mailer=mailer_to(counter), compose=write, mail=no_brake
    ) as workshop:  # fmt: skip
        counter.close()
        await let_three_days_pass(workshop, missions)
        assert counter.arrivals == []
        before = await waiting(workshop.ledger)
        await counter.open()

        begun = time.monotonic()
        async with delivering(workshop):
            overtaken = [await newcomer_passes(workshop, counter, NEWCOMER + n) for n in range(NEWCOMERS)]
        took_s, drained_while = time.monotonic() - begun, len(counter.arrivals)
        workshop.works.deliverer._is_stopping.clear()  # as the next process would, but for its start
        begun = time.monotonic()
        await workshop.works.deliverer.drain()
        took_s += time.monotonic() - begun

        everybody = [*missions, *(NEWCOMER + n for n in range(NEWCOMERS))]
        found = complaints(await lines_of(workshop.ledger, everybody), counter.by_letter(), shown=())
        await workshop.works.mailer.aclose()
    assert found == []
    assert drained_while < len(before)
    assert max(overtaken) <= 6 * AT_ONCE  # of hundreds; those under way, and what left while it was queued
    for lane in (LetterLane.NEW, LetterLane.DEFERRED):
        places = [before[a.message_id] for a in counter.arrivals if a.message_id in before]
        assert is_nearly_sorted([since for place, since in places if place == lane])
    figures.note(
        f"after three days without a mail server, {url.partition(':')[0]}",
        letters=len(before), lost=0, twice=0, new_letters_overtaken_by=max(overtaken),
        drained_in_s=round(took_s, 1), ms_per_letter=round(took_s / len(before) * 1000, 1),
    )  # fmt: skip


async def test_m12_a_backlog_leaves_at_the_rate_limit(tmp_path: Path, figures: Figures) -> None:
    most, count = 20, 22
    counter, times = PostCounter(), list[float]()

    def note_the_time(_arrival: object) -> bool:
        times.append(time.monotonic())
        return True

    counter.on_arrival = note_the_time
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with open_counter(counter), ledger_at(url) as ledger:
        await queue_letters(ledger, range(count // 2), now=SystemClock().now())
        environ = settings_of(url, tmp_path, counter.port) | {"SYNCD_MAIL__MAILS_PER_MINUTE": str(most)}
        async with open_works(load_settings(None, environ, places=Places(config_files=()))) as works:
            await carry(works)

    begun, apart_s = times[0], 60 / most
    assert len(times) == count
    assert all(at - begun >= (n - most) * apart_s for n, at in enumerate(times))
    figures.note(f"{count} letters at {most} a minute", least_s=(count - 1 - most) * apart_s,
                 took_s=round(times[-1] - begun, 1))  # fmt: skip


async def test_m12_what_no_server_takes_for_five_days_fails_and_is_shown_all_at_once(
    url: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    missions = range(1, 1 + amount(quick=100, deep=5_000))
    counter = PostCounter()
    async with open_counter(counter), open_workshop(
        url, tmp_path, mailer=mailer_to(counter), compose=write
    ) as workshop:  # fmt: skip
        counter.close()
        deliverer, clock = workshop.works.deliverer, workshop.clock
        await queue_letters(workshop.ledger, missions, now=clock.now())
        for _ in range(3):
            await deliverer.drain()
            clock.advance(timedelta(seconds=31))
        clock.advance(5 * A_DAY - timedelta(hours=2))
        await queue_letters(workshop.ledger, [NEWCOMER], now=clock.now())
        await deliverer.drain()
        early = {line.state for line in await lines_of(workshop.ledger, [*missions, NEWCOMER])}

        clock.advance(timedelta(hours=3))
        passes = await _passes_until_settled(workshop)
        lines = await lines_of(workshop.ledger, [*missions, NEWCOMER])
        shown = frozenset(row.mission_id for row in await workshop.ledger.needs_person(limit=100_000))
        await counter.open()
        clock.advance(timedelta(minutes=11))
        await deliverer.drain()
        await workshop.works.mailer.aclose()

    failed = [line for line in lines if line.state is NotificationState.FAILED]
    assert NotificationState.FAILED not in early
    assert len(failed) == 2 * len(missions)
    assert shown == {line.mission_id for line in failed}
    assert len(counter.arrivals) == 2  # the two that are young, and none that was given up
    figures.note(f"given up after five days, {url.partition(':')[0]}", letters=len(failed), shown=len(shown),
                 passes=passes)  # fmt: skip


async def _passes_until_settled(workshop: Workshop) -> int:
    """Come round as the daemon does, a second apart, until only young letters wait."""
    for number in range(1, 100):
        handled = await workshop.works.deliverer.drain()
        workshop.clock.advance(timedelta(seconds=1))
        old = workshop.clock.now() - 5 * A_DAY
        due_at = await workshop.ledger.next_letter_at()
        if handled == 0 and due_at is not None and due_at > old:
            return number
    raise AssertionError("old letters still wait")


async def test_m12_a_mailbox_that_is_full_for_five_days_is_given_up_alone(tmp_path: Path) -> None:
    counter = PostCounter(
        befalls=lambda to, _visit: Mishap.PUT_OFF_RECIPIENT if to == "rh1@example.com" else Mishap.NONE
    )
    async with open_counter(counter), open_workshop(
        tmp_path, tmp_path, mailer=mailer_to(counter), compose=write
    ) as workshop:  # fmt: skip
        await queue_letters(workshop.ledger, [1], now=workshop.clock.now())
        for day in range(7):
            await queue_letters(workshop.ledger, [100 + day], now=workshop.clock.now())
            await workshop.works.deliverer.drain()
            workshop.clock.advance(A_DAY)

        lines = await lines_of(workshop.ledger, [1, *range(100, 107)])
        found = complaints(lines, counter.by_letter(), shown={numbered(1).mission_id})
        await workshop.works.mailer.aclose()

    (given_up,) = [line for line in lines if line.state is not NotificationState.SENT]
    assert (given_up.recipient, given_up.state) == ("rh1@example.com", NotificationState.FAILED)
    assert found == []


async def _held_for_a_week(workshop: Workshop) -> None:
    await _set_hold(workshop, "en attente")
    workshop.clock.advance(7 * A_DAY)
    await _set_hold(workshop, None)


async def _set_hold(workshop: Workshop, reason: str | None) -> None:
    now, mission_id = workshop.clock.now(), numbered(1).mission_id
    await workshop.ledger.amend(
        [mission_id], lambda facts: Amendment(facts=replace(facts, manual_hold=reason)), now=now
    )
    await workshop.works.advancer.drain()


async def _failed_for_a_week(workshop: Workshop) -> None:
    for letter in await workshop.ledger.take_letters(limit=2, now=workshop.clock.now()):
        outcome = LetterOutcome(letter_id=letter.letter_id, token=letter.token, state=NotificationState.FAILED)
        await workshop.ledger.record_letters([outcome], now=workshop.clock.now())
    workshop.clock.advance(7 * A_DAY)
    assert await workshop.ledger.requeue_failed([numbered(1).mission_id], now=workshop.clock.now()) == 2


STOPS = {"released": _held_for_a_week, "queued again": _failed_for_a_week}


@pytest.mark.parametrize("how", STOPS)
async def test_m12_a_letter_that_was_stopped_for_a_week_has_its_five_days_before_it(tmp_path: Path, how: str) -> None:
    counter = PostCounter(befalls=lambda _to, visit: Mishap.PUT_OFF_RECIPIENT if visit <= 3 else Mishap.NONE)
    async with open_counter(counter), open_workshop(
        tmp_path, tmp_path, mailer=mailer_to(counter), compose=write
    ) as workshop:  # fmt: skip
        await queue_letters(workshop.ledger, [1], now=workshop.clock.now())
        await STOPS[how](workshop)

        for _ in range(4):
            await workshop.works.deliverer.drain()
            workshop.clock.advance(timedelta(minutes=11))

        states = {line.state for line in await lines_of(workshop.ledger, [1])}
        await workshop.works.mailer.aclose()
    assert states == {NotificationState.SENT}
    assert len(counter.arrivals) == 2


async def test_m12_no_letter_is_given_up_at_its_first_attempt_however_late_that_is(tmp_path: Path) -> None:
    counter = PostCounter(befalls=lambda _to, visit: Mishap.PUT_OFF_RECIPIENT if visit == 1 else Mishap.NONE)
    async with open_counter(counter), open_workshop(
        tmp_path, tmp_path, mailer=mailer_to(counter), compose=write
    ) as workshop:  # fmt: skip
        await queue_letters(workshop.ledger, [1], now=workshop.clock.now())
        workshop.clock.advance(7 * A_DAY)  # nobody ran

        await workshop.works.deliverer.drain()
        workshop.clock.advance(timedelta(minutes=11))
        await workshop.works.deliverer.drain()

        states = {line.state for line in await lines_of(workshop.ledger, [1])}
        await workshop.works.mailer.aclose()
    assert states == {NotificationState.SENT}
