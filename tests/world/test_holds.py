"""Everything that holds a contract back, seen from outside, and what an admin does about it."""

from typing import Any

import pytest

from tests.world.missions import COLUMNS, Missions
from tests.world.world import World, mission, paper

A, B = "FVMA-2025-0001", "FVMA-2025-0002"

BEFORE_SENDING: dict[str, tuple[dict[str, Any], str]] = {
    "not validated": ({"status": "draft"}, "MISSION_NOT_VALIDATED"),
    "no start": ({"contract_starts_on": None}, "DATES_MISSING"),
    "campaign not open": (
        {
            "academic_year": "2098-2099",
            "training_starts_on": "2098-09-01",
            "training_ends_on": "2099-08-31",
            "contract_starts_on": "2098-09-15",
            "contract_ends_on": "2099-09-15",
        },
        "CAMPAIGN_NOT_OPEN",
    ),
    "no academic year": ({"academic_year": "2025-2027"}, "CAMPAIGN_UNKNOWN"),
    "starts too early": ({"contract_starts_on": "2025-05-14"}, "START_TOO_EARLY"),
    "starts too late": ({"contract_starts_on": "2025-11-02"}, "START_TOO_LATE"),
    "ends too early": ({"contract_ends_on": "2026-08-30"}, "END_BEFORE_TRAINING_END"),
    "ends too late": ({"contract_ends_on": "2026-11-01"}, "END_TOO_LATE"),
    "not admitted": ({"admission_confirmed": 0}, "ADMISSION_PENDING"),
    "student's address": ({"student_email": "not an address"}, "STUDENT_EMAIL_INVALID"),
    "no contact": ({"hr_contact_name": None, "hr_contact_email": None}, "HR_CONTACT_MISSING"),
    "contact's address": ({"hr_contact_email": "rh@"}, "HR_EMAIL_INVALID"),
    "same address": ({"hr_contact_email": "ZOE1@example.org"}, "HR_EMAIL_EQUALS_STUDENT"),
    "SIRET": ({"company_siret": "13001533200014"}, "SIRET_INVALID"),
    "no mentor": ({"mentor_name": None, "mentor_email": None}, "MENTOR_MISSING"),
    "campus": ({"campus": "nice"}, "CAMPUS_UNKNOWN"),
    "no name": ({"student_last_name": " "}, "FIELD_MISSING"),
    "control character": ({"student_last_name": "Du\x07rand"}, "FIELD_UNSAFE"),
    "encoded word": ({"company_name": "=?UTF-8?Q?=0ABcc:_x@example.org?="}, "FIELD_UNSAFE"),
    "a date that is none": ({"contract_starts_on": "2025-02-31"}, "ROW_UNREADABLE"),
}


def test_every_hold_before_sending_is_told_and_stops_nobody_else(world: World) -> None:
    for number, (changed, _) in enumerate(BEFORE_SENDING.values(), start=1):
        row = mission(number, **changed)
        world.missions.put(row | ({"hr_contact_email": f"ZOE{number}@example.org"} if "ZOE1@" in str(changed) else {}))
    world.missions.put(mission(900))

    world.once()

    assert world.step("FVMA-2025-0900") == "awaiting_student"
    assert world.remote.creations() == 1
    listed = {row["mission_id"]: row for row in world.syncd("list", "--json").json["contracts"]}
    for number, (situation, (_, code)) in enumerate(BEFORE_SENDING.items(), start=1):
        row = listed[f"FVMA-2025-{number:04d}"]
        assert (row["step"], code in row["holds"]) == ("held", True), (situation, row)
    assert {m["X-Syncd-Mission"] for m in world.mails() if m["X-Syncd-Event"] != "digest.daily"} == {"FVMA-2025-0900"}


