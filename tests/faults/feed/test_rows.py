"""Q01–Q09: what the mission store and the change feed may hold; seen from outside, by commands, requests and mails."""

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unicodedata import normalize

import pytest

from tests.world.remote import Answer, Request
from tests.world.world import World, filled_cerfa, mission, paper

A, B = "FVMA-2025-0001", "FVMA-2025-0002"
STUDENT, HR = "zoe1@example.org", "rh1@example.com"


def store(world: World, *statements: str) -> None:
    """Change the store's structure, as its own application does."""
    with closing(sqlite3.connect(world.missions.file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def twisted_feed(world: World, twist: Any) -> None:
    """Let the change feed say something else of what it would say."""

    def trap(request: Request, honest: Any) -> Answer:
        answer: Answer = honest()
        if request.path != "/contracts" or "external_reference" in request.query or request.method != "GET":
            return answer
        page = json.loads(answer.body)
        return Answer.of(200, page | {"items": twist(page["items"])})

    world.remote.trap = trap


def live_whole(world: World, *, passes: int = 1) -> None:
    """Play the whole life of the first contract."""
    acts: tuple[Callable[[], object], ...] = (
        lambda: None,
        lambda: world.remote.student_done(A),
        lambda: world.remote.company_done(A),
        lambda: world.remote.generate(A, filled_cerfa(), paper("convention")),
    )
    for act in acts:
        act()
        for _ in range(passes):
            world.syncd("run", "--once")


# ---------------------------------------------------------------------------------------------------------- Q01 and Q02


def test_q01_a_mission_that_the_store_names_twice_and_entries_that_come_twice_have_one_effect(world: World) -> None:
    store(world, "CREATE VIEW doubled AS SELECT * FROM validated_missions UNION ALL SELECT * FROM validated_missions")
    world.environment["SYNCD_MISSIONS__RELATION"] = "doubled"
    world.missions.put(*(mission(number) for number in range(1, 4)))
    twisted_feed(world, lambda items: [item for item in items for _ in range(2)])

    live_whole(world, passes=2)
    swept = world.syncd("reconcile", "--json").json["store"]

    assert world.step(A) == "done"
    assert world.remote.creations() == len(world.remote.posts()) == 3
    assert (swept["known"], swept["missing"]) == (3, [])
    assert set(world.letters(A).values()) == {1}


def test_q02_a_feed_in_reverse_leads_to_the_same_end(world: World) -> None:
    world.missions.put(mission(1))
    twisted_feed(world, lambda items: items[::-1])

    world.once()
    world.remote.student_done(A)
    world.remote.company_done(A)
    world.remote.generate(A, filled_cerfa(), paper("convention"))
    world.once()
    world.once()

    assert world.step(A) == "done"
    assert world.show(A)["cactus"]["status"] == "generated"
    assert set(world.letters(A).values()) == {1}


# ------------------------------------------------------------------------------------ Q05: edited before, during, after


def edited_while_the_answer_is_lost(world: World, *, most: int) -> None:
    """Let the first requests be lost, and the mission be edited while the first one is under way."""
    lost: list[Request] = []

    def lose(request: Request, honest: Any) -> Answer | None:
        if request.method == "POST" and len(lost) < most:
            lost.append(request)
            world.missions.change(A, mission_title="Tout autre chose", training_ends_on="2026-06-30")
            return None
        answer: Answer = honest()
        return answer

    world.missions.put(mission(1, training_starts_on=None, training_ends_on=None))
    world.remote.trap = lose


@pytest.mark.parametrize("is_idempotent", ["true", "false"])
def test_q05_what_is_asked_again_after_an_edit_is_the_same_body_byte_for_byte(world: World, is_idempotent: str) -> None:
    world.environment |= {"SYNCD_CACTUS__IDEMPOTENT": is_idempotent, "SYNCD_CACTUS__PROCESSING_TIME_S": "0.05"}
    edited_while_the_answer_is_lost(world, most=1)
    as_it_was = shutil.copy(world.missions.file, world.folder / "as_it_was.sqlite3")
    while not world.remote.creations():  # asked again before the edit is read
        world.syncd("run", "--once", SYNCD_MISSIONS__URL=f"sqlite:///{as_it_was}")
        time.sleep(0.02)
    world.once()

    first, again = world.remote.posts()
    assert again.body == first.body
    assert again.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert world.codes(A) == {"MISSION_CHANGED_SINCE_VALIDATION"}


def test_q05_an_edit_that_is_seen_before_the_next_attempt_asks_a_person_first(world: World) -> None:
    edited_while_the_answer_is_lost(world, most=1)
    slowly = {"SYNCD_RETRY__FIRST_DELAY_S": "1", "SYNCD_RETRY__LONGEST_DELAY_S": "1"}
    world.once(expect=3, **slowly)
    time.sleep(1)
    world.once(expect=3)  # it is not there yet, and is looked for once more when CACTUS must be done with it
    held, asked = world.codes(A), len(world.remote.posts())
    world.syncd("release", A)
    world.once()

    first, again = world.remote.posts()
    assert (held, asked) == ({"MISSION_CHANGED_SINCE_VALIDATION"}, 1)
    assert (again.body, again.headers["idempotency-key"]) == (first.body, first.headers["idempotency-key"])
    assert world.remote.creations() == 1
    assert world.step(A) == "awaiting_student"


def test_q05_an_edit_before_the_sending_counts_and_one_after_it_asks_a_person(world: World) -> None:
    world.missions.put(mission(1, company_siret="1"))
    world.once()
    world.missions.change(A, company_siret="13001533200013", mission_title="Avant l'envoi")
    world.once()
    world.missions.change(A, mission_title="Après l'envoi", updated_at="2025-06-06T10:00:00Z")
    world.once()
    world.once()

    (post,) = world.remote.posts()
    shown = world.show(A)
    assert json.loads(post.body)["mission"]["title"] == "Avant l'envoi"
    assert [(h["code"], h["field"]) for h in shown["holds"]] == [("MISSION_CHANGED_SINCE_VALIDATION", "mission_title")]
    assert "un administrateur décide" in shown["holds"][0]["message"]
    changes = [e["detail"] for e in shown["timeline"] if e["event"] == "mission.changed"]
    assert changes[-1] == {"fields": "mission_title"}
    assert A in [row["mission_id"] for row in world.syncd("status", "--json").json["needs_person"]]


# --------------------------------------------------------------------------------- Q06, Q07: withdrawn, validated again


def test_q06_withdrawn_before_the_sending_it_is_closed_and_nobody_hears_of_it(world: World) -> None:
    world.missions.put(mission(1, company_siret="1"), mission(2))
    world.once()
    world.missions.change(A, status="withdrawn")
    world.once()

    assert (world.step(A), world.step(B)) == ("closed", "awaiting_student")
    assert world.letters(A) == Counter()
    assert len(world.remote.posts()) == 1


def test_q06_withdrawn_while_it_is_sent_the_sending_is_finished_and_a_person_decides(world: World) -> None:
    world.missions.put(mission(1))

    def withdraw_meanwhile(request: Request, honest: Any) -> Answer:
        if request.method == "POST":
            world.missions.change(A, status="withdrawn")
        answer: Answer = honest()
        return answer

    world.remote.trap = withdraw_meanwhile
    world.once()
    world.once()

    _check_withdrawn_after(world)


def test_q06_withdrawn_after_the_sending_it_is_held_and_told_and_nothing_is_cancelled_by_itself(world: World) -> None:
    world.missions.put(mission(1))
    world.once()
    world.missions.change(A, status="withdrawn")
    world.once()

    _check_withdrawn_after(world)


def _check_withdrawn_after(world: World) -> None:
    assert world.codes(A) == {"MISSION_WITHDRAWN"}
    assert "à annuler (syncd cancel)" in world.show(A)["holds"][0]["message"]
    assert world.remote.of(A)["status"] == "initialised"
    assert not any("cancellation" in request.path for request in world.remote.requests)
    assert world.letters(A)["mission.withdrawn", "responsable@example.org"] == 1


def test_q07_validated_again_with_the_same_values_it_goes_on_and_is_not_created_again(world: World) -> None:
    world.missions.put(mission(1), mission(2, company_siret="1"))
    world.once()
    for number, mission_id in enumerate((A, B)):
        world.missions.change(mission_id, status="withdrawn", updated_at=f"2025-06-05T10:0{number}:00Z")
    world.once()
    withdrawn = world.step(A), world.step(B)

    world.missions.change(A, status="validated", updated_at="2025-06-06T10:00:00Z")
    world.missions.change(B, status="validated", updated_at="2025-06-06T10:01:00Z", company_siret="13001533200013")
    world.once()
    world.once()

    assert withdrawn == ("held", "closed")
    assert (world.step(A), world.step(B)) == ("awaiting_student", "awaiting_student")
    assert Counter(c["external_reference"] for c in world.remote.contracts.values()) == {A: 1, B: 1}
    assert len(world.remote.posts()) == 2
    assert world.letters(A)["contract.initialised", STUDENT] == 1


@pytest.mark.parametrize("field", ["mission_title", "student_email", "contract_starts_on", "validated_at"])
def test_q07_validated_again_with_other_values_a_person_decides_and_nothing_is_created_again(
    world: World, field: str
) -> None:
    other = {
        "mission_title": "Autre titre", "student_email": "autre@example.org", "contract_starts_on": "2025-10-01",
        "validated_at": "2025-06-06T09:00:00Z",
    }  # fmt: skip
    world.missions.put(mission(1))
    world.once()
    world.missions.change(A, status="withdrawn")
    world.once()

    world.missions.change(A, status="validated", updated_at="2025-06-06T10:00:00Z", **{field: other[field]})
    world.once()
    world.once()

    assert [(h["code"], h["field"]) for h in world.show(A)["holds"]] == [("MISSION_CHANGED_SINCE_VALIDATION", field)]
    assert len(world.remote.posts()) == 1
    assert world.letters(A)["contract.initialised", "autre@example.org"] == 0


# ------------------------------------------------------------------------------------------------------- Q08: identity


def test_q08_ids_are_one_whatever_their_spelling_and_names_are_left_as_they_are_written(world: World) -> None:
    decomposed = normalize("NFD", "FVMA-é-1")
    world.missions.put(
        mission(
            1, mission_id=f"  {decomposed} ", student_first_name=normalize("NFD", "Jérôme"), student_last_name="ﬁn"
        ),
        mission(2, mission_id="fvma-É-2"),
        mission(3, mission_id="FVMA-É-2"),
    )
    world.once()
    world.missions.put(mission(1, mission_id="FVMA-é-1", student_first_name="Jérôme", student_last_name="ﬁn"))
    world.once()

    references = Counter(c["external_reference"] for c in world.remote.contracts.values())
    bodies = [json.loads(post.body) for post in world.remote.posts()]
    student = next(b["student"] for b in bodies if b["external_reference"] == "FVMA-é-1")
    assert references == {"FVMA-é-1": 1, "fvma-É-2": 1, "FVMA-É-2": 1}
    assert (student["first_name"], student["last_name"]) == ("Jérôme", "ﬁn")
    assert world.syncd("show", decomposed, "--json").json["mission_id"] == "FVMA-é-1"
    assert world.syncd("show", "fvma-é-1").code == 4


# -------------------------------------------------------------------------------------------------- Q09: poison records

TEN_MEGABYTES = "é" * 5_000_000
POISON: dict[int, tuple[dict[str, Any], tuple[str, str]]] = {
    1: ({"company_siret": "13001533200014"}, ("SIRET_INVALID", "company_siret")),
    2: ({"contract_starts_on": "2025-02-31"}, ("ROW_UNREADABLE", "contract_starts_on")),
    3: ({"contract_ends_on": "2025-09-01"}, ("END_BEFORE_TRAINING_END", "contract_ends_on")),
    4: ({"student_email": "zoé@@example"}, ("STUDENT_EMAIL_INVALID", "student_email")),
    5: ({"student_last_name": "Dur\0and"}, ("FIELD_UNSAFE", "student_last_name")),
    6: ({"mission_description": TEN_MEGABYTES}, ("FIELD_UNSAFE", "mission_description")),
    7: ({"company_name": b"\xed\xa0\x80 Soci\xe9t\xe9"}, ("ROW_UNREADABLE", "company_name")),
    8: ({"hr_contact_name": "Camille\r\nBcc: x@example.org"}, ("FIELD_UNSAFE", "hr_contact_name")),
    9: ({"student_first_name": "=?UTF-8?Q?=0ABcc:_x=40example.org?="}, ("FIELD_UNSAFE", "student_first_name")),
    10: ({"academic_year": "2025-2027"}, ("CAMPAIGN_UNKNOWN", "academic_year")),
    11: ({"track": "stage"}, ("ROW_UNREADABLE", "track")),
    12: ({"admission_confirmed": 3.7}, ("ROW_UNREADABLE", "admission_confirmed")),
}
"""Mission → what is wrong with it, and the hold with its field by which people see that."""
WELL = {20: {}, 21: {"company_siret": "35600000049837"}, 22: {"student_last_name": "O'Brien <b>&amp;</b>"}}
"""Missions that nothing speaks against; one of La Poste, whose numbers are counted otherwise."""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_q09_poison_is_held_with_its_reason_and_everybody_else_flows(
    world: World, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgresql":
        world.environment["SYNCD_DATABASE__URL"] = request.getfixturevalue("postgres_url")
    world.missions.put(*(mission(number, **what) for number, (what, _) in POISON.items()))
    world.missions.put(*(mission(number, **what) for number, what in WELL.items()))
    for nameless in (None, "", " \t", "x" * 100_000, 3.5, b"\xff"):
        world.missions.put(mission(99, mission_id=nameless))

    passed = world.once()
    swept = world.syncd("reconcile")

    for number, (_, hold) in POISON.items():
        found = [(h["code"], h["field"]) for h in world.show(f"FVMA-2025-{number:04d}")["holds"]]
        assert hold in found, (number, found)
    assert {c["external_reference"] for c in world.remote.contracts.values()} == {
        f"FVMA-2025-{number:04d}" for number in WELL
    }
    assert TEN_MEGABYTES[:100] not in passed.out + swept.out + swept.err
    assert '"event": "mission.skipped", "count": 6' in swept.err
