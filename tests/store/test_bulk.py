"""Rows are written in bulk as they would be one by one."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from syncd.store.bulk import insert_rows, update_rows
from syncd.store.engine import Transaction
from syncd.store.given import OF
from syncd.store.loading import rows_of
from syncd.store.rows import Columns, Row
from syncd.store.tables import contracts, documents, timeline
from tests.store.bench import NOW, Bench, missions

SECRET = "a-name-that-nobody-may-see"


def _paper(version: int, **others: object) -> Columns:
    paper = {"mission_id": SECRET, "kind": "cerfa", "version": version, "sha256": "0", "size": 2**40, "stored_at": NOW}
    return paper | {"file_id": "f", "superseded_at": None} | others


@pytest.mark.parametrize("count", [1, 3])
async def test_rows_are_read_as_they_were_written(bench: Bench, count: int) -> None:
    ledger = await bench.prepared()
    rows = [_paper(version, superseded_at=NOW if version % 2 else None) for version in range(count)]

    async def work(tx: Transaction) -> list[Row]:
        await insert_rows(tx, documents, rows)
        return await rows_of(tx, select(*(documents.c[name] for name in rows[0])).order_by(documents.c.version))

    assert await ledger._database.write(work) == rows


async def test_what_json_has_no_word_for_is_kept(bench: Bench) -> None:
    ledger = await bench.prepared()
    row: Columns = {"mission_id": "half \ud83d", "at": NOW, "event": "nul\0", "detail": {"why": ["é", 1, None]}}

    async def work(tx: Transaction) -> list[Row]:
        await insert_rows(tx, timeline, [row])
        return await rows_of(tx, select(*(timeline.c[name] for name in row)))

    (found,) = await ledger._database.write(work)
    assert found == row | {"mission_id": "half \N{REPLACEMENT CHARACTER}", "event": "nul\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("found", [0, 1, 2])
async def test_how_many_rows_were_found_is_known(bench: Bench, found: int) -> None:
    ledger = await bench.prepared(*missions(2))
    rows: list[Columns] = [
        {f"{OF}mission_id": f"M-{n:03}", f"{OF}lease_token": 0 if n <= found else 7, "is_late": True} for n in (1, 2)
    ]

    async def work(tx: Transaction) -> tuple[int, list[Row]]:
        count = await update_rows(tx, contracts, rows)
        return count, await rows_of(tx, select(contracts.c.mission_id).where(contracts.c.is_late))

    count, late = await ledger._database.write(work)
    assert (count, len(late)) == (found, found)


@pytest.mark.parametrize("count", [1, 3])
async def test_an_error_is_told_without_a_value(bench: Bench, count: int) -> None:
    ledger = await bench.prepared()

    async def work(tx: Transaction) -> None:
        await insert_rows(tx, documents, [_paper(1) for _ in range(count)])
        await insert_rows(tx, documents, [_paper(1) for _ in range(count)])

    connection = ledger._database.engine.connect()
    async with connection as opened, opened.begin():
        with pytest.raises(IntegrityError) as caught:
            await work(Transaction(connection=opened, is_postgres=bench.is_postgres))

    assert SECRET not in str(caught.value).split("DETAIL")[0]
