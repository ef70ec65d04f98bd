"""A recording that is done again may wait for the very commit whose reply was lost."""

import asyncio
from datetime import timedelta

from sqlalchemy import text

from syncd.store.claims import _take_back
from syncd.store.engine import Transaction
from syncd.store.rows import Row
from syncd.store.settling import Turn
from tests.store.bench import NO_LIMIT, NOW, Bench, claim, missions, outcome, settle

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_b04_what_it_waited_for_is_seen_to_be_recorded(postgres_url: str) -> None:
    ledger = await Bench(url=postgres_url, wal=None).prepared(*missions(3))
    outcomes = [outcome(c) for c in (await claim(ledger)).claims]
    turn = Turn(replica="r1", lease=timedelta(minutes=1), now=NOW, settle=settle, creations=NO_LIMIT)
    engine = ledger._database.engine

    async def again() -> list[Row]:
        async with engine.begin() as connection:
            return await _take_back(
                Transaction(connection=connection, is_postgres=True, may_be_done=True), outcomes, turn
            )

    async with engine.connect() as lost, engine.connect() as onlooker:
        await lost.execute(text("UPDATE contracts SET lease_token = lease_token + 1"))
        waiting = asyncio.create_task(again())
        while not (await onlooker.execute(WAITING)).scalar_one():
            await onlooker.rollback()
        await lost.commit()
        taken = await waiting

    assert len(taken) == 3
    await ledger.aclose()
