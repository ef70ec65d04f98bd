"""What is invented: admissible today whatever the day, but for the missions that show a hold."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest

from syncd.adapters.missions.sql import SqlMissionStore
from syncd.admission import holds_of
from syncd.cautions import is_late_request
from syncd.demo.mission_store import MissionFile
from syncd.demo.missions import (
    ASKED_FOR_LATE,
    CHANGED_LATER,
    PROGRAMMES,
    WITHDRAWN_LATER,
    invent_missions,
    is_fine,
    mission_id_of,
)
from syncd.demo.people import student, synthetic_siret
from syncd.demo.season import season_at
from syncd.model import Campaigns, Facts, HoldCode, Mission, Policy, Track
from syncd.wellformed import is_siret

DAYS = (
    datetime(2026, 5, 14, 21, 59, tzinfo=UTC),  # the last minute before the next campaign opens in Paris
    datetime(2026, 5, 14, 22, 0, tzinfo=UTC),
    datetime(2026, 7, 1, 10, tzinfo=UTC),
    datetime(2026, 10, 31, 10, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 10, tzinfo=UTC),
)
NEVER_CAUSED_BY_A_NEW_ROW = {
    HoldCode.MISSION_WITHDRAWN, HoldCode.MISSION_CHANGED_SINCE_VALIDATION, HoldCode.REMOTE_CONFLICT,
    HoldCode.REMOTE_REFUSED, HoldCode.REMOTE_MISSING, HoldCode.REMOTE_OUTCOME_UNKNOWN, HoldCode.DOCUMENT_INVALID,
    HoldCode.MANUAL_HOLD, HoldCode.QUARANTINED,
}  # fmt: skip


async def _read(folder: Path, now: datetime, count: int = 30) -> list[Mission]:
    """Return the missions as syncd reads them, in the order of their numbers."""
    file = folder / "missions.sqlite3"
    MissionFile(file).create(invent_missions(season_at(now), count))
    store = SqlMissionStore(f"sqlite:///{file}")
    try:
        return sorted((await store.changed_since(None, limit=1000)).missions, key=lambda mission: mission.mission_id)
    finally:
        await store.aclose()


def _holds(missions: list[Mission], now: datetime) -> list[set[HoldCode]]:
    policy = Policy(
        campaigns=Campaigns(), programmes=frozenset(PROGRAMMES), since=season_at(now).in_service_since
    )  # fmt: skip
    facts = [Facts(mission_id=mission.mission_id, mission=mission, discovered_at=now) for mission in missions]
    found = []
    for one in facts:
        rivals = tuple(o for o in facts if o is not one and o.mission.student_number == one.mission.student_number)
        found.append({hold.code for hold in holds_of(replace(one, rivals=rivals), now=now, policy=policy)})
    return found


@pytest.mark.parametrize("now", DAYS, ids=str)
async def test_thirty_missions_have_every_hold_that_a_row_can_cause(tmp_path: Path, now: datetime) -> None:
    holds = _holds(await _read(tmp_path, now), now)

    assert set(chain.from_iterable(holds)) == set(HoldCode) - NEVER_CAUSED_BY_A_NEW_ROW
    assert any(len(codes) > 2 for codes in holds)


@pytest.mark.parametrize("now", DAYS, ids=str)
async def test_on_any_day_the_other_missions_may_go_ahead(tmp_path: Path, now: datetime) -> None:
    holds = _holds(await _read(tmp_path, now, count=60), now)

    held = [number for number, codes in enumerate(holds, start=1) if codes and is_fine(number)]
    assert held == []
    assert sum(not codes for codes in holds[:30]) == 18


async def test_both_tracks_all_levels_and_both_campuses_move(tmp_path: Path) -> None:
    missions = await _read(tmp_path, DAYS[2])

    fine = [mission for number, mission in enumerate(missions, start=1) if is_fine(number)]
    assert {(m.track, m.level) for m in fine} == {(track, level) for track in Track for level in ("L3", "M1", "M2")}
    assert {(m.track, m.campus) for m in fine} == {
        (track, campus) for track in Track for campus in ("aix", "marseille")
    }
    for number in (CHANGED_LATER, WITHDRAWN_LATER, ASKED_FOR_LATE):
        assert is_fine(number)
        assert missions[number - 1].track is Track.APPRENTISSAGE


@pytest.mark.parametrize("now", DAYS, ids=str)
async def test_one_mission_was_asked_for_late_and_everything_happened_before_now(tmp_path: Path, now: datetime) -> None:
    missions = await _read(tmp_path, now)

    policy = Policy(campaigns=Campaigns())
    late = [m.mission_id for number, m in enumerate(missions, 1) if is_fine(number) and is_late_request(m, policy)]
    assert late == [mission_id_of(season_at(now), ASKED_FOR_LATE)]
    assert all(m.submitted_at and m.validated_at and m.submitted_at < m.validated_at < now for m in missions)
    assert all(m.updated_at <= now for m in missions)


def test_nobody_is_real() -> None:
    rows = invent_missions(season_at(DAYS[2]), 200)

    addresses = [row[name] for row in rows for name in ("student_email", "hr_contact_email", "mentor_email")]
    domains = {str(address).rpartition("@")[2] for address in addresses if address and "@" in str(address)}
    assert all(domain.endswith(("example.org", "example.com")) or not domain for domain in domains)
    assert len({student(number).number for number in range(1, 201)}) == 200
    assert len({(student(number).first_name, student(number).last_name) for number in range(1, 201)}) == 200


def test_every_synthetic_siret_passes_the_checks_and_belongs_to_nobody() -> None:
    sirets = [synthetic_siret(place) for place in range(100)]

    assert all(is_siret(siret) and siret.startswith("9999") for siret in sirets)
    assert len(set(sirets)) == 100


async def test_a_change_is_seen_by_the_next_reading(tmp_path: Path) -> None:
    await _read(tmp_path, DAYS[2])
    file, changed = tmp_path / "missions.sqlite3", mission_id_of(season_at(DAYS[2]), CHANGED_LATER)

    MissionFile(file).change(changed, now=DAYS[3], mission_title="Autre chose")

    store = SqlMissionStore(f"sqlite:///{file}")
    (mission,) = await store.read([changed])
    await store.aclose()
    assert (mission.mission_title, mission.updated_at) == ("Autre chose", DAYS[3])