def test_a_hold_shows_all_its_reasons_with_fields_and_sentences(world: World) -> None:
    world.missions.put(mission(1, student_email="x", company_siret="1", admission_confirmed=0))

    world.once()

    holds = world.show(A)["holds"]
    assert {hold["code"] for hold in holds} == {"STUDENT_EMAIL_INVALID", "SIRET_INVALID", "ADMISSION_PENDING"}
    assert all(hold["field"] and hold["message"] for hold in holds)


def test_a_corrected_row_goes_on_by_itself(world: World) -> None:
    world.missions.put(mission(1, admission_confirmed=0))
    world.once()

    world.missions.change(A, admission_confirmed=1)
    world.once()

    assert world.step(A) == "awaiting_student"


def test_a_change_after_sending_is_held_until_released_and_never_rewritten(world: World) -> None:
    world.missions.put(mission(1))
    world.once()

    world.missions.change(A, contract_ends_on="2026-10-01", mission_title="Autre intitulé")
    world.remote.student_done(A)
    world.once()
    held, mails = world.show(A), len(world.mails())
    released = world.syncd("release", A)
    world.once()

    assert held["step"] == "held"
    assert {h["field"] for h in held["holds"]} == {"contract_ends_on", "mission_title"}
    assert mails == 2, "letters stop while it is held"
    assert "contract_ends_on" in released.out
    assert "2026-10-01" in released.out
    assert world.step(A) == "awaiting_company"
    assert world.letters(A)["student_part.done", "rh1@example.com"] == 1
    assert len(world.remote.posts()) == 1


def test_a_mission_withdrawn_before_sending_is_closed(world: World) -> None:
    world.missions.put(mission(1, status="withdrawn"))

    world.once()

    assert world.step(A) == "closed"
    assert world.mails() == []


def test_a_mission_withdrawn_after_sending_is_held_and_the_offices_are_told(world: World) -> None:
    world.missions.put(mission(1, level="M1"))
    world.once()

    world.missions.change(A, status="withdrawn")
    world.once()

    assert world.codes(A) == {"MISSION_WITHDRAWN"}
    letters = world.letters(A)
    assert letters["mission.withdrawn", "responsable@example.org"] == 1
    assert letters["mission.withdrawn", "aix@example.org"] == 1
    assert world.remote.of(A)["status"] == "initialised"


def test_a_deleted_row_counts_as_withdrawn_after_two_sweeps(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 4)))
    world.once()
    world.missions.delete(A)

    world.syncd("reconcile")
    world.once()
    after_one = world.step(A)
    world.syncd("reconcile")
    world.once()

    assert after_one == "awaiting_student"
    assert world.codes(A) == {"MISSION_WITHDRAWN"}


def test_an_emptied_store_is_not_believed(world: World) -> None:
    world.missions.put(mission(1), mission(2))
    world.once()
    world.missions.delete(A)
    world.missions.delete(B)

    swept = [world.syncd("reconcile") for _ in range(2)]
    world.once()

    assert [result.code for result in swept] == [6, 6]
    assert world.step(A) == world.step(B) == "awaiting_student"
    assert world.syncd("status", "--json").json["guards"]["sweep"]["tripped"]


def test_of_two_missions_of_one_student_the_later_one_is_held(world: World) -> None:
    world.missions.put(
        mission(2, student_number="1", validated_at="2025-06-03T09:00:00Z"), mission(1, student_number="1")
    )

    world.once()
    first = (world.step(A), world.codes(B))
    world.syncd("cancel", A, "--reason", "abandon")
    world.once()

    assert first == ("awaiting_student", {"DUPLICATE_ACTIVE_CONTRACT"})
    assert (world.step(A), world.step(B)) == ("closed", "awaiting_student")


def test_missions_validated_before_the_start_are_left_alone(world: World) -> None:
    world.missions.put(mission(1), mission(2, validated_at="2025-06-10T09:00:00Z"))

    world.once(SYNCD_MISSIONS__SINCE="2025-06-10")

    shown = world.syncd("show", A, "--json", SYNCD_MISSIONS__SINCE="2025-06-10").json
    assert {h["code"] for h in shown["holds"]} == {"OUT_OF_SCOPE"}
    assert world.remote.creations() == 1


