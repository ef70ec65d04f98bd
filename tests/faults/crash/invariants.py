"""What must hold of everything that a death left behind, and of the end of every life (faults, I1 to I6 and I8)."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping

from syncd.adapters.documents.keyring import Keyring
from syncd.model import DocumentKind, MissionId
from syncd.ports.documents import DocumentName
from tests.faults.crash.ledgers import Row
from tests.faults.crash.saga import Remains
from tests.faults.crash.town import APPRENTICES, EXPECTED, FIRST_YEAR, MISSIONS, PROFESSIONAL, SECRET_KEY, papers_of

LETTERS_UNDER_WAY = 4
"""As many as there are connections to the mail server: a death leaves no more in doubt."""
DOUBTS_FOR_A_PERSON = 2
"""Whoever dies over a letter, and then over its one repeat, leaves it to a person, who sends it as a new one."""
_PERSONAL = ("Durand", "Lefèvre", "Zoé", "zoe", "Martin", "Petit", "rh1", "rh2", "rh3", "responsable@", "mentor@")


def check_aftermath(remains: Remains) -> None:
    """Raise when what a death left behind could not be made good by anybody (I1, I4, I5, I8)."""
    _check_creations(remains)
    _check_documents(remains)
    _check_outbox(remains)
    _check_output(remains)


def check_end(remains: Remains) -> None:
    """Raise when a life that came to its end has lost or doubled anything (I1 to I6, I8)."""
    check_aftermath(remains)
    steps = {row["mission_id"]: row["step"] for row in remains.tables["contracts"]}
    assert steps == dict.fromkeys(MISSIONS, "done"), ("I2", steps)
    for mission_id in APPRENTICES:
        assert _contract(remains, mission_id)["contract_id"] == remains.town.remote.of(mission_id)["contract_id"], "I3"
    for mission_id in MISSIONS:
        _check_papers(remains, mission_id)
    _check_letters(remains)


def _contract(remains: Remains, mission_id: str) -> Row:
    (row,) = [row for row in remains.tables["contracts"] if row["mission_id"] == mission_id]
    return row


# ---------------------------------------------------------------------------------------------------- initialised once


def _check_creations(remains: Remains) -> None:
    """I1: never two contracts for a mission, and never two names for one request."""
    creations = remains.town.creations()
    assert all(count <= 1 for count in creations.values()), ("I1", creations)
    assert creations[PROFESSIONAL] == 0, ("I1", creations)
    assert all(len(keys) == 1 for keys in remains.town.asked.values()), ("I1", remains.town.asked)


# ---------------------------------------------------------------------------------------------------------- documents


def _check_documents(remains: Remains) -> None:
    """I4: whatever has a row has its file, whole, and it is this document of this contract."""
    keyring = Keyring(SECRET_KEY)
    for row in remains.tables["documents"]:
        mission_id, kind = MissionId(str(row["mission_id"])), DocumentKind(str(row["kind"]))
        sealed = remains.vault.get(str(row["file_id"]))
        assert sealed is not None, ("I4", mission_id, kind)
        name = DocumentName(mission_id=mission_id, kind=kind, version=int(str(row["version"])))
        content = keyring.open(name, sealed)
        assert (row["sha256"], row["size"]) == (hashlib.sha256(content).hexdigest(), len(content)), ("I4", mission_id)
        assert content in papers_of(mission_id), ("I4", mission_id, kind)


def _check_papers(remains: Remains, mission_id: str) -> None:
    rows = [row for row in remains.tables["documents"] if row["mission_id"] == mission_id]
    current = Counter(str(row["kind"]) for row in rows if row["superseded_at"] is None)
    assert current == {"cerfa": 1, "convention": 1}, ("I4", mission_id, current)


# ------------------------------------------------------------------------------------------------------ notifications


def _check_outbox(remains: Remains) -> None:
    """I5: a fact that must be told is committed with its letters, or with the order to look at the contract again."""
    queued = {(row["mission_id"], row["event"]) for row in remains.tables["letters"]}
    for row in remains.tables["contracts"]:
        is_looked_at_again = row["due_at"] is not None or row["lease_owner"] is not None
        for event, can_wait in _called_for(row, remains):
            is_queued = (row["mission_id"], event) in queued
            assert is_queued or (can_wait and is_looked_at_again), ("I5", row["mission_id"], event)


def _called_for(row: Row, remains: Remains) -> Iterator[tuple[str, bool]]:
    """Yield the events that a contract's facts call for; what another than its worker wrote down can wait its turn."""
    if row["contract_id"] is not None:
        yield "contract.initialised", False
    if row["decided_at"] is not None:
        yield "decision.favourable", False
    if row["mission_id"] == FIRST_YEAR and row["asked"] != "never":
        yield "registration.requested", False
    remote = row["remote"] if isinstance(row["remote"], Mapping) else json.loads(str(row["remote"] or "null"))
    if remote and remote["student_part"]["state"] == "done" and remote["company_part"]["state"] == "todo":
        yield "student_part.done", True
    kinds = {
        document["kind"] for document in remains.tables["documents"] if document["mission_id"] == row["mission_id"]
    }
    if len(kinds) == len(DocumentKind):
        yield "documents.available", row["mission_id"] == PROFESSIONAL
        yield "registration.requested", row["mission_id"] == PROFESSIONAL


def _check_letters(remains: Remains) -> None:
    """I6: everybody was told of everything, under one name, and again only where the outcome was in doubt."""
    told, arrivals = remains.town.box.told(), remains.town.box.arrivals()
    assert told == EXPECTED, ("I6", told ^ EXPECTED)
    letters = remains.tables["letters"]
    resent = {_subject(row) for row in letters if row["resend"]}
    assert len(arrivals) <= len(EXPECTED) + len(resent), ("I6", "a letter has two names")
    doubts = {str(row["message_id"]): int(str(row["repeats"])) for row in letters}
    for message_id, count in arrivals.items():
        assert count <= 1 + doubts[message_id], ("I6", message_id, count)
    assert sum(doubts.values()) <= remains.deaths * LETTERS_UNDER_WAY, ("I6", doubts)
    unsent = [row for row in letters if row["state"] != "sent"]
    assert all(row["state"] == "unknown" and row["repeats"] == DOUBTS_FOR_A_PERSON for row in unsent), ("I6", unsent)
    assert not unsent or remains.deaths >= DOUBTS_FOR_A_PERSON, ("I6", unsent)
    assert {_subject(row) for row in unsent} == resent, ("I6", "a person was asked, and only then")


def _subject(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("mission_id", "event", "role", "cause"))


# ------------------------------------------------------------------------------------------------------------- output


def _check_output(remains: Remains) -> None:
    """I8: nobody is named in anything that was said."""
    said = [word for word in _PERSONAL if word in remains.output]
    assert said == [], ("I8", said)
