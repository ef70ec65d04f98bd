"""Taking letters costs the same after a hundred thousand of them: each statement seeks, on both databases."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import event, insert, text

from syncd.model import NotificationState
from syncd.ports.ledger import LetterOutcome
from syncd.store import SqlLedger
from syncd.store.tables import letters
from tests.faults.mail.ledgers import queue_letters
from tests.store.bench import NOW, Bench
from tests.support.scale import Amount, Figures

EXPLAIN = {True: "EXPLAIN ", False: "EXPLAIN QUERY PLAN "}
FULL_SCAN = re.compile(r"^SCAN letters|Seq Scan on letters")
POSTGRES_SCAN = re.compile(r"Index( Only)? Scan (Backward )?using (?!ix_letters_lease)\S+ on letters")
"""The index of leases has nothing but what is under way: it may be read whole."""
LATER = NOW + timedelta(minutes=5)
_BATCH = 5_000


async def remember(ledger: SqlLedger, count: int) -> None:
    """Let the outbox have a history: letters that were sent during the last year."""
    async with ledger._database.engine.connect() as connection:
        for start in range(0, count, _BATCH):
            rows = [_past(number, NOW) for number in range(start, min(start + _BATCH, count))]
            await connection.execute(insert(letters), rows)
        await connection.commit()
        await connection.execute(text("ANALYZE"))
        await connection.commit()


def _past(number: int, now: datetime) -> dict[str, object]:
    at = now - timedelta(days=365) + timedelta(minutes=5 * number)
    return {
        "mission_id": f"FVMA-2024-{number:06d}", "event": "contract.initialised", "role": "student", "cause": "",
        "resend": 0, "message_id": f"<{number}@example.org>", "state": "sent", "is_blocked": False, "lane": None,
        "due_at": None, "attempts": 1, "repeats": 0, "queued_at": at, "sent_at": at, "lease_token": 1,
    }  # fmt: skip


@contextmanager
def plans_of(ledger: SqlLedger) -> Iterator[list[str]]:
    """Ask the database for the plan of each statement about letters, on the same connection, before it runs."""
    plans: list[str] = []
    engine, prefix = ledger._database.engine.sync_engine, EXPLAIN[ledger._database.is_postgres]

    def ask(_connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and "letters" in statement:
            cursor.execute(prefix + statement, parameters[0] if many else parameters)
            plans.extend(str(row[-1]) for row in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", ask)
    yield plans
    event.remove(engine, "before_cursor_execute", ask)


async def deliver_one(ledger: SqlLedger) -> None:
    """Take one letter under the brake, and record that it was sent."""
    (letter,) = await ledger.take_letters(limit=1, now=LATER, most_per_hour=1000)
    sent = LetterOutcome(letter_id=letter.letter_id, token=letter.token, state=NotificationState.SENT)
    assert await ledger.record_letters([sent], now=LATER) == (True,)


async def cost_ms(ledger: SqlLedger, times: int = 15) -> float:
    """Return what delivering one letter costs in the ledger when nothing else disturbs it."""
    seen = []
    for _ in range(times):
        begun = time.perf_counter()
        await deliver_one(ledger)
        seen.append((time.perf_counter() - begun) * 1000)
    return round(min(seen), 2)


async def test_a_history_of_letters_makes_no_letter_slower(bench: Bench, amount: Amount, figures: Figures) -> None:
    history = amount(quick=20_000, deep=100_000)
    ledger = await bench.prepared()
    await queue_letters(ledger, range(40), now=NOW)
    young_ms = await cost_ms(ledger)

    await remember(ledger, history)
    old_ms = await cost_ms(ledger)
    with plans_of(ledger) as plans:
        await deliver_one(ledger)
        await ledger.next_letter_at()
        await ledger.give_up_letters(queued_before=LATER - timedelta(days=5), error="away", now=LATER)

    assert len(plans) > 8
    assert [plan for plan in plans if FULL_SCAN.search(plan)] == []
    scans = [(plan, after) for plan, after in pairwise(plans) if POSTGRES_SCAN.search(plan)]
    assert [plan for plan, after in scans if "Index Cond" not in after] == []
    assert old_ms < 3 * young_ms + 20
    kind = bench.url.partition(":")[0] + (" in WAL" if bench.wal else "")
    figures.note(
        f"a letter in the ledger after {history:,} others, {kind}",
        without_history_ms=young_ms, with_history_ms=old_ms,
    )  # fmt: skip
