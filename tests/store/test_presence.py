"""A look that is broken off leaves nothing behind: no session, no lock."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from syncd.clock import SystemClock
from syncd.ports.presence import Standing
from syncd.store.presence import SessionPresence
from tests.jobs.workshop import until
from tests.store.bench import Bench


@pytest.fixture
async def presence(postgres_url: str) -> AsyncIterator[SessionPresence]:
    ledger = Bench(url=postgres_url, wal=None).open()
    await ledger.migrate()
    await ledger.aclose()
    opened = SessionPresence(postgres_url, replica="r1", clock=SystemClock())
    yield opened
    await opened.aclose()


async def test_a_look_that_is_cancelled_gives_the_lock_back(
    presence: SessionPresence, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await presence.look()
    locks_before, asked = _locks(postgres_url), asyncio.Event()

    async def hang(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(presence, "_who_is_missing", hang)
    looking = asyncio.create_task(presence.look())
    await asked.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking

    assert (locks_before, presence.lock_number) == (1, None)
    await until(lambda: _locks(postgres_url) == 0)


async def test_a_session_that_gets_no_lock_is_closed_and_the_next_look_begins_anew(
    presence: SessionPresence, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("the network is gone")

    with monkeypatch.context() as patched:
        patched.setattr(presence, "_lock", fail)
        lost = await presence.look()
    found = await presence.look()

    assert [lost.standing, found.standing] == [Standing.LOST, Standing.SHOWN]
    assert _locks(postgres_url) == 1


def _locks(url: str) -> int:
    statement = """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE locktype = 'advisory' AND datname = current_database()
    """
    with psycopg.connect(url) as connection:
        found = connection.execute(statement).fetchone()
    assert found is not None
    return int(found[0])
