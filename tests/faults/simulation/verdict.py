"""What must be so when everything has calmed down: ledger, CACTUS, mail server and archive side by side."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from syncd.model import DocumentKind, HoldCode, Mission, MissionId, RemoteStatus, Step, Track, changed_fields
from syncd.store.codec import from_json
from tests.faults.simulation.archive import Archive
from tests.faults.simulation.cactus import CactusServer
from tests.faults.simulation.fvma import MissionTable
from tests.faults.simulation.logbook import PERSONAL
from tests.faults.simulation.post import PostOffice

Row = dict[str, Any]

_OF_A_CONTRACT = {("contract.initialised", "student"), ("contract.initialised", "hr_contact")}
_OF_A_DONE_CONTRACT = _OF_A_CONTRACT | {("documents.available", "student"), ("registration.requested", "secretariat")}
_OF_A_DECISION = {("decision.favourable", "student"), ("decision.favourable", "continuing_education")}


@dataclass(slots=True, kw_only=True)
class Scene:
    """Everything that is compared. `losses`: how often somebody lost what he had in hand; `restores`: of the ledger."""

    file: Path
    table: MissionTable
    cactus: CactusServer
    office: PostOffice
    archive: Archive
    losses: int = 0
    restores: int = 0
    seen: set[MissionId] | None = None

    def open_ends(self) -> list[str]:
        """Return what is not (yet) as it must be in the end; each names the promise that it would break."""
        with closing(sqlite3.connect(self.file, timeout=0)) as connection:
            connection.row_factory = sqlite3.Row
            contracts = {
                MissionId(row["mission_id"]): dict(row) for row in connection.execute("SELECT * FROM contracts")
            }
            letters = [dict(row) for row in connection.execute("SELECT * FROM letters")]
            documents = [dict(row) for row in connection.execute("SELECT * FROM documents")]
            texts = [row[0] for row in connection.execute("SELECT detail FROM timeline")]
        return [
            *(
                end
                for mission_id in self.table.known
                for end in self._contract(mission_id, contracts.get(mission_id), letters)
            ),
            *(end for row in letters for end in self._letter(row)),
            *(end for row in documents for end in self._document(row)),
            *(f"I8 {word!r} stands in a timeline" for text in texts for word in PERSONAL if word in (text or "")),
        ]

    # ------------------------------------------------------------------------------------------------- contracts

    def _contract(self, mission_id: MissionId, row: Row | None, letters: list[Row]) -> Iterator[str]:
        final = self.table.rows.get(mission_id)
        kept = self.cactus.of(mission_id)
        if row is None:
            is_forgotten = final is None and self.restores > 0  # only `reconcile` tells of its contract in CACTUS
            if not is_forgotten and (final is not None or kept is not None):
                yield f"I2 {mission_id} is unknown to the ledger"
            return
        codes = [hold["code"] for hold in json.loads(row["holds"] or "[]")]
        if row["lease_owner"] is not None:
            yield f"I2 {mission_id} is still held by {row['lease_owner']}"
        if kept is not None and row["contract_id"] is None and not self._may_be_unknown(row, codes):
            known = f"the ledger does not know it ({row['asked']})"
            yield f"I2 {mission_id}: CACTUS has {kept.contract.contract_id}, {known}"
        if row["contract_id"] is not None and (kept is None or kept.contract.contract_id != row["contract_id"]):
            yield f"I3 {mission_id}: the ledger has {row['contract_id']}, CACTUS does not"
        if final is not None and self._differs(row, final):
            yield f"I2 {mission_id}: the ledger does not know its row as it is"
        yield from self._step(mission_id, row, codes, final, letters)

    def _may_be_unknown(self, row: Row, codes: list[str]) -> bool:
        """Where CACTUS cannot be asked, a person is: held, the mission would have to be asked for once more.

        So it is where the ledger was set back and another mission of the student took the place meanwhile.
        """
        nature = self.cactus.nature
        cannot_be_found = not nature.has_look_up and not nature.has_feed
        is_second = self.restores > 0 and row["asked"] == "never" and HoldCode.DUPLICATE_ACTIVE_CONTRACT in codes
        return bool({*codes} & _QUESTIONS or (codes and cannot_be_found) or self._is_forgotten(row) or is_second)

    def _is_forgotten(self, row: Row) -> bool:
        """A documented limit: created, the ledger set back, withdrawn, and no feed that tells of the contract."""
        return self.restores > 0 and not self.cactus.nature.has_feed and row["asked"] == "never"

    def _differs(self, row: Row, final: Mission) -> bool:
        known = from_json(Mission, json.loads(row["mission"]))
        return any(getattr(known, f.name) != getattr(final, f.name) for f in fields(Mission) if f.name != "updated_at")

    def _step(
        self, mission_id: MissionId, row: Row, codes: list[str], final: Mission | None, letters: list[Row]
    ) -> Iterator[str]:
        step, is_live = row["step"], final is not None and final.status == "validated"
        if step == Step.HELD:
            if not codes:
                yield f"I2 {mission_id} is held without a reason"
            for code in codes:
                if not self._is_justified(code, mission_id, final):
                    yield f"I2 {mission_id} is held for {code} without a cause"
            return
        if step == Step.CLOSED:
            if is_live or (self.cactus.of(mission_id) is not None and not self._is_forgotten(row)):
                yield f"I2 {mission_id} is closed and should not be"
            return
        if not is_live:
            yield f"Q06 {mission_id} was withdrawn, and stands at {step}"
            return
        assert final is not None
        yield from self._progress(
            mission_id, row, final, {(r["event"], r["role"]): r for r in letters if r["mission_id"] == mission_id}
        )

    def _progress(
        self, mission_id: MissionId, row: Row, final: Mission, letters: dict[tuple[str, str], Row]
    ) -> Iterator[str]:
        if row["baseline"] and changed_fields(from_json(Mission, json.loads(row["baseline"])), final):
            yield f"Q05 {mission_id} was changed after the sending and is not held"
        if final.track is Track.PROFESSIONNALISATION:
            if row["step"] != Step.AWAITING_DOCUMENTS:
                yield f"I2 {mission_id} stands at {row['step']}"
            missing = _OF_A_DECISION - letters.keys()
        else:
            wanted = self._step_of(mission_id, letters)
            if row["step"] != wanted:
                yield f"I2 {mission_id} is {row['step']}, not {wanted} ({row['next_action']}, {row['last_error']})"
            owed = _OF_A_DONE_CONTRACT if wanted in (Step.DONE, Step.TO_REGISTER) else _OF_A_CONTRACT
            missing = owed - letters.keys()
        for event, role in sorted(missing):
            yield f"I5 {mission_id} owes {event} to {role}"

    def _step_of(self, mission_id: MissionId, letters: dict[tuple[str, str], Row]) -> Step:
        """Return where a contract must stand that is neither held nor closed, as CACTUS has it."""
        kept = self.cactus.of(mission_id)
        if kept is None:
            return Step.AWAITING_STUDENT  # there must be one
        contract = kept.contract
        if contract.status == RemoteStatus.GENERATED:
            failed = any(
                row["state"] in ("failed", "unknown") and event.startswith("registration.")
                for (event, _), row in letters.items()
            )
            return Step.TO_REGISTER if failed else Step.DONE
        if not contract.student_part.is_done:
            return Step.AWAITING_STUDENT
        return Step.AWAITING_DOCUMENTS if contract.company_part.is_done else Step.AWAITING_COMPANY

    def _is_justified(self, code: str, mission_id: MissionId, final: Mission | None) -> bool:
        match HoldCode(code):
            case HoldCode.MISSION_CHANGED_SINCE_VALIDATION:
                return mission_id in self.table.edited
            case HoldCode.MISSION_WITHDRAWN:
                return final is None or final.status == "withdrawn"
            case HoldCode.DUPLICATE_ACTIVE_CONTRACT:
                return (
                    any(
                        m.student_number == final.student_number and m.mission_id != mission_id
                        for m in self.table.known.values()
                    )
                    if final
                    else True
                )
            case HoldCode.REMOTE_CONFLICT:
                return mission_id in self.table.edited and self.restores > 0
            case HoldCode.REMOTE_OUTCOME_UNKNOWN:
                return not (self.cactus.nature.has_keys or self.cactus.nature.has_look_up)
            case HoldCode.QUARANTINED:
                return self.losses >= 3
            case _:
                return False

    # ---------------------------------------------------------------------------------------- letters and documents

    def _letter(self, row: Row) -> Iterator[str]:
        name = f"letter {row['event']} to {row['role']} of {row['mission_id']}"
        taken = len(self.office.taken[row["message_id"]])
        if row["state"] == "sending" or (row["due_at"] is not None and not row["is_blocked"]):
            yield f"I6 {name} is {row['state']}"
        if row["state"] == "sent" and taken == 0:
            yield f"I6 {name} counts as sent, and nobody took it"
        if (
            row["state"] == "failed"
            and f"{row['role']}.{row['mission_id'] or None}@example.org" not in self.office.unknown_people
        ):
            yield f"I6 {name} failed without a cause: {row['last_error']}"
        if row["state"] == "unknown" and row["due_at"] is None and row["repeats"] < 2:
            yield f"I6 {name} was given up too early"
        if taken > 1 + min(1, row["repeats"]) + self.restores * 2:
            yield f"I6 {name} was sent {taken} times, {row['repeats']} outcomes were unknown"

    def _document(self, row: Row) -> Iterator[str]:
        name = f"{row['kind']} v{row['version']} of {row['mission_id']}"
        if not row["file_id"]:
            return
        stored, kept = self.archive.files.get(row["file_id"]), self.cactus.of(MissionId(row["mission_id"]))
        if stored is None:
            yield f"I4 {name} has no file"
            return
        truth = kept.contents.get((DocumentKind(row["kind"]), row["remote_version"])) if kept else None
        if stored[1] != truth or len(stored[1]) != row["size"]:
            yield f"I4 {name} is not what CACTUS has"


_QUESTIONS = {str(HoldCode.REMOTE_CONFLICT), str(HoldCode.REMOTE_OUTCOME_UNKNOWN)}

_UNSAID = """
SELECT c.mission_id FROM contracts c
WHERE c.remote IS NOT NULL AND c.lease_owner IS NULL AND (c.due_at IS NULL OR c.due_at > ?)
  AND c.step IN ('awaiting_student', 'awaiting_company', 'done')
  AND NOT c.reread_wanted -- nobody is told of what must be read first
  AND (SELECT count(*) FROM letters l WHERE l.mission_id = c.mission_id AND l.event = 'contract.initialised') < 2
"""


def unsaid(file: Path, now_us: int) -> list[str]:
    """Return contracts at rest whose facts were recorded without the letters that they call for."""
    try:
        with closing(sqlite3.connect(file, timeout=0)) as connection:
            return [row[0] for row in connection.execute(_UNSAID, (now_us,))]
    except sqlite3.OperationalError:  # locked at this very moment
        return []
