"""What only a SQLite store does: text in many forms, files, and values of any type in any column."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.adapters.missions import SqlMissionStore
from syncd.errors import Misconfigured, Transient
from syncd.model import Mission, MissionId
from tests.adapters.missions.stores import ROW, SqliteStore

PARIS_SUMMER = timedelta(hours=2)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"


@pytest.fixture
def written(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "missions.db")


@pytest.fixture
async def store(written: SqliteStore) -> AsyncIterator[SqlMissionStore]:
    adapter = SqlMissionStore(written.url)
    yield adapter
    await adapter.aclose()


def _spaced(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"


def _fractional(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f")


FORMS: list[Callable[[datetime], str]] = [
    _spaced,
    _fractional,
    lambda instant: f"{instant:%Y-%m-%dT%H:%M:%S}",
    lambda instant: f"{instant:%Y-%m-%dT%H:%M:%S}Z",
    lambda instant: f"{instant:%Y-%m-%dT%H:%M:%S}+00:00",
    lambda instant: f"{instant:%Y-%m-%d %H:%M:%S}+00",
    lambda instant: f"{instant + PARIS_SUMMER:%Y-%m-%d %H:%M:%S}+02:00",
    lambda instant: f"{_spaced(instant)}.{instant.microsecond // 1000:03}",
]


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_timestamp_is_read_in_order_and_kept_behind_the_overlap(
    written: SqliteStore, store: SqlMissionStore, form: Callable[[datetime], str]
) -> None:
    now = datetime.now(UTC)
    instants = {f"M{age}": now - timedelta(seconds=age) for age in (500, 400, 300, 20, 10)}
    for name, instant in instants.items():
        written.put(mission_id=name, updated_at=form(instant))

    first = await store.changed_since(None, limit=10)
    written.put(mission_id="late", updated_at=form(now - timedelta(seconds=60)))
    second = await store.changed_since(first.cursor, limit=10)

    assert [mission.mission_id for mission in first.missions] == list(instants)
    assert [mission.mission_id for mission in second.missions] == ["late", "M20", "M10"]
    for mission in first.missions:
        assert abs(mission.updated_at - instants[mission.mission_id]) < timedelta(seconds=1)


async def _pass_by_single_rows(store: SqlMissionStore, cursor: str | None) -> tuple[list[str], str | None]:
    ids: list[str] = []
    has_more = True
    while has_more:
        page = await store.changed_since(cursor, limit=1)
        ids += [mission.mission_id for mission in page.missions]
        cursor, has_more = page.cursor, page.has_more
    return ids, cursor


@pytest.mark.parametrize(
    "poison", ["", "soon", "2025-06-31 10:00:00", "0", "9999-12-31T23:59:59-10:00", None, b"\xff\x00"]
)
async def test_q09_an_unreadable_updated_at_stops_nothing_and_the_sweep_has_its_row(
    written: SqliteStore, store: SqlMissionStore, poison: object
) -> None:
    written.put(mission_id="A", updated_at="2025-06-01 08:00:00")
    written.put(mission_id="P", updated_at=poison)
    first, cursor = await _pass_by_single_rows(store, None)
    written.put(mission_id="Z", updated_at="2025-07-01 08:00:00")

    second, _ = await _pass_by_single_rows(store, cursor)
    swept: dict[str, Mission] = {mission.mission_id: mission for mission in await store.page(None, limit=10)}

    assert "A" in first
    assert "Z" in second
    assert "A" not in second
    assert list(swept) == ["A", "P", "Z"]
    assert swept["P"].unreadable == ("updated_at",)


async def test_q09_bytes_that_are_no_text_spoil_their_value_only(written: SqliteStore, store: SqlMissionStore) -> None:
    written.put(mission_id="A", student_last_name=bytearray(b"H\xe9l\xe8ne"), mentor_name=bytearray(b"\xed\xa0\x80"))
    written.put(mission_id="B", student_last_name="a\x00b", company_name=b"blob", contract_starts_on="2026-02-31")
    written.put(mission_id="C")

    missions = (await store.changed_since(None, limit=10)).missions

    assert [(mission.unsafe, mission.unreadable) for mission in missions] == [
        (("student_last_name", "mentor_name"), ()),
        (("student_last_name",), ("company_name", "contract_starts_on")),
        ((), ()),
    ]


async def test_q09_keys_that_are_no_text_are_left_out_and_counted(tmp_path: Path) -> None:
    written = SqliteStore(tmp_path / "loose.db", columns=dict.fromkeys(ROW, ""))
    for key in (None, b"blob", 1.5, bytearray(b"\xff\xfe"), "a\x00b", 42, "M1"):
        written.put(mission_id=key)
    store = SqlMissionStore(written.url)

    swept: list[str] = []
    page = await store.page(None, limit=1)
    while page:
        swept += [mission.mission_id for mission in page]
        page = await store.page(page[-1].mission_id, limit=1)
    changed = (await store.changed_since(None, limit=1)).missions

    assert swept == ["42", "M1"]
    assert store.unnamed_rows == 5
    assert [mission.mission_id for mission in changed] == ["42"]
    assert await store.existing([MissionId("42"), MissionId("M1"), MissionId("1.5")]) == {"42", "M1"}
    await store.aclose()


async def test_codes_kept_as_numbers_come_as_text(tmp_path: Path) -> None:
    types = dict.fromkeys(ROW, "TEXT") | {"mission_id": "INTEGER", "company_siret": "INTEGER", "student_number": "REAL"}
    written = SqliteStore(tmp_path / "numbers.db", columns=types)
    written.put(mission_id=7, company_siret=5560000000099, student_number=22001234.0, admission_confirmed=1)
    store = SqlMissionStore(written.url)

    (mission,) = (await store.changed_since(None, limit=5)).missions

    assert (mission.mission_id, mission.company_siret, mission.student_number) == ("7", "05560000000099", "22001234")
    assert mission.admission_confirmed is True
    assert await store.read([MissionId("7")]) == (mission,)
    await store.aclose()


async def test_ids_told_apart_by_case_only_are_both_swept_whatever_the_column_says(tmp_path: Path) -> None:
    types = dict.fromkeys(ROW, "TEXT") | {"mission_id": "TEXT COLLATE NOCASE"}
    written = SqliteStore(tmp_path / "nocase.db", columns=types, has_key=False)
    written.put(mission_id="m1")
    written.put(mission_id="M1")
    store = SqlMissionStore(written.url)

    first = await store.page(None, limit=1)
    second = await store.page(first[-1].mission_id, limit=1)

    assert {first[0].mission_id, second[0].mission_id} == {"m1", "M1"}
    await store.aclose()


def _everything_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


async def test_the_file_is_neither_written_nor_created(written: SqliteStore, tmp_path: Path) -> None:
    written.put()
    before = _everything_in(tmp_path)
    store, missing = SqlMissionStore(written.url), SqlMissionStore(f"sqlite:///{tmp_path}/missing.db")

    await store.check()
    await store.changed_since(None, limit=5)
    await store.page(None, limit=5)
    await store.existing([MissionId("x")])
    with pytest.raises(Transient):
        await missing.check()

    assert _everything_in(tmp_path) == before
    await store.aclose()
    await missing.aclose()


async def test_a_file_that_is_no_database_is_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Madame, Monsieur, " * 1000)
    store = SqlMissionStore(f"sqlite:///{tmp_path}/letter.db")

    with pytest.raises(Misconfigured) as raised:
        await store.check()

    assert raised.value.key == "missions.url"
    await store.aclose()


async def test_a_store_in_wal_mode_is_read_while_a_writer_has_it(written: SqliteStore, store: SqlMissionStore) -> None:
    written.execute("PRAGMA journal_mode = WAL")
    written.put(mission_id="before")

    with closing(sqlite3.connect(written.path)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE validated_missions SET mission_id = 'after'")
        seen = await store.page(None, limit=5)
        writer.commit()

    assert [mission.mission_id for mission in seen] == ["before"]
    assert [mission.mission_id for mission in await store.page(None, limit=5)] == ["after"]


async def test_a_path_with_every_odd_character_is_opened(tmp_path: Path) -> None:
    written = SqliteStore(tmp_path / "a b#c%41?é.db")
    written.put()
    store = SqlMissionStore(f"sqlite:///{tmp_path}/a b#c%2541%3Fé.db")

    assert len(await store.page(None, limit=5)) == 1
    await store.aclose()


async def test_q13_a_locked_file_is_transient_within_the_time_allowed(written: SqliteStore) -> None:
    written.put()
    store = SqlMissionStore(written.url, query_timeout=timedelta(seconds=0.2))

    with closing(sqlite3.connect(written.path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Transient):
            await store.changed_since(None, limit=5)

    assert len((await store.changed_since(None, limit=5)).missions) == 1
    await store.aclose()


async def test_q13_a_slow_view_is_interrupted_and_the_next_reading_works(written: SqliteStore) -> None:
    written.put()
    written.execute(
        f"CREATE VIEW slow AS {ENDLESS} SELECT m.* FROM validated_missions AS m "  # noqa: S608
        "WHERE status = 'validated' OR (SELECT max(i) FROM n) > 0"
    )
    written.execute("UPDATE validated_missions SET status = 'slow'")
    store = SqlMissionStore(written.url, relation="slow", query_timeout=timedelta(seconds=0.2))

    started = time.monotonic()
    with pytest.raises(Transient):
        await store.check()
    took = time.monotonic() - started
    written.execute("UPDATE validated_missions SET status = 'validated'")

    assert took < 2
    assert len((await store.changed_since(None, limit=5)).missions) == 1
    await store.aclose()


async def test_q13_a_reading_that_is_cancelled_ends_at_once(written: SqliteStore) -> None:
    written.put()
    written.execute(
        f"CREATE VIEW slow AS {ENDLESS} SELECT m.* FROM validated_missions AS m WHERE (SELECT max(i) FROM n) < 0"  # noqa: S608
    )
    store = SqlMissionStore(written.url, relation="slow")
    reading = asyncio.create_task(store.changed_since(None, limit=5))
    await asyncio.sleep(0.05)

    started = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await store.aclose()

    assert time.monotonic() - started < 2


async def test_q13_a_writer_commits_between_two_pages_without_waiting(
    written: SqliteStore, store: SqlMissionStore
) -> None:
    for number in range(4):
        written.put(mission_id=f"M{number}")
    await store.page(None, limit=2)

    with closing(sqlite3.connect(written.path, timeout=0)) as writer, writer:
        writer.execute("UPDATE validated_missions SET status = 'withdrawn'")

    assert [mission.status for mission in await store.page(MissionId("M1"), limit=2)] == ["withdrawn"] * 2
