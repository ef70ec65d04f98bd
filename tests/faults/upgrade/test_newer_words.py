"""L06, C10: what a newer version wrote is left as it is, shown, and stops nobody; a newer schema is worked with."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from syncd.jobs.discover import discover
from syncd.model import ContractId, Facts, Step
from syncd.ports.ledger import Amendment
from syncd.ports.reading import ContractFilter
from syncd.transitions import hold, release
from tests.faults.upgrade.dump import dump_ledger
from tests.faults.upgrade.passes import whole_pass
from tests.faults.upgrade.schema import connected, revision_of, run
from tests.jobs.workshop import Workshop, id_of, numbered, open_workshop
from tests.world.missions import mission
from tests.world.world import World

_THE_NEXT = "9999"
OF_THE_WORK = {"due_at", "lane", "lease_owner", "lease_token", "lease_until", "crashes", "last_error", "changed_at"}
"""What an older version may write into a row that it cannot read, to leave it alone for a while."""

NEWER: dict[int, tuple[str, dict[str, Any]]] = {
    1: ("a step", {"step": "awaiting_signature"}),
    2: ("an answer of CACTUS", {"asked": "announced_before"}),
    3: ("a reason to be held", {"step": "held", "holds": [{"code": "EMBARGO", "field": None, "message": "…"}]}),
    4: ("a kind of document", {"document_fault_of": "annexe"}),
    5: ("a track", {"mission": {"track": "stage"}}),
    6: ("a lane", {"lane": 9}),
}
"""Mission → what only a newer version knows, and the columns that say so."""
ORDINARY = (7, 8)
EVERYTHING = ContractFilter()


@dataclass
class Mixed:
    """A ledger in which a newer version worked, and this version's jobs on it."""

    workshop: Workshop
    url: str

    def change(self, table: str, key: str, value: object, **columns: Any) -> None:
        """Write as the newer version does; a column of JSON gets more than it had."""
        for name, new in columns.items():
            if isinstance(new, dict):
                old = self.row(table, key, value)[name]["json"]
                new = json.dumps(old | new)
            elif isinstance(new, list):
                new = json.dumps(new)
            with connected(self.url) as connection:
                statement = text(f"UPDATE {table} SET {name} = :new WHERE {key} = :value")  # noqa: S608
                connection.execute(statement, {"new": new, "value": value})

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a whole table."""
        return dump_ledger(self.url)[table]

    def row(self, table: str, key: str, value: object) -> dict[str, Any]:
        """Return one row."""
        (found,) = [row for row in self.rows(table) if row[key] == value]
        return found

    async def write_as_a_newer_version(self) -> dict[str, dict[str, Any]]:
        """Discover missions, let a newer version have worked on some; return the rows of those."""
        self.workshop.rows.put(*(mission(number) for number in (*NEWER, *ORDINARY)))
        await discover(self.workshop.works.missions, self.workshop.ledger, self.workshop.clock)
        for number, (_, columns) in NEWER.items():
            self.change("contracts", "mission_id", id_of(number), **columns)
        return {id_of(number): self.row("contracts", "mission_id", id_of(number)) for number in NEWER}


@pytest.fixture(params=["sqlite", "postgresql"])
async def mixed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mixed]:
    """A new ledger on each database."""
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path / 'ledger.db'}"
    async with open_workshop(url, tmp_path) as workshop:
        yield Mixed(workshop, url)


def facts_in(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without its place in the work."""
    return {name: value for name, value in row.items() if name not in OF_THE_WORK}


# ----------------------------------------------------------------------------------------------------------- contracts


async def test_l06_rows_in_a_newer_versions_words_are_left_alone_and_the_others_flow_on(mixed: Mixed) -> None:
    before = await mixed.write_as_a_newer_version()

    await whole_pass(mixed.workshop.works)
    mixed.workshop.clock.advance(mixed.workshop.works.rhythm.sweep)
    mixed.workshop.rows.change("FVMA-2025-0001", mission_title="Autre titre", updated_at="2025-06-12T00:00:00Z")
    await whole_pass(mixed.workshop.works)

    for number, (what, _) in NEWER.items():
        after = mixed.row("contracts", "mission_id", id_of(number))
        assert facts_in(after) == facts_in(before[id_of(number)]), what
        assert "lease_owner" not in after, what
    for number in ORDINARY:
        assert await mixed.workshop.step(number) is Step.AWAITING_STUDENT
    assert mixed.workshop.cactus.initialisations == len(ORDINARY)


