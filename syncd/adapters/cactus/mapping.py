"""Between syncd's words and the JSON of CACTUS, both ways. Pure.

What is sent follows interfaces, section 2, to the letter. What is read is believed as little as possible: unknown
fields are ignored, unknown words kept, an optional value that makes no sense is left out, and only what has no id or no
status is not a contract.
"""

import re
from collections.abc import Mapping
from datetime import date

from syncd.adapters.cactus.values import (
    Unreadable,
    is_integer,
    read_contract_id,
    read_instant,
    read_reference,
    read_text,
    read_web_address,
)
from syncd.errors import RefusalCode, Refused
from syncd.model import DocumentKind, Mission, Part, PartState, RemoteContract, RemoteDocument, Track

_LARGEST_VERSION = 2**31 - 1
_LARGEST_SIZE = 2**53
_SHA256 = re.compile("[0-9a-f]{64}")
_KINDS = {str(kind): kind for kind in DocumentKind}


def to_cactus(mission: Mission) -> dict[str, object]:
    """Return the body of an initialisation request.

    Dates are ISO days, instants ISO 8601 in UTC. What the mission lacks is sent as `null`: admission decides what is
    required.

    Raises:
        Refused: the mission is not an apprenticeship; CACTUS must never be told of it.

    Source: interfaces, section 2.
    """
    if mission.track is not Track.APPRENTISSAGE:
        raise Refused("only apprenticeship contracts are made in CACTUS", code=RefusalCode.OTHER)
    return {
        "external_reference": mission.mission_id,
        "academic_year": mission.academic_year,
        "student": _student(mission),
        "company": {"siret": mission.company_siret, "name": mission.company_name},
        "hr_contact": {"name": mission.hr_contact_name, "email": mission.hr_contact_email},
        "mentor": {"name": mission.mentor_name, "email": mission.mentor_email},
        "training": _training(mission),
        "contract": {
            "type": str(mission.track),
            "starts_on": _iso(mission.contract_starts_on),
            "ends_on": _iso(mission.contract_ends_on),
        },
        "mission": {
            "title": mission.mission_title,
            "description": mission.mission_description,
            "validated_at": _iso(mission.validated_at),
        },
    }


def _student(mission: Mission) -> dict[str, object]:
    return {
        "number": mission.student_number,
        "last_name": mission.student_last_name,
        "first_name": mission.student_first_name,
        "email": mission.student_email,
    }


def _training(mission: Mission) -> dict[str, object]:
    return {
        "programme": mission.programme,
        "level": mission.level,
        "campus": mission.campus,
        "starts_on": _iso(mission.training_starts_on),
        "ends_on": _iso(mission.training_ends_on),
    }


def to_contract(said: object, *, status_words: Mapping[str, str], etag: str | None = None) -> RemoteContract:
    """Return the contract that a JSON object describes; `status_words` gives our word for the remote's.

    Raises:
        Unreadable: no object, or one without a usable `contract_id` or `status`.
    """
    if not isinstance(said, dict):
        raise Unreadable("no contract")
    status = read_text(said.get("status"))
    if status is None:
        raise Unreadable("a contract without a status")
    return RemoteContract(
        contract_id=read_contract_id(said.get("contract_id")),
        external_reference=read_reference(said.get("external_reference")),
        status=status_words.get(status, status),
        student_part=_part(said.get("student_part")),
        company_part=_part(said.get("company_part")),
        documents=_documents(said.get("documents")),
        generated_at=read_instant(said.get("generated_at")),
        updated_at=read_instant(said.get("updated_at")),
        student_url=read_web_address(said.get("student_url")),
        company_url=read_web_address(said.get("company_url")),
        rejection_reason=read_text(said.get("rejection_reason")),
        student_number=_inner_text(said.get("student"), "number"),
        company_siret=_inner_text(said.get("company"), "siret"),
        etag=etag,
    )


def to_contracts(items: object, *, status_words: Mapping[str, str]) -> tuple[tuple[RemoteContract, ...], int]:
    """Return the contracts of a list, and how many of its entries could not be understood and were left out.

    Raises:
        Unreadable: it is no list.
    """
    if not isinstance(items, list):
        raise Unreadable("no list of contracts")
    contracts = []
    for item in items:
        try:
            contracts.append(to_contract(item, status_words=status_words))
        except Unreadable:
            continue
    return tuple(contracts), len(items) - len(contracts)


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _part(said: object) -> Part:
    if not isinstance(said, dict):
        return Part()
    return Part(state=read_text(said.get("state")) or PartState.TODO, done_at=read_instant(said.get("done_at")))


def _documents(said: object) -> tuple[RemoteDocument, ...]:
    """Return the documents of a list; what is of another kind or not whole is left out."""
    if not isinstance(said, list):
        return ()
    documents = (_document(entry) for entry in said)
    return tuple(document for document in documents if document is not None)


def _document(said: object) -> RemoteDocument | None:
    if not isinstance(said, dict):
        return None
    kind, version, sha256, size = (said.get(name) for name in ("kind", "version", "sha256", "size"))
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256.lower()):
        return None
    if not is_integer(version, at_least=1, at_most=_LARGEST_VERSION):
        return None
    if not is_integer(size, at_least=0, at_most=_LARGEST_SIZE):
        return None
    return RemoteDocument(
        kind=_KINDS[kind],
        version=version,
        sha256=sha256.lower(),
        size=size,
        available_at=read_instant(said.get("available_at")),
    )


def _inner_text(said: object, name: str) -> str | None:
    """Return a text of an inner object, without any white space: numbers are typed in groups."""
    text = read_text(said.get(name)) if isinstance(said, dict) else None
    return "".join(text.split()) or None if text is not None else None
