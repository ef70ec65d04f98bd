"""What is laid out before the demo begins: missions, papers, a configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from syncd.demo.folder import DemoFolder
from syncd.demo.hints import paper_name
from syncd.demo.mission_store import MissionFile
from syncd.demo.missions import (
    CHANGED_LATER,
    PROGRAMMES,
    WITHDRAWN_LATER,
    invent_missions,
    is_fine,
    mission_id_of,
    track_of,
)
from syncd.demo.papers import print_paper
from syncd.demo.rows import Row
from syncd.demo.season import Season, season_at
from syncd.model import DocumentKind, MissionId, Track

Papers = Mapping[DocumentKind, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Which missions something happens to; `None` when the demo has too few."""

    changed: MissionId | None
    withdrawn: MissionId | None
    in_cactus: int
    """How many missions get as far as CACTUS."""
    papers: Sequence[tuple[MissionId, Papers]]
    """The papers that the office returns by itself, in order."""
    left: frozenset[MissionId]
    """Professionalisation missions whose papers are left for the person who watches."""


def prepare_missions(folder: DemoFolder, *, count: int, now: datetime, is_manual: bool) -> Cast:
    """Write the mission store and the papers of the professionalisation missions that get that far.

    By hand, all papers are left to the person; else one pair is, where there are several.
    """
    season = season_at(now)
    rows = invent_missions(season, count)
    MissionFile(folder.missions).create(rows)
    fine = [number for number in range(1, count + 1) if is_fine(number)]
    outside = [number for number in fine if track_of(number) is Track.PROFESSIONNALISATION]
    papers = [_lay_out(folder, mission_id_of(season, number), rows[number - 1]) for number in outside]
    returned = 0 if is_manual else max(len(papers) - 1, min(len(papers), 1))
    return Cast(
        changed=_within(season, CHANGED_LATER, count),
        withdrawn=_within(season, WITHDRAWN_LATER, count),
        in_cactus=len(fine) - len(outside),
        papers=papers[:returned],
        left=frozenset(mission_id for mission_id, _ in papers[returned:]),
    )


def _within(season: Season, number: int, count: int) -> MissionId | None:
    return mission_id_of(season, number) if number <= count else None


def _lay_out(folder: DemoFolder, mission_id: MissionId, row: Row) -> tuple[MissionId, Papers]:
    papers = {kind: folder.papers / paper_name(mission_id, kind) for kind in DocumentKind}
    for kind, file in papers.items():
        file.write_bytes(print_paper(kind, row))
    return mission_id, papers


def config_tables(folder: DemoFolder, *, cactus_url: str, now: datetime) -> dict[str, dict[str, object]]:
    """Return the configuration of a demo: the simulator for CACTUS, a folder for mail, and a quick pace."""
    return {
        "missions": {"url": f"sqlite:///{folder.missions}", "since": season_at(now).in_service_since},
        "cactus": {"adapter": "http", "base_url": cactus_url},
        "retry": {"first_delay_s": 1},
        "mail": {"adapter": "folder", "folder": folder.mail, "sender": "Alternance MIAGE <alternance@example.org>"},
        "mail.addresses": {
            "supervisor": "responsable.alternance@example.org",
            "secretariat_aix": "secretariat.aix@example.org",
            "secretariat_marseille": "secretariat.marseille@example.org",
            "continuing_education": "formation.continue@example.org",
        },
        "ops": {"bind": "127.0.0.1:0"},
        "jobs": {"poll_interval_s": 1},
        "admission": {"programmes": PROGRAMMES},
    }
