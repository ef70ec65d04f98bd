"""The hot path seeks: nothing that runs every second reads the whole ledger."""

import re
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event

from syncd.model import Event, Facts, Step
from syncd.ports.ledger import Amendment, CreationLimit
from syncd.ports.reading import ContractFilter
from syncd.store import SqlLedger
from tests.store.bench import NO_LIMIT, NOW, Bench, claim, missions, outcome, settle, with_letter

FULL_SCAN = re.compile(r"^SCAN (contracts|letters|timeline|documents)(?! USING (COVERING )?INDEX)")


async def test_no_hot_statement_scans_a_table(tmp_path: Path) -> None:
    ledger = await Bench(url=f"sqlite:///{tmp_path / 'l.db'}", wal=False).prepared(*missions(30))
    await ledger.amend([m.mission_id for m in missions(9)], _letter, now=NOW)
    plans: list[str] = []
    explain(ledger, plans)

    claims = (await claim(ledger, limit=20, creations=CreationLimit(limit=50))).claims
    await ledger.record([outcome(c) for c in claims], now=NOW, settle=settle, creations=NO_LIMIT)
    await ledger.next_due_at()
    await ledger.next_letter_at()
    await ledger.take_letters(limit=5, now=NOW)
    await ledger.mails_since(NOW - timedelta(hours=1))
    await ledger.backlog(now=NOW)
    await ledger.list_contracts(ContractFilter(step=Step.HELD), limit=10)
    await ledger.record_rows(missions(5), now=NOW)

    assert [plan for plan in plans if FULL_SCAN.match(plan)] == []
    assert len(plans) > 20
    await ledger.aclose()


def explain(ledger: SqlLedger, plans: list[str]) -> None:
    """Ask SQLite for the plan of each statement, on the same connection, before it runs."""

    def ask(
        _connection: object, cursor: object, statement: str, parameters: object, _context: object, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            values = parameters[0] if many else parameters  # type: ignore[index]
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[attr-defined]
            plans.extend(row[3] for row in cursor.fetchall())  # type: ignore[attr-defined]

    event.listen(ledger._database.engine.sync_engine, "before_cursor_execute", ask)


def _letter(facts: Facts) -> Amendment:
    return Amendment(facts=with_letter(facts, Event.CONTRACT_INITIALISED))
