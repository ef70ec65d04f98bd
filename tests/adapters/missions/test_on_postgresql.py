"""What only a PostgreSQL store does: transactions that commit late, rights, locks, and types."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from syncd.adapters.missions import SqlMissionStore
from syncd.errors import Misconfigured, Transient
from syncd.model import MissionId
from tests.adapters.missions.stores import PostgresStore, put_into, seconds_ago
from tests.support.postgres import PostgresServer


@asynccontextmanager
async def silenceable(socket: Path) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Serve a proxy on TCP that passes nothing on, and closes nothing, while the event is set."""
    silence = asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while content := await reader.read(65536):
                if not silence.is_set():
                    writer.write(content)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(socket))
        await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], silence


@pytest.fixture
def written(postgres_url: str) -> PostgresStore:
    return PostgresStore(postgres_url)


@pytest.fixture
async def store(written: PostgresStore) -> AsyncIterator[SqlMissionStore]:
    adapter = SqlMissionStore(written.url)
    yield adapter
    await adapter.aclose()


async def test_q03_a_row_committed_late_by_a_slow_transaction_is_seen(
    written: PostgresStore, store: SqlMissionStore
) -> None:
    with psycopg.connect(written.url) as slow:
        put_into(slow, mission_id="slow", updated_at=seconds_ago(100))
        written.put(mission_id="quick", updated_at=seconds_ago(5))
        before = await store.changed_since(None, limit=10)
        slow.commit()

    after = await store.changed_since(before.cursor, limit=10)

    assert [mission.mission_id for mission in before.missions] == ["quick"]
    assert [mission.mission_id for mission in after.missions] == ["slow", "quick"]


async def test_a_user_who_may_only_select_from_the_view_is_enough(
    postgres: PostgresServer, written: PostgresStore
) -> None:
    written.put()
    written.execute("CREATE ROLE view_reader LOGIN")
    written.execute("CREATE SCHEMA fvma")
    written.execute("CREATE VIEW fvma.missions AS SELECT * FROM public.validated_missions")
    written.execute("GRANT USAGE ON SCHEMA fvma TO view_reader")
    written.execute("GRANT SELECT ON fvma.missions TO view_reader")
    url = postgres.url_as("view_reader", written.url)
    store, forbidden = SqlMissionStore(url, relation="fvma.missions"), SqlMissionStore(url)

    await store.check()
    assert len((await store.changed_since(None, limit=5)).missions) == 1
    assert len(await store.page(None, limit=5)) == 1
    assert await store.existing([MissionId("FVMA-2025-0001"), MissionId("x")]) == {"FVMA-2025-0001"}
    with pytest.raises(Misconfigured, match="may not be read") as raised:
        await forbidden.check()

    assert raised.value.key == "missions.relation"
    await store.aclose()
    await forbidden.aclose()
    written.execute("DROP OWNED BY view_reader; DROP ROLE view_reader")


async def test_a_view_that_would_write_is_refused_by_the_database(written: PostgresStore) -> None:
    written.put()
    written.execute("CREATE TABLE traces (at timestamptz)")
    written.execute(
        "CREATE FUNCTION trace() RETURNS boolean LANGUAGE sql AS 'INSERT INTO traces VALUES (now()) RETURNING true'"
    )
    written.execute("CREATE VIEW nosy AS SELECT * FROM validated_missions WHERE trace()")
    store = SqlMissionStore(written.url, relation="nosy")

    with pytest.raises(Transient, match="25006"):
        await store.changed_since(None, limit=5)

    await store.aclose()


async def test_no_connection_stays_in_a_transaction_between_two_readings(
    written: PostgresStore, store: SqlMissionStore
) -> None:
    await store.changed_since(None, limit=5)

    with psycopg.connect(written.url) as other:
        states = other.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()

    assert states == [("idle",)]


