"""A row says exactly what the facts said, and only differences are written."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from syncd.model import (
    Asked,
    Event,
    Facts,
    Mission,
    MissionId,
    Notification,
    NotificationState,
    RemoteContract,
    Role,
    Step,
)
from syncd.store.codec import NotUnderstoodError, from_json, to_json
from syncd.store.columns import Instant, Json, Words
from syncd.store.rows import changed_columns, columns_of, facts_of, fingerprint, notifications_of, student_key
from syncd.store.tables import contracts
from tests.store.bench import NOW, a_mission

INSTANTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FACTS = st.builds(
    Facts,
    mission=st.builds(Mission, updated_at=INSTANTS, validated_at=st.none() | INSTANTS, submitted_at=st.none()),
    baseline=st.none() | st.builds(Mission, updated_at=INSTANTS, validated_at=st.none(), submitted_at=st.none()),
    sent=st.none(),
    remote=st.none() | st.builds(RemoteContract, generated_at=st.none() | INSTANTS, updated_at=st.none()),
    documents=st.just(()),
    notifications=st.just(()),
    rivals=st.just(()),
    **dict.fromkeys(("discovered_at",), INSTANTS),
    **{name: st.none() | INSTANTS for name in ("decided_at", "asked_at", "first_asked_at", "looked_up_at")},
    **{name: st.none() | INSTANTS for name in ("linked_at", "remote_read_at", "status_since", "not_before")},
    **{name: st.none() | INSTANTS for name in ("student_awaited_since", "company_awaited_since")},
)
DIALECTS: tuple[Dialect, ...] = (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]


@given(facts=FACTS)
@settings(max_examples=60, deadline=None)
def test_facts_become_a_row_and_the_row_becomes_the_facts(facts: Facts) -> None:
    row = {name: stored(name, value, DIALECTS[0]) for name, value in columns_of(facts).items()}

    assert facts_of(row, (), ()) == facts


@given(before=FACTS, after=FACTS)
@settings(max_examples=40, deadline=None)
def test_the_differences_added_to_the_old_row_are_the_new_row(before: Facts, after: Facts) -> None:
    assert columns_of(before) | changed_columns(before, after) == columns_of(after)
    assert changed_columns(before, before) == {}


def test_every_fact_has_a_column_of_its_name() -> None:
    others = {"documents", "notifications", "rivals"}

    assert {field.name for field in fields(Facts)} - others <= set(contracts.columns.keys())


def test_a_row_with_an_unknown_word_is_not_understood() -> None:
    row = columns_of(Facts(mission_id=a_mission().mission_id, mission=a_mission(), discovered_at=NOW))

    with pytest.raises(NotUnderstoodError):
        facts_of(row | {"asked": "perhaps"}, (), ())
    with pytest.raises(NotUnderstoodError):
        facts_of(row | {"mission": {"updated_at": "yesterday"}}, (), ())


def test_a_newer_versions_extra_keys_are_passed_over() -> None:
    assert from_json(Mission, {**dict_of(a_mission()), "new_column": 7}) == a_mission()


def test_a_touched_row_has_the_same_fingerprint_and_a_changed_one_another() -> None:
    assert fingerprint(a_mission(updated_at=NOW + timedelta(days=1))) == fingerprint(a_mission())
    assert fingerprint(a_mission(mission_title="x")) != fingerprint(a_mission())


def test_what_was_sent_decides_whose_place_is_taken() -> None:
    facts = Facts(mission_id=a_mission().mission_id, mission=a_mission(student_number="E\u0301"), discovered_at=NOW)
    sent = replace(facts, asked=Asked.UNDER_WAY, asked_at=NOW, sent=a_mission(student_number="first"))

    assert student_key(facts) == "É|2025-2026"
    assert student_key(sent) == "first|2025-2026"
    assert student_key(replace(facts, mission=a_mission(student_number=None))) is None


def test_a_letter_that_was_sent_anew_counts_as_one_sent_when_any_was() -> None:
    states = [NotificationState.SENT, NotificationState.QUEUED]

    (notification,) = notifications_of([letter_row(state) for state in states])

    assert notification == Notification(
        event=Event.REGISTRATION_REQUESTED,
        role=Role.SECRETARIAT,
        cause="",
        state=NotificationState.SENT,
        created_at=NOW,
    )
    assert notifications_of([letter_row(NotificationState.FAILED) | {"event": "new.event"}]) == ()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_an_instant_without_a_zone_is_never_stored(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="zone"):
        Instant().bind_processor(dialect)(NOW.replace(tzinfo=None))


def test_text_that_no_database_takes_is_replaced() -> None:
    assert Words().bind_processor(DIALECTS[1])("a\x00b\ud800é") == "a\ufffdb\ufffdé"


def letter_row(state: NotificationState) -> dict[str, object]:
    names = {"event": "registration.requested", "role": "secretariat", "cause": ""}
    return {**names, "state": str(state), "queued_at": NOW}


def dict_of(mission: Mission) -> dict[str, object]:
    value = to_json(mission)
    assert isinstance(value, dict)
    return value


def stored(name: str, value: object, dialect: Dialect) -> object:
    """Return what comes back from the database for this value."""
    kind = contracts.c[name].type
    if isinstance(kind, Json | Instant):
        return kind.result_processor(dialect, None)(kind.bind_processor(dialect)(value))  # type: ignore[arg-type]
    return value


def test_steps_and_answers_are_stored_as_their_words() -> None:
    facts = Facts(mission_id=a_mission().mission_id, mission=a_mission(), discovered_at=NOW, step=Step.DONE)

    assert type(columns_of(facts)["step"]) is str


@dataclass(frozen=True)
class _Odd:
    share: float


def test_what_has_no_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no JSON for float"):
        to_json(_Odd(share=0.5))
    with pytest.raises(NotUnderstoodError):
        from_json(_Odd, {"share": 0.5})


def test_a_corrected_student_number_finds_its_rivals_anew() -> None:
    before = Facts(mission_id=MissionId("A"), mission=a_mission("A"), discovered_at=NOW)
    after = replace(before, mission=a_mission("A", student_number="22001234"))

    assert changed_columns(before, after)["student_key"] == student_key(after) != student_key(before)
