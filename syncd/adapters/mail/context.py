"""What the department says in every letter: its name, offices, papers and deadlines, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from syncd.model import Campaigns, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Where somebody registers. `place` follows "se trouve :", `contact` is a mail address or a phone number."""

    name: str
    place: str
    hours: str = "aux heures d'ouverture habituelles"
    contact: str | None = None


SECRETARIATS: Mapping[str, Office] = MappingProxyType(
    {
        "aix": Office(name="le secrétariat MIAGE d'Aix-en-Provence", place="campus d'Aix-en-Provence"),
        "marseille": Office(name="le secrétariat MIAGE de Marseille", place="campus de Marseille"),
    }
)
ANY_SECRETARIAT = Office(name="le secrétariat MIAGE de votre campus", place="votre campus")
CONTINUING_EDUCATION = Office(name="le service Formation Continue (SFC) de la FEG", place="site Colbert")

PAPERS: Mapping[Track, tuple[str, ...]] = MappingProxyType(
    {
        Track.APPRENTISSAGE: (
            "une pièce d'identité en cours de validité",
            "votre numéro étudiant et votre numéro INE",
            "votre dernier diplôme ou relevé de notes",
            "votre attestation CVEC",
            "votre attestation de responsabilité civile",
            "votre contrat, dès que vous l'avez",
        ),
        Track.PROFESSIONNALISATION: (
            "une pièce d'identité en cours de validité",
            "votre numéro étudiant et votre numéro INE",
            "votre dernier diplôme ou relevé de notes",
            "votre attestation de responsabilité civile",
            "votre contrat, dès que vous l'avez",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterContext:
    """Everything that a letter says and that no contract knows. Nothing here is about one person."""

    department: str = "MIAGE Aix-Marseille"
    signature: str = "L'équipe de l'alternance, MIAGE Aix-Marseille"
    contact: str | None = None
    """The mail address for questions; without one, letters name the work-study supervisor."""
    cactus_name: str = "CACTUS"
    campaigns: Campaigns = field(default_factory=Campaigns)
    secretariats: Mapping[str, Office] = field(default_factory=lambda: SECRETARIATS)
    continuing_education: Office = CONTINUING_EDUCATION
    papers: Mapping[Track, tuple[str, ...]] = field(default_factory=lambda: PAPERS)
    fill_within_days: int = 5
    student_prepares: tuple[str, ...] = (
        "votre état civil, votre adresse et votre téléphone",
        "votre situation avant ce contrat et votre dernier diplôme",
        "les coordonnées de votre représentant légal, si vous avez moins de 18 ans",
    )
    company_prepares: tuple[str, ...] = (
        "le SIRET de l'établissement qui accueille le contrat, son code NAF et son effectif",
        "la convention collective (IDCC), l'OPCO et la caisse de retraite complémentaire",
        "le maître d'apprentissage : nom, date de naissance, fonction, diplôme et expérience",
        "la rémunération, la durée hebdomadaire de travail et le lieu d'exécution du contrat",
    )
    digest_rows: int = 50
    """How many rows a section of the digest shows; the rest is counted."""