def test_what_cactus_refuses_is_held_with_its_reason_and_goes_on_when_reopened(world: World) -> None:
    world.missions.put(mission(1))
    world.once()

    world.remote.change(A, status="refused", rejection_reason="Convention collective manquante")
    world.once()
    refused = world.show(A)
    world.remote.reopen(A)
    world.once()

    assert {h["code"] for h in refused["holds"]} == {"REMOTE_REFUSED"}
    assert "Convention collective manquante" in refused["holds"][0]["message"]
    assert world.letters(A)["contract.refused", "responsable@example.org"] == 1
    assert world.step(A) == "awaiting_student"


@pytest.mark.parametrize("status", ["cancelled", "terminated", "closed"])
def test_what_is_over_in_cactus_is_closed(world: World, status: str) -> None:
    world.missions.put(mission(1))
    world.once()

    world.remote.change(A, status=status)
    world.once()

    assert world.step(A) == "closed"
    assert world.letters(A)["contract.cancelled", "responsable@example.org"] == 1


def test_an_unknown_word_of_cactus_is_kept_and_survived(world: World) -> None:
    world.missions.put(mission(1))
    world.once()

    world.remote.change(A, status="sealed_by_somebody")
    world.once()
    shown = world.show(A)
    world.remote.change(A, status="in_progress")
    world.remote.student_done(A)
    world.once()

    assert (shown["step"], shown["cactus"]["status"]) == ("awaiting_student", "sealed_by_somebody")
    assert {w["code"] for w in shown["warnings"]} >= {"REMOTE_STATUS_UNKNOWN"}
    assert world.step(A) == "awaiting_company"


def test_a_contract_that_cactus_forgot_is_held(world: World) -> None:
    world.missions.put(mission(1))
    world.once()

    world.remote.contracts.clear()
    world.syncd("resync", A)
    world.once()

    assert world.codes(A) == {"REMOTE_MISSING"}
    assert len(world.remote.posts()) == 1


def test_a_contract_typed_by_hand_is_adopted_never_created(world: World) -> None:
    world.missions.put(mission(1))
    world.syncd("hold", A, "--reason", "not known yet")
    world.once(SYNCD_MISSIONS__SINCE="2030-01-01")
    ours = world.remote.made_by_hand("21000001", "13001533200013")
    other = world.remote.made_by_hand("99999999", "13001533200013")

    wrong = world.syncd("adopt", A, other)
    nobody = world.syncd("adopt", A, "C-99999")
    right = world.syncd("adopt", A, ours)
    world.once()

    assert (wrong.code, nobody.code, right.code) == (1, 4, 0), (wrong, nobody, right)
    assert world.show(A)["cactus"]["contract_id"] == ours
    assert world.remote.posts() == []
    assert world.step(A) == "awaiting_student"


def test_hold_and_release_by_hand(world: World) -> None:
    world.missions.put(mission(1))
    world.once()

    held = world.syncd("hold", A, "--reason", "à vérifier avec l'entreprise")
    world.remote.student_done(A)
    world.once()
    during = (world.show(A), world.letters(A)["student_part.done", "rh1@example.com"])
    world.syncd("release", A)
    world.once()

    assert held.code == 0
    assert {h["code"] for h in during[0]["holds"]} == {"MANUAL_HOLD"}
    assert during[0]["cactus"]["student_part"] == "done", "watching goes on"
    assert during[1] == 0
    assert world.letters(A)["student_part.done", "rh1@example.com"] == 1