async def test_q13_a_locked_table_is_transient_within_the_time_allowed(written: PostgresStore) -> None:
    written.put()
    store = SqlMissionStore(written.url, query_timeout=timedelta(seconds=1))
    await store.check()

    with psycopg.connect(written.url) as migration:
        migration.execute("LOCK TABLE validated_missions IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(Transient):
            await store.changed_since(None, limit=5)
        with pytest.raises(Transient):
            await store.check()
        took = time.monotonic() - started

    assert took < 5
    assert len((await store.changed_since(None, limit=5)).missions) == 1
    await store.aclose()


async def test_q13_a_slow_query_ends_at_the_deadline(written: PostgresStore) -> None:
    written.put()
    written.execute("CREATE VIEW slow AS SELECT m.* FROM validated_missions AS m, pg_sleep(20)")
    store = SqlMissionStore(written.url, relation="slow", deadline=timedelta(seconds=0.2))

    started = time.monotonic()
    with pytest.raises(Transient):
        await store.changed_since(None, limit=5)

    assert time.monotonic() - started < 3
    await store.aclose()


async def test_b05_a_peer_that_falls_silent_is_left_at_the_deadline(
    postgres: PostgresServer, written: PostgresStore
) -> None:
    async with silenceable(postgres.socket_path) as (port, silence):
        database = urlsplit(written.url).path
        store = SqlMissionStore(f"postgresql://postgres@127.0.0.1:{port}{database}", deadline=timedelta(seconds=0.2))
        await store.check()
        silence.set()

        started = time.monotonic()
        with pytest.raises(Transient):
            await store.changed_since(None, limit=5)
        took = time.monotonic() - started

        silence.clear()
        assert took < 2
        await store.aclose()


async def test_a_database_that_comes_back_is_read_again(written: PostgresStore, store: SqlMissionStore) -> None:
    written.put()
    await store.check()
    with psycopg.connect(written.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(Transient):
        await store.changed_since(None, limit=5)

    assert len((await store.changed_since(None, limit=5)).missions) == 1


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "timestamptz(0)", "text", "varchar(40)"])
async def test_any_type_of_timestamp_is_read_exactly(postgres_url: str, kind: str) -> None:
    written = PostgresStore(postgres_url, types={"updated_at": kind, "mission_id": "varchar(30)"})
    for number in range(3):
        written.put(mission_id=f"M{number}", updated_at="2025-06-02 08:00:00.123456")
    store = SqlMissionStore(written.url)
    instants, cursor = [], None

    for _ in range(4):
        page = await store.changed_since(cursor, limit=1)
        instants += [mission.updated_at.replace(microsecond=0) for mission in page.missions]
        cursor = page.cursor

    assert len(instants) == 3
    if kind not in ("timestamptz", "timestamptz(0)"):  # these were written in the server's own zone
        assert set(instants) == {datetime(2025, 6, 2, 8, tzinfo=UTC)}
    await store.aclose()


async def test_the_date_style_and_zone_of_the_server_do_not_matter(written: PostgresStore) -> None:
    written.put()
    written.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database()); END $$"
    )
    store = SqlMissionStore(written.url)

    (mission,) = (await store.changed_since(None, limit=5)).missions

    assert (mission.updated_at, mission.unreadable) == (datetime(2025, 6, 2, 8, tzinfo=UTC), ())
    await store.aclose()


async def test_q09_dates_beyond_every_calendar_spoil_their_value_only(
    written: PostgresStore, store: SqlMissionStore
) -> None:
    written.put(mission_id="A", validated_at="infinity", contract_ends_on="20000-01-01")
    written.put(mission_id="B", updated_at="-infinity", training_ends_on="0044-03-15 BC")
    written.put(mission_id="C", updated_at="infinity")
    written.put(mission_id="D", updated_at="2025-06-03T08:00:00Z")

    pages = [await store.changed_since(None, limit=1)]
    while pages[-1].has_more:
        pages.append(await store.changed_since(pages[-1].cursor, limit=1))
    missions = {mission.mission_id: mission for page in pages for mission in page.missions}
    again = await store.changed_since(pages[-1].cursor, limit=5)

    assert {name: mission.unreadable for name, mission in missions.items()} == {
        "A": ("validated_at", "contract_ends_on"),
        "B": ("updated_at", "training_ends_on"),
        "C": ("updated_at",),
        "D": (),
    }
    assert [mission.mission_id for mission in again.missions] == ["C"]


async def test_q12_columns_of_other_types_are_read_as_far_as_they_can_be(postgres_url: str) -> None:
    types = {
        "mission_id": "char(12)",
        "company_siret": "numeric(14)",
        "student_number": "bigint",
        "admission_confirmed": "text",
        "contract_starts_on": "timestamp",
        "contract_ends_on": "text",
        "programme": "integer",
        "mission_title": "text[]",
    }
    written = PostgresStore(postgres_url, types=types)
    written.put(
        mission_id="M1", company_siret=1, student_number=22, admission_confirmed="oui", programme=3, mission_title=["a"]
    )
    store = SqlMissionStore(written.url)

    (mission,) = await store.page(None, limit=5)

    assert (mission.mission_id, mission.company_siret, mission.student_number) == ("M1", "00000000000001", "22")
    assert mission.admission_confirmed is True
    assert str(mission.contract_starts_on) == "2025-09-15"
    assert mission.unreadable == ("programme",)
    assert await store.read([MissionId("M1")]) == (mission,)
    await store.aclose()


async def test_q12_a_key_of_another_type_is_followed_by_its_text(postgres_url: str) -> None:
    written = PostgresStore(postgres_url, types={"mission_id": "integer"})
    for number in (10, 9, 1):
        written.put(mission_id=number)
    store = SqlMissionStore(written.url)

    first = await store.page(None, limit=2)
    second = await store.page(first[-1].mission_id, limit=2)
    changed = await store.changed_since((await store.changed_since(None, limit=1)).cursor, limit=5)

    assert [mission.mission_id for mission in first + second] == ["1", "10", "9"]
    assert len(changed.missions) == 2
    assert await store.existing([MissionId("9"), MissionId("word")]) == {"9"}
    await store.aclose()
