"""C10: what an earlier version left behind when it was killed is migrated, and driven on to its end by this one."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.model import FILLING, GENERATED, DocumentKind, Facts, MissionId, NotificationState, Step, StoredDocument
from syncd.ports.ledger import Amendment
from syncd.ports.reading import ContractFilter
from syncd.standing import OVER
from syncd.transitions import store_document
from tests.faults.upgrade.dump import (
    Recording,
    dump_ledger,
    load_cactus,
    load_ledger,
    read_recording,
    recorded_revisions,
)
from tests.faults.upgrade.passes import whole_pass
from tests.faults.upgrade.schema import revisions
from tests.jobs.workshop import Workshop, open_workshop
from tests.support.clock import FixedClock

_PASSES = 7
_AN_HOUR = timedelta(hours=1)
_KEYS = {
    "contracts": ("mission_id",), "documents": ("mission_id", "kind", "version"), "letters": ("letter_id",),
    "timeline": ("entry_id",), "cursors": ("flow",), "flows": ("flow",), "gates": ("name",), "guards": ("name",),
    "marks": ("name",), "replicas": ("replica",),
}  # fmt: skip


REPLAYS = [("sqlite", revision) for revision in recorded_revisions()] + [("postgresql", recorded_revisions()[0])]
"""Each recording, and the oldest, which goes through every migration, on the other database too."""


Tables = dict[str, dict[tuple[object, ...], dict[str, Any]]]


@dataclass
class Heir:
    """This version, in the place of the one that was killed."""

    workshop: Workshop
    recording: Recording
    url: str

    async def live_on(self) -> None:
        """Do every job of the daemon, and let people do theirs, until nobody has anything left to do."""
        works = self.workshop.works
        await works.cactus_gate.load()
        await works.mail_gate.load()
        for _ in range(_PASSES):
            await whole_pass(works)
            await self._people_act()
            self.workshop.clock.advance(_AN_HOUR)

    async def _people_act(self) -> None:
        cactus = self.workshop.cactus
        for kept in list(cactus._kept.values()):
            contract = kept.contract
            if contract.known_status in GENERATED or contract.known_status in OVER:
                continue
            if not contract.student_part.is_done:
                cactus.fill_student(contract.contract_id)
            elif not contract.company_part.is_done:
                cactus.fill_company(contract.contract_id)
            elif contract.known_status in FILLING:
                cactus.generate(contract.contract_id)
        ledger, now = self.workshop.ledger, self.workshop.clock.now()
        waiting = await ledger.list_contracts(ContractFilter(step=Step.AWAITING_DOCUMENTS))
        ids = [row.mission_id for row in waiting if row.contract_id is None]
        await ledger.amend(ids, lambda facts: Amendment(facts=self._hand_over(facts)), now=now)

    def _hand_over(self, facts: Facts) -> Facts:
        now = self.workshop.clock.now()
        for kind in DocumentKind:
            if facts.current_document(kind) is None:
                paper = StoredDocument(
                    kind=kind, version=1, remote_version=None, sha256="1" * 64, size=1, file_id="", stored_at=now
                )
                facts = store_document(facts, paper, now=now)
        return facts

    def rows(self) -> Tables:
        """Return every row of the ledger, by its key."""
        return {
            table: {tuple(row[name] for name in _KEYS[table]): row for row in rows}
            for table, rows in dump_ledger(self.url).items()
        }


@asynccontextmanager
async def heir_of(revision: str, url: str, folder: Path) -> AsyncIterator[Heir]:
    """Open what a killed version left behind, with this version."""
    recording = read_recording(revision)
    load_ledger(url, recording)
    clock = FixedClock(recording.recorded_at + timedelta(minutes=2))
    cactus = MockCactus(clock)
    load_cactus(cactus, recording.cactus)
    async with open_workshop(url, folder, replica="heir", clock=clock, cactus=cactus) as workshop:
        workshop.rows.put(*recording.missions)
        yield Heir(workshop, recording, url)


def test_every_revision_of_the_schema_has_its_recording() -> None:
    assert recorded_revisions() == revisions(), "python -m tests.faults.upgrade.record, once, with the new revision"


def test_a_recording_has_every_step_every_answer_and_every_state_of_a_letter() -> None:
    for revision in recorded_revisions():
        ledger = read_recording(revision).ledger

        assert {row["step"] for row in ledger["contracts"]} == {*map(str, Step)}
        assert {row["state"] for row in ledger["letters"]} == {*map(str, NotificationState)}
        assert {row["asked"] for row in ledger["contracts"]} == {
            "never", "under_way", "not_applied", "unknown", "absent", "answered", "refused", "conflict",
        }  # fmt: skip
        assert {row["lane"] for row in ledger["contracts"]} >= {0, 1, 2, 3}
        assert {row.get("lane") for row in ledger["letters"]} == {None, 0, 1, 2}
        assert all(rows for rows in ledger.values())


@pytest.mark.parametrize(("database", "revision"), REPLAYS)
async def test_c10_what_an_earlier_version_had_in_flight_is_kept_and_brought_to_its_end(
    database: str, revision: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    is_postgres = database == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path / 'ledger.db'}"
    async with heir_of(revision, url, tmp_path) as heir:
        before = heir.rows()
        _check_nothing_was_touched(heir.recording, before)

        await heir.live_on()
        after = heir.rows()
        sent_now = Counter(str(message["Message-ID"]) for message in heir.workshop.post.sent)
        contracts = Counter(kept.contract.external_reference for kept in heir.workshop.cactus._kept.values())

    ends = {row["mission_id"]: row["step"] for row in after["contracts"].values()}
    assert ends == {mission_id: step for mission_id, (_, step) in heir.recording.lives.items()}
    assert max(contracts.values()) == 1
    _check_letters(before["letters"], after["letters"], sent_now)
    _check_what_was_found_out(before, after)


def _check_nothing_was_touched(recording: Recording, found: Tables) -> None:
    """The migration keeps every row as it was."""
    for table, rows in recording.ledger.items():
        for row in rows:
            after = found[table][tuple(row[name] for name in _KEYS[table])]
            assert {name: after.get(name) for name in row} == row
        assert len(found[table]) == len(rows), table


def _check_what_was_found_out(before: Tables, after: Tables) -> None:
    """Timeline and documents are added to; what is linked stays linked, and was sent what it was sent."""
    for key, row in before["timeline"].items():
        assert after["timeline"][key] == row
    for key, row in before["documents"].items():
        assert {name: after["documents"][key].get(name) for name in row} == row
    for key, row in before["contracts"].items():
        kept = [name for name in ("contract_id", "first_asked_at", "discovered_at", "sent") if name in row]
        if "contract_id" in row:
            assert {name: after["contracts"][key][name] for name in kept} == {name: row[name] for name in kept}


def _check_letters(
    before: dict[tuple[object, ...], dict[str, Any]],
    after: dict[tuple[object, ...], dict[str, Any]],
    sent_now: Counter[str],
) -> None:
    """Everybody is written to, whoever was written to before is not, and only a doubtful letter may come twice."""
    assert max(sent_now.values()) == 1
    for key, row in before.items():
        now, waits = after[key], "due_at" in row or "lease_until" in row
        assert now["message_id"] == row["message_id"]
        if row["state"] == "sent":
            assert now == row
            assert sent_now[row["message_id"]] == 0
        elif waits and not row["is_blocked"]:
            assert (now["state"], sent_now[row["message_id"]]) == ("sent", 1)
        else:
            assert (now["state"], sent_now[row["message_id"]]) == (row["state"], 0)
    assert {row["state"] for key, row in after.items() if key not in before} == {"sent"}


def test_a_mission_of_every_life_has_a_name() -> None:
    for revision in recorded_revisions():
        recording = read_recording(revision)

        assert {MissionId(row["mission_id"]) for row in recording.missions} == set(recording.lives)
