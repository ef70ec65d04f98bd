"""B01: another process holds the SQLite file, as a command does that writes for long."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from syncd.errors import Transient
from tests.faults.database.judgement import judge
from tests.faults.database.services import held_by_another, in_a_thread
from tests.faults.database.site import a_site
from tests.faults.database.tally import IMPATIENT, add_one, database_at, make_tally, read_tally, tally
from tests.support.scale import Amount, Figures

JOURNALS = pytest.mark.parametrize("wal", [False, True], ids=["journal", "wal"])


@JOURNALS
async def test_b01_a_writer_waits_so_long_and_no_longer(tmp_path: Path, wal: bool, figures: Figures) -> None:
    url = f"sqlite:///{tmp_path}/tally.db"
    await make_tally(url, wal=wal)
    database = database_at(url, wal=wal)

    with held_by_another(tmp_path / "tally.db"):
        assert await read_tally(database) == 0
        began = time.monotonic()
        with pytest.raises(Transient) as failure:
            await add_one(database)
        took = time.monotonic() - began
    await add_one(database)

    assert failure.value.is_general
    assert took < IMPATIENT.deadline.total_seconds() + IMPATIENT.patience.total_seconds() + 0.5
    assert tally(url) == 1
    figures.note(
        "a file that another process holds", deadline_s=IMPATIENT.deadline.total_seconds(), took_s=round(took, 2)
    )
    await database.aclose()


@JOURNALS
async def test_b01_those_who_queue_for_a_locked_file_all_get_their_turn(tmp_path: Path, wal: bool) -> None:
    url = f"sqlite:///{tmp_path}/tally.db"
    await make_tally(url, wal=wal)
    database = database_at(url, wal=wal)

    with held_by_another(tmp_path / "tally.db"):
        queue = [asyncio.create_task(add_one(database)) for _ in range(20)]
        await asyncio.sleep(IMPATIENT.patience.total_seconds() * 1.5)
        queue.pop().cancel()
    await asyncio.gather(*queue)

    assert tally(url) == 19
    await database.aclose()


def test_b01_the_naive_way_fails_at_once_whatever_it_would_wait(tmp_path: Path) -> None:
    """A reading that becomes a writing has no patience: why every writer begins as one."""
    with closing(sqlite3.connect(tmp_path / "tally.db", isolation_level=None, timeout=30)) as naive:
        naive.executescript("PRAGMA journal_mode = WAL; CREATE TABLE tally (number)")
        naive.execute("BEGIN")
        naive.execute("SELECT * FROM tally").fetchall()
        with closing(sqlite3.connect(tmp_path / "tally.db", isolation_level=None)) as other:
            other.execute("INSERT INTO tally VALUES (1)")

        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            naive.execute("INSERT INTO tally VALUES (2)")

    assert time.monotonic() - began < 1


async def test_b01_a_whole_service_stands_still_while_a_command_writes_and_goes_on_by_itself(
    tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """Longer than a writer waits at once; in the deep size for 40 seconds, longer than any transaction may last."""
    held_s, ledger = amount(quick=6, deep=40), tmp_path / "ledger.db"
    async with a_site(tmp_path) as site:
        async with site.replicas(site.settings(f"sqlite:///{ledger}"), 1):
            await site.validate(4)
            await site.everybody_works(f"sqlite:///{ledger}")
            async with in_a_thread(held_by_another(ledger)):
                await asyncio.sleep(0.5)
                asked = len(site.remote.posts())
                await site.validate(4)
                await site.work_for(held_s)
                asked_meanwhile = len(site.remote.posts()) - asked
            await site.everybody_works(f"sqlite:///{ledger}")
        found = judge(site, f"sqlite:///{ledger}")

    assert asked_meanwhile == 0
    assert not found.violations
    assert (found.posts, found.repeated) == (6, 0)
    figures.note("a command writes for long", held_s=held_s, posts_meanwhile=0, doubled=0, repeated=0)
