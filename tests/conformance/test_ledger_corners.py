"""Ways through the ledger that nobody takes on an ordinary day."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import literal, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from syncd.actions import LookUp
from syncd.errors import Transient
from syncd.model import Asked, Facts, MissionId, NotificationState
from syncd.ports.ledger import Amendment, Claimed, LetterOutcome, Outcome
from syncd.ports.reading import ContractFilter
from syncd.store.commits import Fate
from syncd.store.engine import Database, Transaction
from syncd.store.loading import load_these
from syncd.store.tables import contracts
from syncd.store.writing import Changes
from tests.store.bench import (
    NO_LIMIT,
    NOW,
    Bench,
    a_mission,
    claim,
    link_all,
    outcome,
    run,
    settle,
)

A = MissionId("A")
LATER = NOW + timedelta(minutes=6)


def names(claimed: Claimed) -> set[str]:
    return {one.facts.mission_id for one in claimed.claims}


async def test_no_outcomes_are_recorded_as_nothing(bench: Bench) -> None:
    ledger = await bench.prepared()

    assert await ledger.record((), now=NOW, settle=settle, creations=NO_LIMIT) == ()


async def test_no_leases_are_renewed_as_nothing(bench: Bench) -> None:
    ledger = await bench.prepared()

    assert await ledger.renew({}, now=NOW) == frozenset()


async def test_students_without_a_number_are_nobody_s_rivals(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number=None), a_mission("B", student_number=None))

    claims = (await claim(ledger)).claims

    assert {one.facts.mission_id: one.facts.rivals for one in claims} == {"A": (), "B": ()}


async def test_a_damaged_row_is_left_alone_and_keeps_nobody_waiting(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B"))
    await run(ledger, "UPDATE contracts SET baseline = mission, mission = '{' WHERE mission_id = 'A'")

    first = await claim(ledger)
    await ledger.record([outcome(one) for one in first.claims], now=NOW, settle=settle, creations=NO_LIMIT)
    await run(ledger, "UPDATE contracts SET mission = baseline WHERE mission_id = 'A'")

    assert names(first) == {"B"}
    assert names(await claim(ledger, now=LATER)) == {"A"}


async def test_what_is_only_shown_and_damaged_is_not_shown_and_stops_nothing(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await run(ledger, "UPDATE contracts SET holds = '{', warnings = '['")

    (shown,) = await ledger.list_contracts(ContractFilter())
    view = await ledger.view(A)

    assert view is not None
    assert (shown.hold_codes, view.holds, view.warnings) == ((), (), ())
    assert names(await claim(ledger)) == {"A"}


async def test_a_letter_about_a_damaged_row_waits_until_it_can_be_read(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await link_all(ledger)
    await run(ledger, "UPDATE contracts SET baseline = mission, mission = '{'")

    taken = await ledger.take_letters(limit=5, now=NOW)
    (waiting,) = await ledger.letters()
    await run(ledger, "UPDATE contracts SET mission = baseline")
    mended = await ledger.take_letters(limit=5, now=LATER)

    assert (taken, waiting.state) == ((), NotificationState.QUEUED)
    assert [letter.mission_id for letter in mended] == [A]
    assert not mended[0].is_repeat


async def test_a_letter_in_a_newer_versions_words_is_not_shown_in_wrong_ones(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await link_all(ledger)
    (letter,) = await ledger.letters()
    await run(ledger, "UPDATE letters SET event = 'a.newer.word'")

    assert await ledger.letters() == ()
    assert await ledger.letter(letter.letter_id) is None


async def test_a_brake_that_is_on_lets_no_first_creation_through_whatever_the_limit(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await ledger.trip("contracts", "too many", now=NOW)

    claimed = await claim(ledger)

    assert (claimed.claims, claimed.settled) == ((), 1)


async def test_who_is_overtaken_at_each_try_is_told_that_the_database_is_too_busy(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    tries = 0

    async def overtaken(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        batch = await load_these(tx, [A])
        await tx.connection.execute(update(contracts).values(lease_token=contracts.c.lease_token + 1))
        changes = Changes(now=NOW, domain="example.org")
        one = batch.loaded[A]
        changes.change(one, replace(one.facts, ask_round=7), {}, ())
        await changes.flush(tx)

    with pytest.raises(Transient, match="too busy"):
        await ledger._database.write(overtaken)

    view = await ledger.view(A)
    assert view is not None
    assert (tries, view.facts.ask_round) == (5, 0)


async def test_b08_a_rival_that_was_faster_is_seen_at_the_next_try(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B"))
    tries = 0

    async def take_one_name_at_first(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        name = literal("C") if tries == 1 else "C-" + contracts.c.mission_id
        await tx.connection.execute(update(contracts).values(contract_id=name))

    await ledger._database.write(take_one_name_at_first)

    assert tries == 2


async def test_b04_trouble_after_the_commit_is_no_trouble(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, ask_round=facts.ask_round + 1))

    ledger = await bench.prepared(a_mission("A"))
    with monkeypatch.context() as patched:
        patched.setattr(AsyncConnection, "close", _closing_with_trouble(times=1))
        await ledger.amend([A], count, now=NOW)

    view = await ledger.view(A)
    assert view is not None
    assert view.facts.ask_round == 1


@pytest.mark.parametrize("was_done", [True, False])
async def test_b04_what_nobody_can_tell_any_more_is_looked_up_before_it_is_done_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, was_done: bool
) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await link_all(ledger)
    (taken,) = await ledger.take_letters(limit=5, now=NOW)
    sent = LetterOutcome(letter_id=taken.letter_id, token=taken.token, state=NotificationState.SENT)

    with _commits_without_an_answer(monkeypatch, was_done=was_done):
        (is_ours,) = await ledger.record_letters([sent], now=NOW)
    with _commits_without_an_answer(monkeypatch, was_done=was_done):
        again = await ledger.resend(taken.letter_id, now=NOW)

    assert is_ours
    states = {letter.letter_id: letter.state for letter in await ledger.letters()}
    assert states == {taken.letter_id: NotificationState.SENT, again: NotificationState.QUEUED}


@pytest.mark.parametrize("was_done", [True, False])
async def test_b04_an_outcome_of_which_nobody_can_tell_whether_it_was_recorded_is_recorded_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, was_done: bool
) -> None:
    def doubt(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, asked=Asked.UNKNOWN, ask_round=facts.ask_round + 1))

    ledger = await bench.prepared(a_mission("A"))
    (claimed,) = (await claim(ledger)).claims
    outcome = Outcome(mission_id=A, token=claimed.token, apply=doubt)

    with _commits_without_an_answer(monkeypatch, was_done=was_done):
        (following,) = await ledger.record([outcome], now=NOW, settle=settle, creations=NO_LIMIT)

    assert following is not None
    assert (following.effect, following.facts.ask_round) == (LookUp(reference=A), 1)
    assert await ledger.renew({A: following.token}, now=NOW) == {A}


def _closing_with_trouble(*, times: int) -> object:
    close, left = AsyncConnection.close, times

    async def closing(connection: AsyncConnection) -> None:
        nonlocal left
        await close(connection)
        if left:
            left -= 1
            raise OSError("the connection broke")

    return closing


@contextmanager
def _commits_without_an_answer(monkeypatch: pytest.MonkeyPatch, *, was_done: bool) -> Iterator[None]:
    """Break the connection around one COMMIT of a server that cannot tell any more what became of it."""
    commit, left = AsyncConnection.commit, 1

    async def committing(connection: AsyncConnection) -> None:
        nonlocal left
        if not left or was_done:
            await commit(connection)
        if left:
            left -= 1
            raise OperationalError("COMMIT", {}, Exception("the connection broke"), connection_invalidated=True)

    async def nobody_knows(*_of_whom: object) -> Fate:
        return Fate.UNKNOWN

    with monkeypatch.context() as patched:
        patched.setattr(AsyncConnection, "commit", committing)
        patched.setattr(Database, "_fate_of", nobody_knows)
        yield
