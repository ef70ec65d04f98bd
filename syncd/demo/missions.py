"""Invented missions, as rows of the FVMA application: most of them fine, every third one held for a reason. Pure."""

from datetime import timedelta

from syncd.demo.obstacles import OBSTACLES
from syncd.demo.rows import Row, Value, company_columns, student_columns, written, written_day
from syncd.demo.season import Season
from syncd.model import MissionId, Track
from syncd.workdays import paris_day

CHANGED_LATER = 5
"""The number of the mission that somebody changes after it was sent."""
WITHDRAWN_LATER = 9
"""The number of the mission that is withdrawn after it was sent."""

ASKED_FOR_LATE = 12
"""The number of the mission that starts so soon after it was asked for that it is urgent."""

_PROGRAMMES = {"L3": "L3 MIAGE", "M1": "M1 MIAGE", "M2": "M2 MIAGE ID2I"}
PROGRAMMES = tuple(_PROGRAMMES.values())
_LEVELS = ("M2", "L3", "M1")
_TITLES = (
    "Développement du portail des adhérents", "Industrialisation des tests d’une application mobile",
    "Refonte de l’entrepôt de données", "Pilotage d’un projet de dématérialisation",
    "Automatisation des déploiements", "Tableaux de bord pour la direction commerciale",
    "Modélisation des processus de livraison", "Sécurisation des échanges avec les partenaires",
)  # fmt: skip
_DESCRIPTION = (
    "Au sein de l’équipe numérique, l’alternant·e recueille les besoins, conçoit et développe la solution, "
    "la met en service avec les exploitants, et rend compte de son avancement à son tuteur chaque semaine."
)


def invent_missions(season: Season, count: int) -> tuple[Row, ...]:
    """Return so many missions of both tracks, all levels and campuses; thirty have every hold that a row can cause."""
    return tuple(_mission(season, number) for number in range(1, count + 1))


def mission_id_of(season: Season, number: int) -> MissionId:
    """Return the id of the mission of this number."""
    return MissionId(f"FVMA-{season.campaign.validation_opens_on.year}-{number:04d}")


def is_fine(number: int) -> bool:
    """Whether nothing is wrong with the mission of this number."""
    return number not in OBSTACLES


def track_of(number: int) -> Track:
    """Return the track of the mission of this number."""
    return Track.PROFESSIONNALISATION if number % 4 == 2 else Track.APPRENTISSAGE


def _mission(season: Season, number: int) -> Row:
    level = _LEVELS[number % len(_LEVELS)]
    row: dict[str, Value] = {
        "mission_id": mission_id_of(season, number),
        "updated_at": written(season.validated_at(number)),
        "status": "validated",
        "validated_at": written(season.validated_at(number)),
        "validated_by": "responsable.alternance",
        "submitted_at": written(season.submitted_at(number)),
        "track": track_of(number),
        "academic_year": season.campaign.academic_year,
        "programme": _PROGRAMMES[level],
        "level": level,
        "campus": "marseille" if number % 5 in (0, 3) else "aix",
        "admission_confirmed": 1,
        "training_starts_on": written_day(season.campaign.training_starts_on),
        "training_ends_on": written_day(season.campaign.training_ends_on),
        "mission_title": _TITLES[number % len(_TITLES)],
        "mission_description": _DESCRIPTION,
        "contract_starts_on": written_day(season.contract_starts_on(number)),
        "contract_ends_on": written_day(season.contract_ends_on(number)),
        **student_columns(number),
        **company_columns(number),
    }
    if number == ASKED_FOR_LATE:
        row |= _asked_for_late(season)
    obstacle = OBSTACLES.get(number)
    return row if obstacle is None else {**row, **obstacle(season, row)}


def _asked_for_late(season: Season) -> Row:
    asked_at = min(season.now - timedelta(days=3), season.last_start - timedelta(days=12))
    return {
        "submitted_at": written(asked_at),
        "validated_at": written(asked_at + timedelta(days=1)),
        "updated_at": written(asked_at + timedelta(days=1)),
        "contract_starts_on": written_day(paris_day(asked_at) + timedelta(days=12)),
    }
