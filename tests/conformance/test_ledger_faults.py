"""What the ledger does when its database is busy, full, gone, damaged, or falls silent in the middle of a COMMIT."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from syncd.errors import Misconfigured, SyncdError, Transient
from syncd.model import Event, Facts, MissionId
from syncd.ports.ledger import Amendment, Settled
from syncd.ports.reading import ContractFilter
from syncd.store import DaemonLock
from tests.store.bench import (
    NO_LIMIT,
    NOW,
    Bench,
    a_mission,
    bench_on,
    claim,
    missions,
    outcome,
    settle,
    with_letter,
)
from tests.store.breakage import commit_cutter, dies_after_its_next_commit, disk_full

A = MissionId("A")
ALL = ContractFilter()


@pytest.fixture(params=["sqlite", "sqlite-wal"])
async def file_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(request, tmp_path) as opened:
        yield opened


@pytest.fixture(params=["postgresql"])
async def server_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(request, tmp_path) as opened:
        yield opened


def _count(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, ask_round=facts.ask_round + 1))


async def test_b01_a_writer_waits_for_another_process(file_bench: Bench, tmp_path: Path) -> None:
    ledger = await file_bench.prepared(a_mission("A"))
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    amending = asyncio.create_task(ledger.amend([A], _count, now=NOW))
    await asyncio.sleep(0.05)
    other.execute("COMMIT")
    other.close()

    assert await amending == {A}


async def test_b01_nobody_else_begins_to_write_between_a_reading_and_the_writing_that_follows_from_it(
    file_bench: Bench, tmp_path: Path
) -> None:
    ledger, intrusions = await file_bench.prepared(a_mission("A")), list[str]()
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, timeout=0)

    def intrude(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        with suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            intrusions.append(statement)
            other.execute("ROLLBACK")

    event.listen(ledger._database.engine.sync_engine, "after_cursor_execute", intrude)
    await ledger.amend([A], _count, now=NOW)
    other.close()

    assert intrusions == []


async def test_b02_a_full_disk_applies_nothing_and_recovers(file_bench: Bench) -> None:
    ledger = await file_bench.prepared(a_mission("A"))
    with disk_full(ledger), pytest.raises(Transient) as failure:
        await ledger.record_rows(missions(200), now=NOW)

    assert failure.value.is_general
    assert "SQLITE_FULL" in failure.value.message
    assert (await ledger.record_rows(missions(200), now=NOW)).new == 200


async def test_b03_a_removed_file_stops_the_work(file_bench: Bench, tmp_path: Path) -> None:
    ledger = await file_bench.prepared(a_mission("A"))
    (tmp_path / "ledger.db").unlink()

    with pytest.raises(Misconfigured):
        await claim(ledger)


async def test_b03_a_damaged_file_stops_the_work(file_bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is not a database" * 100)

    with pytest.raises(Misconfigured):
        await file_bench.open().migrate()


async def test_a_database_that_was_not_prepared_is_named_as_such(bench: Bench) -> None:
    with pytest.raises(Misconfigured) as failure:
        await claim(bench.open())

    assert "syncd migrate" in str(failure.value.hint)


async def test_b08_transactions_that_cross_are_begun_anew(bench: Bench) -> None:
    first, ids = await bench.prepared(*missions(20)), [mission.mission_id for mission in missions(20)]
    second = bench.open("r2")

    await asyncio.gather(
        *(
            ledger.amend(order, _count, now=NOW)
            for ledger, order in ((first, ids), (second, ids[::-1]))
            for _ in "abcde"
        )
    )

    facts = await first.waiting_facts(ALL, limit=20)
    assert {one.ask_round for one in facts} == {10}


async def test_b09_a_cancelled_task_leaves_no_connection_and_no_half_work(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(5))
    await ledger.amend([MissionId("M-001")], lambda f: Amendment(facts=replace(f, attempts=1)), now=NOW)

    for awaits in range(0, 30, 3):
        task = asyncio.create_task(claim(ledger, limit=1))
        for _ in range(awaits):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert "checked out connections: 0" in ledger.pool_status().lower()
    await ledger.sign_off()
    assert len((await claim(ledger)).claims) == 5


def _count_and_tell(facts: Facts) -> Amendment:
    return Amendment(facts=with_letter(replace(facts, ask_round=1), Event.STUDENT_PART_DONE))


def _settle_and_tell(facts: Facts, *, may_create: bool) -> Settled:
    result = settle(facts, may_create=may_create)
    return replace(result, facts=_count_and_tell(result.facts).facts)


@pytest.mark.parametrize("way", ["claimed", "recorded", "amended"])
async def test_i05_a_process_that_dies_between_two_transactions_leaves_no_fact_without_its_letter(
    bench: Bench, way: str
) -> None:
    ledger, dying = await bench.prepared(a_mission("A")), bench.open("dying")
    if way == "recorded":
        claims = (await claim(dying)).claims

    with dies_after_its_next_commit(dying):
        if way == "claimed":
            await claim(dying, settle=_settle_and_tell)
        elif way == "recorded":
            apply = replace(outcome(claims[0]), apply=_count_and_tell)
            await dying.record([apply], now=NOW, settle=settle, creations=NO_LIMIT)
        else:
            await dying.amend([A], _count_and_tell, now=NOW)

    view = await ledger.view(A)
    assert view is not None
    assert view.facts.ask_round == 1
    assert [letter.event for letter in view.letters] == [Event.STUDENT_PART_DONE]


async def test_b04_a_lost_reply_to_commit_applies_an_outcome_once(server_bench: Bench) -> None:
    await server_bench.prepared(a_mission("A"))
    async with commit_cutter(server_bench) as (ledger, cut_next_commit):
        claims = (await claim(ledger)).claims
        cut_next_commit()

        def count(facts: Facts) -> Amendment:
            return Amendment(facts=replace(facts, document_failures=facts.document_failures + 1))

        (following,) = await ledger.record(
            [replace(outcome(claims[0]), apply=count)], now=NOW, settle=settle, creations=NO_LIMIT
        )

        assert following is not None
        assert following.facts.document_failures == 1
        assert await ledger.renew({A: following.token}, now=NOW) == {A}


async def test_b04_a_lost_reply_to_commit_sends_no_letter_twice_anew(server_bench: Bench) -> None:
    plain = await server_bench.prepared(a_mission("A"))
    await plain.queue_digest("today", now=NOW)
    async with commit_cutter(server_bench) as (ledger, cut_next_commit):
        (digest,) = await ledger.letters()
        cut_next_commit()

        await ledger.resend(digest.letter_id, now=NOW)

        assert len(await ledger.letters()) == 2


async def test_an_unreachable_server_is_a_general_trouble(tmp_path: Path) -> None:
    ledger = Bench(url="postgresql://nobody@127.0.0.1:1/none", wal=None).open()

    with pytest.raises(Transient) as failure:
        await ledger.cursor("feed")

    assert failure.value.is_general
    await ledger.aclose()


async def test_no_value_of_a_row_is_in_an_error(file_bench: Bench) -> None:
    ledger = await file_bench.prepared(a_mission("A"))
    with disk_full(ledger), pytest.raises(SyncdError) as failure:
        await ledger.record_rows([a_mission("B", mission_description="SECRET" * 100_000)], now=NOW)

    assert "SECRET" not in f"{failure.value} {failure.value.hint} {failure.value.__cause__}"


def test_c09_a_second_daemon_on_one_ledger_is_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"

    with DaemonLock(ledger), pytest.raises(Misconfigured, match=r"process \d+"), DaemonLock(ledger):
        pass

    with DaemonLock(ledger), DaemonLock(tmp_path):
        pass


def test_a_lock_in_a_folder_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured), DaemonLock(tmp_path / "gone" / "ledger.db"):
        pass


def test_a_lock_that_is_given_back_twice_is_anybodys(tmp_path: Path) -> None:
    lock = DaemonLock(tmp_path / "ledger.db")
    with lock:
        pass
    lock.__exit__(None, None, None)

    with DaemonLock(tmp_path / "ledger.db"):
        assert (tmp_path / "ledger.db.lock").exists()
