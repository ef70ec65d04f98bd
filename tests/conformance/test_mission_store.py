"""The promises of `syncd.ports.missions.MissionStore`, on every kind of store."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from syncd.adapters.missions import SqlMissionStore
from syncd.errors import Misconfigured, Transient
from syncd.model import Mission, MissionId, Track
from syncd.ports.missions import MissionStore
from tests.adapters.missions.stores import PostgresStore, SqliteStore, Store, seconds_ago


@pytest.fixture(params=["sqlite", "postgresql"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind, to write to."""
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "missions.db")
    return PostgresStore(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(written: Store) -> AsyncIterator[MissionStore]:
    """The adapter that reads it."""
    adapter = SqlMissionStore(written.url)
    yield adapter
    await adapter.aclose()


async def one_pass(store: MissionStore, cursor: str | None, *, limit: int = 100) -> tuple[list[Mission], str | None]:
    """Read until `has_more` is false; a pass that does not end fails."""
    missions: list[Mission] = []
    for _ in range(1000):
        page = await store.changed_since(cursor, limit=limit)
        missions += page.missions
        cursor = page.cursor
        if not page.has_more:
            return missions, cursor
    raise AssertionError("the pass does not end")


async def whole_sweep(store: MissionStore, *, limit: int) -> list[Mission]:
    missions: list[Mission] = []
    page = await store.page(None, limit=limit)
    missions += page
    while len(page) == limit:
        page = await store.page(page[-1].mission_id, limit=limit)
        missions += page
    return missions


def ids(missions: list[Mission] | tuple[Mission, ...]) -> list[str]:
    return [mission.mission_id for mission in missions]


async def test_a_row_becomes_a_mission_with_every_value(written: Store, store: MissionStore) -> None:
    written.put()

    missions, _ = await one_pass(store, None)

    assert missions == [
        Mission(
            mission_id=MissionId("FVMA-2025-0001"),
            updated_at=datetime(2025, 6, 2, 8, tzinfo=UTC),
            status="validated",
            validated_at=datetime(2025, 6, 2, 8, tzinfo=UTC),
            validated_by="responsable",
            submitted_at=datetime(2025, 5, 20, 8, tzinfo=UTC),
            track=Track.APPRENTISSAGE,
            academic_year="2025-2026",
            programme="M2 MIAGE ID2I",
            level="M2",
            campus="aix",
            admission_confirmed=True,
            training_starts_on=date(2025, 9, 1),
            training_ends_on=date(2026, 8, 31),
            student_number="22001234",
            student_last_name="Hélène",
            student_first_name="Zoé",
            student_email="zoe.helene@example.org",
            company_siret="13001533200013",
            company_name="Exemple SA",
            hr_contact_name="Ada Ressource",
            hr_contact_email="rh@example.com",
            mentor_name="Guy Tuteur",
            mentor_email="tuteur@example.com",
            mission_title="Refonte du portail",
            mission_description="Analyser, concevoir\net réaliser.",
            contract_starts_on=date(2025, 9, 15),
            contract_ends_on=date(2026, 9, 15),
        )
    ]


async def test_an_empty_store_is_read_in_one_empty_page(store: MissionStore) -> None:
    await store.check()

    page = await store.changed_since(None, limit=10)

    assert (page.missions, page.cursor, page.has_more) == ((), None, False)


async def test_rows_that_changed_together_come_once_across_pages(written: Store, store: MissionStore) -> None:
    for number in range(7):
        written.put(mission_id=f"M{number}")

    missions, cursor = await one_pass(store, None, limit=2)
    again, _ = await one_pass(store, cursor, limit=2)

    assert ids(missions) == [f"M{number}" for number in range(7)]
    assert again == []


async def test_an_old_row_is_read_once_and_a_changed_one_again(written: Store, store: MissionStore) -> None:
    written.put(mission_id="quiet")
    written.put(mission_id="changed")
    _, cursor = await one_pass(store, None)

    written.put(mission_id="changed", updated_at="2025-06-03T08:00:00+00:00")
    missions, _ = await one_pass(store, cursor)

    assert ids(missions) == ["changed"]


async def test_the_newest_rows_come_again_at_each_pass_and_once_per_pass(written: Store, store: MissionStore) -> None:
    written.put(mission_id="old", updated_at=seconds_ago(600))
    for number in range(5):
        written.put(mission_id=f"new{number}", updated_at=seconds_ago(10))
    written.put(mission_id="tomorrow", updated_at=seconds_ago(-86400))

    first, cursor = await one_pass(store, None, limit=2)
    second, cursor = await one_pass(store, cursor, limit=2)
    third, _ = await one_pass(store, cursor, limit=3)

    newest = [f"new{number}" for number in range(5)] + ["tomorrow"]
    assert ids(first) == ["old", *newest]
    assert ids(second) == newest
    assert ids(third) == newest


async def test_q03_a_row_that_appears_behind_newer_ones_is_seen(written: Store, store: MissionStore) -> None:
    written.put(mission_id="seen", updated_at=seconds_ago(10))
    _, cursor = await one_pass(store, None)

    written.put(mission_id="late", updated_at=seconds_ago(60))
    missions, _ = await one_pass(store, cursor)

    assert ids(missions) == ["late", "seen"]


async def test_q04_a_cursor_ahead_of_a_restored_store_hides_nothing_from_the_sweep(
    written: Store, store: MissionStore
) -> None:
    written.put(updated_at="2025-06-02T08:00:00+00:00")
    _, ahead = await one_pass(store, None)
    written.put(mission_id="restored", updated_at="2024-01-01T08:00:00+00:00")

    assert await one_pass(store, ahead) == ([], ahead)
    assert "restored" in ids(await whole_sweep(store, limit=1))


@pytest.mark.parametrize("cursor", ["", "{", "[]", "7", '{"form": 1}', "null", "\udcff"])
async def test_a_cursor_that_is_not_ours_starts_over(written: Store, store: MissionStore, cursor: str) -> None:
    written.put()

    missions, _ = await one_pass(store, cursor)

    assert ids(missions) == ["FVMA-2025-0001"]


async def test_a_sweep_sees_every_row_once_in_the_order_of_its_keys(written: Store, store: MissionStore) -> None:
    for name in ("b", "a", "d", "c", "e"):
        written.put(mission_id=name)

    assert ids(await whole_sweep(store, limit=2)) == ["a", "b", "c", "d", "e"]
    assert ids(await whole_sweep(store, limit=5)) == ["a", "b", "c", "d", "e"]


async def test_rows_are_found_by_their_ids_and_missing_ones_are_told_apart(written: Store, store: MissionStore) -> None:
    written.put(mission_id="here")
    asked = [MissionId("here"), MissionId("gone"), *(MissionId(f"M{number}") for number in range(498))]

    assert await store.existing(asked) == {"here"}
    assert ids(await store.read(asked)) == ["here"]
    assert await store.existing([]) == frozenset()
    assert await store.read([]) == ()


@pytest.mark.parametrize(
    "spelled", [" M1 ", "M1\t", "Je\u0301ro\u0302me-1", "J\u00e9r\u00f4me-1", "Je\u0301r\u00f4me-1"]
)
async def test_q08_a_row_is_found_by_its_normal_id_however_it_is_spelled(
    written: Store, store: MissionStore, spelled: str
) -> None:
    written.put(mission_id="A1")
    written.put(mission_id=spelled)
    written.put(mission_id="Z1")

    (mission,) = [mission for mission in await whole_sweep(store, limit=1) if mission.mission_id not in ("A1", "Z1")]

    assert mission.mission_id in ("M1", "J\u00e9r\u00f4me-1")
    assert await store.existing([mission.mission_id]) == {mission.mission_id}
    assert await store.read([mission.mission_id]) == (mission,)


async def test_q08_an_odd_id_is_found_by_a_process_that_never_read_it(written: Store, store: MissionStore) -> None:
    written.put(mission_id="  M1")

    assert await store.existing([MissionId("M1")]) == {"M1"}
    assert ids(await store.read([MissionId("M1")])) == ["M1"]


async def test_q08_ids_that_differ_in_case_are_two_missions(written: Store, store: MissionStore) -> None:
    written.put(mission_id="m1")
    written.put(mission_id="M1")

    assert sorted(ids(await whole_sweep(store, limit=1))) == ["M1", "m1"]
    assert await store.existing([MissionId("m1")]) == {"m1"}


async def test_q09_a_row_whose_values_are_poison_comes_with_their_names_and_stops_no_other(
    written: Store, store: MissionStore
) -> None:
    written.put(mission_id="A")
    written.put(
        mission_id="B",
        student_last_name="a\x07b",
        company_name="x" * 10_000_000,
        mission_description="y" * 10_000_000,
        mentor_name="=?UTF-8?Q?=0ABcc:_x?=",
        hr_contact_name="a\u202eb",
        track="stage",
        company_siret="123",
        student_email="nobody",
        contract_starts_on="2026-09-01",
        contract_ends_on="2025-09-01",
    )
    written.put(mission_id="C")

    missions, _ = await one_pass(store, None, limit=2)

    assert ids(missions) == ["A", "B", "C"]
    assert missions[1].unreadable == ("track",)
    assert set(missions[1].unsafe) == {
        "student_last_name", "company_name", "mission_description", "mentor_name", "hr_contact_name",
    }  # fmt: skip
    assert missions[1].company_name is None
    assert missions[0].unsafe == missions[2].unsafe == missions[2].unreadable == ()


async def test_q09_a_row_whose_key_is_unusable_is_left_out_and_does_not_end_the_sweep(
    written: Store, store: MissionStore
) -> None:
    for name in ("A", "B\x01", "B\x02", "C", "D" * 5000):
        written.put(mission_id=name)

    assert ids(await whole_sweep(store, limit=2)) == ["A", "C"]
    missions, _ = await one_pass(store, None, limit=2)
    assert ids(missions) == ["A", "C"]
    assert isinstance(store, SqlMissionStore)
    assert store.unnamed_rows == 3


async def test_q12_columns_that_syncd_does_not_know_are_ignored(written: Store, store: MissionStore) -> None:
    written.execute("ALTER TABLE validated_missions ADD COLUMN student_nir text DEFAULT 'x'")
    written.put()

    missions, _ = await one_pass(store, None)

    assert missions[0].unreadable == ()


@pytest.mark.parametrize("column", ["updated_at", "status"])
async def test_q12_a_store_without_a_necessary_column_is_misconfigured(written: Store, column: str) -> None:
    written.execute(f"ALTER TABLE validated_missions DROP COLUMN {column}")
    store = SqlMissionStore(written.url)

    with pytest.raises(Misconfigured) as raised:
        await store.check()

    assert raised.value.key == f"missions.columns.{column}"
    await store.aclose()


async def test_q12_a_necessary_column_that_goes_while_running_is_noticed_and_its_return_too(
    written: Store, store: MissionStore
) -> None:
    written.put()
    await one_pass(store, None)
    written.execute("ALTER TABLE validated_missions RENAME COLUMN status TO gone")

    with pytest.raises(Misconfigured):
        await store.changed_since(None, limit=1)
    written.execute("ALTER TABLE validated_missions RENAME COLUMN gone TO status")

    assert ids((await store.changed_since(None, limit=5)).missions) == ["FVMA-2025-0001"]


async def test_q12_another_column_that_goes_makes_each_row_unreadable_until_it_is_back(
    written: Store, store: MissionStore
) -> None:
    written.put()
    await one_pass(store, None)

    written.execute("ALTER TABLE validated_missions RENAME COLUMN mentor_name TO gone")
    without, _ = await one_pass(store, None)
    written.execute("ALTER TABLE validated_missions RENAME COLUMN gone TO mentor_name")
    mended, _ = await one_pass(store, None)

    assert (without[0].unreadable, without[0].mentor_name) == (("mentor_name",), None)
    assert (mended[0].unreadable, mended[0].mentor_name) == ((), "Guy Tuteur")


async def test_q12_the_instant_of_submission_may_be_absent(written: Store, store: MissionStore) -> None:
    written.execute("ALTER TABLE validated_missions RENAME COLUMN submitted_at TO ignored")
    written.execute("INSERT INTO validated_missions (mission_id, updated_at, status) VALUES ('M', '2025-06-01', 'x')")

    (mission,) = await store.page(None, limit=5)

    assert (mission.submitted_at, mission.unreadable) == (None, ())


async def test_q12_no_such_relation_is_misconfigured(written: Store) -> None:
    store = SqlMissionStore(written.url, relation="nowhere")

    with pytest.raises(Misconfigured) as raised:
        await store.check()

    assert raised.value.key == "missions.relation"
    await store.aclose()


async def test_other_names_of_relation_and_columns_are_mapped(written: Store) -> None:
    written.execute('ALTER TABLE validated_missions RENAME COLUMN mission_id TO "Numéro de Mission"')
    written.execute("ALTER TABLE validated_missions RENAME COLUMN updated_at TO modified")
    written.execute(
        "INSERT INTO validated_missions (\"Numéro de Mission\", modified, status) VALUES ('M', '2025-06-01', 'ok')"
    )
    written.execute('CREATE VIEW "Select" AS SELECT * FROM validated_missions')
    store = SqlMissionStore(
        written.url, relation="Select", columns={"mission_id": "Numéro de Mission", "updated_at": "modified"}
    )

    await store.check()
    missions, cursor = await one_pass(store, None)

    assert [(mission.mission_id, mission.status) for mission in missions] == [("M", "ok")]
    assert await one_pass(store, cursor) == ([], cursor)
    await store.aclose()


async def test_reading_on_while_a_writer_commits_blocks_neither(written: Store, store: MissionStore) -> None:
    for number in range(4):
        written.put(mission_id=f"M{number}")

    first = await store.changed_since(None, limit=2)
    written.put(mission_id="M9")
    second, _ = await one_pass(store, first.cursor)

    assert ids(second) == ["M2", "M3", "M9"]


@pytest.mark.parametrize("url", ["sqlite:////nonexistent/folder/missions.db", "postgresql://x@127.0.0.1:1/none"])
async def test_a_store_that_is_not_there_is_transient_and_its_address_stays_unsaid(url: str) -> None:
    store = SqlMissionStore(url)

    with pytest.raises(Transient) as raised:
        await store.check()

    assert raised.value.is_general
    assert "nonexistent" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)
    await store.aclose()


@pytest.mark.parametrize("url", ["", "nothing", "oracle://x:secret@y/z", "sqlite://secret/x"])
async def test_an_address_that_is_none_is_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        SqlMissionStore(url)

    assert raised.value.key == "missions.url"
    assert "secret" not in str(raised.value)
