"""The hot path seeks: nothing that runs every second, and no page that people open, reads a whole table."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from syncd.model import Event, Facts, MissionId, NotificationState, Step
from syncd.ports.ledger import Amendment, CreationLimit
from syncd.ports.reading import ContractFilter
from syncd.store import SqlLedger
from tests.store.bench import (
    NO_LIMIT,
    NOW,
    Bench,
    a_mission,
    claim,
    missions,
    outcome,
    settle,
    statements_of,
    with_letter,
)
from tests.support.plain import plain_engine

_GROWS = "contracts|letters|timeline|documents"
_SQLITE_SCAN = re.compile(rf"^SCAN ({_GROWS})(?! USING (COVERING )?INDEX)|^SEARCH ({_GROWS})$")
_OF_FEW = {
    "ix_contracts_newer_words", "ix_contracts_left_alone", "ix_contracts_retrying", "ix_contracts_lease",
    "ix_letters_lease",
}  # fmt: skip
"""Indexes of a few rows alone: all of such an index is a short list."""
Plans = list[str]


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """An empty ledger."""
    if request.param == "sqlite":
        return Bench(url=f"sqlite:///{tmp_path / 'l.db'}", wal=False)
    return Bench(url=request.getfixturevalue("postgres_url"), wal=None)


async def test_no_hot_statement_reads_a_whole_table(bench: Bench) -> None:
    async with _explained(bench) as (ledger, plans):
        claims = (await claim(ledger, limit=20, creations=CreationLimit(limit=50))).claims
        await ledger.record([outcome(c) for c in claims], now=NOW, settle=settle, creations=NO_LIMIT)
        await ledger.next_due_at()
        await ledger.next_letter_at()
        letters = await ledger.take_letters(limit=5, now=NOW, most_per_hour=100, in_hand=set())
        await ledger.mails_since(NOW - timedelta(hours=1))
        await ledger.renew({c.facts.mission_id: c.token for c in claims}, now=NOW)
        await ledger.rescue(now=NOW)
        await ledger.record_rows(missions(5), now=NOW)

    assert letters
    assert len(plans) > 20
    assert [plan for plan in plans if _reads_all(plan)] == []


async def test_the_rivals_and_the_letters_of_a_contract_that_is_held_are_sought(bench: Bench) -> None:
    async with _explained(bench) as (ledger, plans):
        await ledger.record_rows([a_mission("M-002", student_number="number of M-001")], now=NOW)
        with statements_of(ledger) as sent:
            await ledger.amend([MissionId("M-001")], _held, now=NOW)
            await ledger.amend([MissionId("M-001")], _let_go, now=NOW)
            await claim(ledger, only=[MissionId("M-001"), MissionId("M-002")])

    assert {"UPDATE letters SET is_blocked", "UPDATE contracts SET due_at"} <= {text.partition("=")[0] for text in sent}
    assert [plan for plan in plans if _reads_all(plan)] == []


async def test_no_page_that_people_open_reads_a_whole_table(bench: Bench) -> None:
    async with _explained(bench) as (ledger, plans):
        await ledger.backlog(now=NOW)
        await ledger.list_contracts(ContractFilter(step=Step.HELD), limit=10)
        await ledger.list_contracts(ContractFilter(), limit=10)
        await ledger.view(MissionId("M-001"))
        await ledger.left_alone(limit=20)
        await ledger.needs_person(limit=20)

    assert len(plans) > 8
    assert [plan for plan in plans if _reads_all(plan)] == []


async def test_statistics_in_which_all_letters_are_sent_lead_no_page_astray(tmp_path: Path) -> None:
    bench = Bench(url=f"sqlite:///{tmp_path / 'l.db'}", wal=False)
    async with _explained(bench) as (ledger, _):
        await ledger.backlog(now=NOW)
    with plain_engine(bench.url).begin() as connection:
        connection.execute(text("ANALYZE"))
        connection.execute(text("UPDATE sqlite_stat1 SET stat = '1000000 1000000 1'"))
        connection.execute(text("DELETE FROM sqlite_stat1 WHERE idx NOT IN ('ix_letters_state', 'ix_contracts_step')"))

    async with _explained(bench) as (ledger, plans):
        await ledger.backlog(now=NOW)
        await ledger.needs_person(limit=20)
        await ledger.left_alone(limit=20)
        await ledger.letters(state=NotificationState.FAILED, limit=20)

    assert [plan for plan in plans if _reads_all(plan)] == []


async def test_whoever_reads_a_whole_table_is_seen(bench: Bench) -> None:
    async with _explained(bench) as (ledger, plans):
        await ledger.document_files()  # once a day

    assert [_reads_all(plan) for plan in plans] == [True]


def _reads_all(plan: str) -> bool:
    return bool(_SQLITE_SCAN.match(plan)) or plan.startswith("all of ")


@asynccontextmanager
async def _explained(bench: Bench) -> AsyncIterator[tuple[SqlLedger, Plans]]:
    """Yield a ledger with thirty contracts and nine letters, and the plan of every statement that runs."""
    ledger = await bench.prepared(*missions(30))
    await ledger.amend([m.mission_id for m in missions(9)], _letter, now=NOW)
    plans: Plans = []
    explain = _explain_on_postgres if bench.is_postgres else _explain_on_sqlite
    event.listen(ledger._database.engine.sync_engine, "before_cursor_execute", explain(plans))
    try:
        yield ledger, plans
    finally:
        await ledger.aclose()


def _explain_on_sqlite(plans: Plans) -> Callable[..., None]:
    def ask(_connection: object, cursor: Any, statement: str, values: Any, _context: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values[0] if many else values)
            plans.extend(row[3] for row in cursor.fetchall())

    return ask


def _explain_on_postgres(plans: Plans) -> Callable[..., None]:
    """PostgreSQL reads small tables whole, whatever indexes there are: forbidden here, unless there is no other way."""

    def ask(_connection: object, cursor: Any, statement: str, values: Any, _context: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT")) and "pg_" not in statement:
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", values[0] if many else values)
            found = cursor.fetchall()[0][0]
            plans.extend(_nodes(json.loads(found) if isinstance(found, str) else found))

    return ask


def _nodes(plan: Any, *, is_a_page: bool = False) -> Plans:
    """Return how a plan reads the tables that grow; who reads a page of an index in its order does not read all."""
    if isinstance(plan, list):
        return [node for one in plan for node in _nodes(one, is_a_page=is_a_page)]
    if not isinstance(plan, dict):
        return []
    is_a_page |= plan.get("Node Type") == "Limit"
    below = [node for value in plan.values() for node in _nodes(value, is_a_page=is_a_page)]
    kind, table, index = str(plan.get("Node Type")), plan.get("Relation Name"), plan.get("Index Name")
    if "Scan" not in kind or kind == "Bitmap Heap Scan" or (table not in _GROWS.split("|") and index is None):
        return below
    is_sought = "Index Cond" in plan or index in _OF_FEW or (is_a_page and index is not None)
    return [f"{kind} by {index}" if is_sought else f"all of {table or index}", *below]


def _letter(facts: Facts) -> Amendment:
    return Amendment(facts=with_letter(facts, Event.CONTRACT_INITIALISED))


def _held(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, step=Step.HELD))


def _let_go(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, step=Step.TO_INITIALISE))
