"""Invented missions, facts, letters and messages."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage

from syncd.adapters.mail.letters import Letter
from syncd.adapters.mail.message import compose
from syncd.model import (
    ContractId,
    DocumentKind,
    Event,
    Facts,
    Mission,
    MissionId,
    RemoteContract,
    StoredDocument,
    Track,
)

NOW = datetime(2025, 9, 1, 8, tzinfo=UTC)
TODAY = date(2025, 9, 1)
STUDENT_URL = "https://cactus.example.org/etudiant/8f3a?x=1&y=2"
COMPANY_URL = "https://cactus.example.org/entreprise/77b2"

MISSION = Mission(
    mission_id=MissionId("FVMA-2025-0042"),
    updated_at=NOW,
    status="validated",
    validated_at=NOW,
    track=Track.APPRENTISSAGE,
    academic_year="2025-2026",
    programme="M2 MIAGE ID2I",
    level="M2",
    campus="aix",
    admission_confirmed=True,
    student_number="21900042",
    student_last_name="Durand",
    student_first_name="Camille",
    student_email="camille.durand@example.org",
    company_siret="12345678200010",
    company_name="Société Exemple",
    hr_contact_name="Dominique Petit",
    hr_contact_email="rh@example.com",
    mentor_name="Sacha Morel",
    mentor_email="sacha.morel@example.com",
    mission_title="Un portail de suivi des stocks",
    mission_description="Concevoir et livrer un portail.",
    contract_starts_on=date(2025, 9, 15),
    contract_ends_on=date(2026, 9, 30),
)
REMOTE = RemoteContract(
    contract_id=ContractId("c-1"),
    external_reference="FVMA-2025-0042",
    status="initialised",
    student_url=STUDENT_URL,
    company_url=COMPANY_URL,
)
FACTS = Facts(mission_id=MISSION.mission_id, mission=MISSION, discovered_at=NOW, remote=REMOTE)
PROFESSIONAL = replace(FACTS, mission=replace(MISSION, track=Track.PROFESSIONNALISATION), remote=None)
EMPTY = Facts(
    mission_id=MissionId("FVMA-2025-0099"),
    mission=Mission(mission_id=MissionId("FVMA-2025-0099"), updated_at=NOW, status="validated"),
    discovered_at=NOW,
)
STORED = replace(
    FACTS,
    documents=tuple(
        StoredDocument(kind=kind, version=1, remote_version=1, sha256="0" * 64, size=9, stored_at=NOW, file_id=kind)
        for kind in DocumentKind
    ),
)
LETTER = Letter(
    subject="Votre contrat d'apprentissage : à vous",
    text="Bonjour Camille,\n\n.un point en tête de ligne\n..deux\nÀ bientôt\n",
    html="<!DOCTYPE html><html lang='fr'><body><p>Bonjour Camille</p></body></html>",
)


def message_to(recipient: str, *, number: int = 1) -> EmailMessage:
    """Return a composed message to an address."""
    return compose(
        LETTER,
        sender="miage@example.org",
        recipient=recipient,
        message_id=f"<letter-{number}@syncd.example.org>",
        event=Event.CONTRACT_INITIALISED,
        mission_id=MISSION.mission_id,
        date=NOW,
    )