async def test_l06_a_row_that_is_left_alone_is_counted_and_named(mixed: Mixed) -> None:
    await mixed.write_as_a_newer_version()

    await whole_pass(mixed.workshop.works)

    shown = await mixed.workshop.ledger.left_alone(limit=20)
    listed = {row.mission_id for row in await mixed.workshop.ledger.list_contracts(EVERYTHING)}
    assert set(shown) == {id_of(number) for number in NEWER if number != 6}
    assert listed >= {id_of(number) for number in (3, 4, 5, 6, *ORDINARY)}


async def test_l06_what_a_newer_version_adds_to_a_mission_or_a_contract_stays_there(mixed: Mixed) -> None:
    workshop = mixed.workshop
    await workshop.discover(numbered(1))
    mixed.change("contracts", "mission_id", id_of(1), mission={"tutor_phone": "+33 0"})
    await whole_pass(workshop.works)
    mixed.change("contracts", "mission_id", id_of(1), sent={"tutor_phone": "+33 0"}, baseline={"tutor_phone": "+33 0"})

    for hand in (workshop.cactus.fill_student, workshop.cactus.fill_company, workshop.cactus.generate):
        hand(ContractId("MOCK-1"))
        workshop.clock.advance(timedelta(hours=1))
        await whole_pass(workshop.works)

    assert await workshop.step(1) is Step.DONE
    row = mixed.row("contracts", "mission_id", id_of(1))
    assert [row[name]["json"]["tutor_phone"] for name in ("mission", "sent", "baseline")] == ["+33 0"] * 3


# ------------------------------------------------------------------------------------------- letters and all the others


@pytest.mark.parametrize(
    ("mixed", "column"),
    [("sqlite", "event"), ("sqlite", "role"), ("sqlite", "state"), ("postgresql", "state")],
    indirect=["mixed"],
)
async def test_l06_a_letter_in_a_newer_versions_words_is_not_sent_and_not_written_again(
    mixed: Mixed, column: str
) -> None:
    workshop, ledger = mixed.workshop, mixed.workshop.ledger
    await workshop.initialised(1)
    letter = next(row for row in mixed.rows("letters") if row["role"] == "student")
    its_own = {} if column == "state" else {"message_id": "<newer@example.org>"}
    mixed.change("letters", "letter_id", letter["letter_id"], **{column: "newer"}, **its_own)
    before = mixed.row("letters", "letter_id", letter["letter_id"])

    await whole_pass(workshop.works)
    await ledger.amend([id_of(1)], stop, now=workshop.clock.now())
    await whole_pass(workshop.works)
    await ledger.amend([id_of(1)], let_go, now=workshop.clock.now())
    workshop.clock.advance(timedelta(days=7))
    await ledger.requeue_failed([id_of(1)], now=workshop.clock.now())
    await ledger.give_up_letters(
        queued_before=workshop.clock.now() - timedelta(days=5), error="given up", now=workshop.clock.now()
    )
    await whole_pass(workshop.works)

    after = mixed.row("letters", "letter_id", letter["letter_id"])
    kept = [{k: v for k, v in row.items() if k not in _OF_A_HOLD} for row in (before, after)]
    assert kept[0] == kept[1]
    assert before["message_id"] not in [message["Message-ID"] for message in workshop.post.sent]
    assert "hr_contact.FVMA-2025-0001@example.org" in workshop.post.recipients()
    said = [row["detail"]["json"] for row in mixed.rows("timeline") if row["event"] == "letter.queued"]
    assert [d["event"] for d in said if d["role"] == "student"].count("contract.initialised") == (
        1 if column == "state" else 2  # an event or a role that this version does not know is not its own letter
    )


_OF_A_HOLD = ("is_blocked", "lane", "queued_at")
"""A hold stops every letter of a contract, whoever wrote it."""


