"""Missions for tests: the people are invented, the companies' numbers synthetic, and the mail goes nowhere."""

from datetime import UTC, date, datetime

from syncd.model import Mission, MissionId, Track

A_MISSION = Mission(
    mission_id=MissionId("FVMA-2025-0042"),
    updated_at=datetime(2025, 6, 2, 9, 30, tzinfo=UTC),
    status="validated",
    validated_at=datetime(2025, 6, 2, 9, 30, tzinfo=UTC),
    validated_by="responsable@example.org",
    submitted_at=datetime(2025, 5, 28, 16, 5, tzinfo=UTC),
    track=Track.APPRENTISSAGE,
    academic_year="2025-2026",
    programme="M2 MIAGE ID2I",
    level="M2",
    campus="aix",
    admission_confirmed=True,
    training_starts_on=date(2025, 9, 1),
    training_ends_on=date(2026, 8, 31),
    student_number="22001234",
    student_last_name="Lefèvre-Ndiaye",
    student_first_name="Jérôme",
    student_email="jerome.lefevre@example.org",
    company_siret="12345678200010",
    company_name="Société d’Essai & Fils",
    hr_contact_name="Amélie Garcin",
    hr_contact_email="amelie.garcin@example.com",
    mentor_name="Paul Rinaldi",
    mentor_email="paul.rinaldi@example.com",
    mission_title="Refonte du portail des fournisseurs",
    mission_description="Conception, développement et recette d’un portail pour les fournisseurs de la société.",
    contract_starts_on=date(2025, 9, 15),
    contract_ends_on=date(2026, 9, 14),
)

ANOTHER_MISSION = Mission(
    mission_id=MissionId("FVMA-2025-0043"),
    updated_at=datetime(2025, 6, 3, 8, 0, tzinfo=UTC),
    status="validated",
    validated_at=datetime(2025, 6, 3, 8, 0, tzinfo=UTC),
    track=Track.APPRENTISSAGE,
    academic_year="2025-2026",
    programme="M1 MIAGE",
    level="M1",
    campus="marseille",
    admission_confirmed=True,
    training_starts_on=date(2025, 9, 1),
    training_ends_on=date(2026, 8, 31),
    student_number="22005678",
    student_last_name="Moreau",
    student_first_name="Inès",
    student_email="ines.moreau@example.org",
    company_siret="98765432400027",
    company_name="Atelier du Port",
    hr_contact_name="Luc Ferrand",
    hr_contact_email="luc.ferrand@example.com",
    mentor_name="Sonia Belkacem",
    mentor_email="sonia.belkacem@example.com",
    mission_title="Outil de suivi des chantiers",
    mission_description="Analyse du besoin et développement d’un outil de suivi des chantiers de l’atelier.",
    contract_starts_on=date(2025, 10, 1),
    contract_ends_on=date(2026, 9, 30),
)

PERSONAL_WORDS = ("Lefèvre", "Jérôme", "jerome", "Garcin", "amelie", "Rinaldi", "22001234", "12345678200010")
"""What of A_MISSION must never stand in a log, a repr or an error."""