def test_a_missing_optional_column_makes_rows_unreadable_and_a_missing_key_column_ends_the_start(world: World) -> None:
    lesser = Missions(world.folder / "lesser.sqlite3", columns=tuple(c for c in COLUMNS if c != "mentor_name"))
    broken = Missions(world.folder / "broken.sqlite3", columns=tuple(c for c in COLUMNS if c != "updated_at"))
    lesser.put(mission(1))

    world.once(SYNCD_MISSIONS__URL=f"sqlite:///{lesser.file}")
    refused = world.syncd("run", "--once", SYNCD_MISSIONS__URL=f"sqlite:///{broken.file}")

    assert {(h["code"], h["field"]) for h in world.show(A)["holds"]} == {("ROW_UNREADABLE", "mentor_name")}
    assert refused.code == 78
    assert "updated_at" in refused.err


def test_too_many_new_contracts_wait_for_an_approval(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 6)))

    world.once(SYNCD_GUARD__MAX_NEW_CONTRACTS="3")
    stopped, brake = world.remote.creations(), world.syncd("guard", "show", "--json").json
    approved = world.syncd("guard", "approve")
    world.once(SYNCD_GUARD__MAX_NEW_CONTRACTS="3")

    assert stopped == 3
    assert brake["guards"]["contracts"]["tripped"]
    assert approved.code == 0
    assert world.remote.creations() == 5


def test_no_resync_takes_a_brake_off(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 6)))
    world.environment |= {"SYNCD_GUARD__MAX_NEW_CONTRACTS": "3", "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "4"}
    world.once()
    before = world.remote.creations(), len(world.mails())

    resynced = world.syncd("resync", "--all", "--yes")
    world.once()

    assert resynced.code == 0
    assert before == (3, 4)
    assert (world.remote.creations(), len(world.mails())) == before
    guards = world.syncd("guard", "show", "--json").json["guards"]
    assert guards["contracts"]["tripped"]
    assert guards["mails"]["tripped"]


def test_too_many_mails_wait_for_an_approval(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 4)))

    world.once(SYNCD_GUARD__MAX_MAILS_PER_HOUR="4")
    stopped = len(world.mails())
    world.syncd("guard", "approve", "mails")
    world.once(SYNCD_GUARD__MAX_MAILS_PER_HOUR="4")

    assert stopped == 4
    assert len(world.mails()) == 6


def test_bad_documents_are_never_stored(world: World) -> None:
    world.missions.put(mission(1))
    world.once()
    world.remote.student_done(A)
    world.remote.company_done(A)
    world.remote.generate(A, paper("cerfa"), paper("convention"))
    contract_id = world.remote.of(A)["contract_id"]
    world.remote.papers[contract_id, "cerfa", 1] = paper("cerfa of somebody else")

    world.once(expect=3)

    shown = world.show(A)
    assert {h["code"] for h in shown["holds"]} == {"DOCUMENT_INVALID"}
    assert [d for d in shown["documents"] if d["kind"] == "cerfa"] == []
    assert not any(m["X-Syncd-Event"] == "documents.available" for m in world.mails())

    world.remote.papers[contract_id, "cerfa", 1] = paper("cerfa")
    world.syncd("release", A)
    world.once()

    assert world.step(A) == "done"


@pytest.mark.parametrize("content", [b"<html>login</html>", paper("cerfa")[:-40], b""], ids=["html", "cut", "empty"])
def test_what_is_no_document_is_tried_again(world: World, content: bytes) -> None:
    world.missions.put(mission(1))
    world.once()
    world.remote.student_done(A)
    world.remote.company_done(A)
    world.remote.generate(A, paper("cerfa"), paper("convention"))
    contract_id = world.remote.of(A)["contract_id"]
    good = world.remote.papers[contract_id, "cerfa", 1]
    world.remote.papers[contract_id, "cerfa", 1] = content or b" "

    world.once(expect=3)
    waiting = world.show(A)
    world.remote.papers[contract_id, "cerfa", 1] = good
    world.syncd("resync", A)
    world.once()

    assert waiting["step"] in ("to_fetch", "held")
    assert [d["kind"] for d in waiting["documents"]] in ([], ["convention"])
    assert world.step(A) == "done"