async def test_l06_documents_marks_and_entries_of_a_newer_version_stay(mixed: Mixed) -> None:
    workshop = mixed.workshop
    await workshop.initialised(1)
    additions = {
        "documents": "INSERT INTO documents (mission_id, kind, version, sha256, size, stored_at, file_id)"
        " SELECT mission_id, 'annexe', 1, 'x', 1, discovered_at, 'annexe.bin' FROM contracts",
        "timeline": "INSERT INTO timeline (mission_id, at, event, detail)"
        " SELECT mission_id, discovered_at, 'contract.embargoed', '[1]' FROM contracts",
        "marks": "INSERT INTO marks VALUES ('newer', 'x')",
        "guards": "INSERT INTO guards (name) VALUES ('newer')",
        "cursors": "INSERT INTO cursors VALUES ('newer', 'x')",
        "flows": "INSERT INTO flows (flow) VALUES ('newer')",
        "gates": "INSERT INTO gates (name, failures, is_credentials) VALUES ('newer', 3, false)",
    }
    for statement in additions.values():
        run(mixed.url, statement)
    before = {table: mixed.rows(table) for table in additions}

    workshop.cactus.fill_student(ContractId("MOCK-1"))
    await whole_pass(workshop.works)

    assert await workshop.step(1) is Step.AWAITING_COMPANY
    assert "annexe.bin" in await workshop.ledger.document_files()
    for table, rows in before.items():
        found = mixed.rows(table)
        assert [row for row in rows if "newer" in row.values() or row.get("kind") == "annexe"] == [
            row for row in found if "newer" in row.values() or row.get("kind") == "annexe"
        ]
    view = await workshop.view(1)
    assert "contract.embargoed" in [entry.event for entry in view.timeline]


# ------------------------------------------------------------------------------------------------- commands and schema


@dataclass
class NewerWorld:
    """An installation whose ledger a newer version has migrated and worked on."""

    world: World
    url: str


@pytest.fixture(params=["sqlite", "postgresql"])
def newer(request: pytest.FixtureRequest, world: World) -> NewerWorld:
    """Two missions, of which one is in the newer version's words."""
    url = f"sqlite:///{world.folder / 'ledger.db'}"
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else url
    world.environment["SYNCD_DATABASE__URL"] = url
    world.missions.put(mission(1), mission(2))
    world.once()
    run(url, f"UPDATE alembic_version SET version_num = '{_THE_NEXT}'")  # noqa: S608
    run(url, "ALTER TABLE contracts ADD COLUMN embargo VARCHAR")
    run(url, "UPDATE contracts SET step = 'embargoed' WHERE mission_id = 'FVMA-2025-0001'")
    run(
        url,
        "INSERT INTO timeline (mission_id, at, event, detail)"
        " SELECT mission_id, discovered_at, 'new.event', '{}' FROM contracts",
    )
    return NewerWorld(world, url)


def test_l06_c10_a_newer_schema_is_worked_with_and_migrate_says_so(newer: NewerWorld) -> None:
    newer.world.missions.put(mission(3))

    told = newer.world.syncd("migrate")
    as_json = newer.world.syncd("migrate", "--json")
    passed = newer.world.once()

    assert (told.code, as_json.json) == (0, {"migrated": False, "newer": True})
    assert "newer version of syncd has migrated" in told.out
    assert "upgrade it soon" in told.out
    assert ("schema.newer" in passed.out) is newer.url.startswith("postgresql")
    assert newer.world.step("FVMA-2025-0003") == "awaiting_student"
    assert revision_of(newer.url) == _THE_NEXT


def test_l06_commands_name_what_only_a_newer_version_understands_and_say_what_to_do(newer: NewerWorld) -> None:
    status, as_json = newer.world.syncd("status"), newer.world.syncd("status", "--json")
    commands = [
        ("show",), ("hold", "--reason", "r"), ("release",), ("cancel", "--reason", "r"), ("adopt", "C-1"),
    ]  # fmt: skip
    results = [newer.world.syncd(name, "FVMA-2025-0001", *rest) for name, *rest in commands]

    assert as_json.json["left_alone"] == ["FVMA-2025-0001"]
    assert "! a newer version of syncd wrote FVMA-2025-0001" in status.out
    assert "upgrade every syncd" in status.out
    for result in results:
        assert result.code == 1, result
        assert "only a newer version of syncd understands" in result.err
        assert "Upgrade this program" in result.err
    assert "new.event" in [entry["event"] for entry in newer.world.show("FVMA-2025-0002")["timeline"]]


def test_l06_c10_a_schema_that_lacks_what_we_need_is_78_and_says_what_to_do(world: World) -> None:
    world.once()
    url = f"sqlite:///{world.folder / 'state' / 'syncd.sqlite3'}"
    run(url, f"UPDATE alembic_version SET version_num = '{_THE_NEXT}'")  # noqa: S608
    run(url, "ALTER TABLE contracts RENAME COLUMN attempts TO tries")

    result = world.syncd("run", "--once")

    assert result.code == 78, result
    assert "the ledger's database cannot be used" in result.err
    assert "syncd migrate" in result.err


def stop(facts: Facts) -> Amendment:
    """An admin holds a contract."""
    return Amendment(facts=hold(facts, "wait"))


def let_go(facts: Facts) -> Amendment:
    """An admin lets it go on."""
    return Amendment(facts=release(facts, is_known_absent=False))
