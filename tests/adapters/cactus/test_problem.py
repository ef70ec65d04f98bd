"""An error answer is read with care: its type, our own field names, an id, and how long to wait."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.adapters.cactus.exchange import Answer
from syncd.adapters.cactus.problem import FIELD_PATHS, read_problem, retry_delay

NOW = datetime(2025, 9, 2, 9, 0, tzinfo=UTC)


def problem_of(said: object) -> Answer:
    return Answer(status=422, headers={}, body=json.dumps(said).encode())


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (None, None),
        ("0", timedelta()),
        ("120", timedelta(seconds=120)),
        (" 120 ", timedelta(seconds=120)),
        ("0120", timedelta(seconds=120)),
        ("9999", timedelta(hours=1)),
        ("315360000", timedelta(hours=1)),
        ("9" * 5_000, timedelta(hours=1)),
        ("-5", timedelta()),
        ("soon", None),
        ("", None),
        ("1e3", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), timedelta()),
        (format_datetime(NOW + timedelta(days=3650), usegmt=True), timedelta(hours=1)),
        ("Tue, 02 Sep 2025 09:00:30", timedelta(seconds=30)),
        ("Tue, 32 Sep 2025 09:00:30 GMT", None),
        ("Tue, 02 Sep 99999 09:00:30 GMT", None),
    ],
)
def test_r12_retry_after_is_honoured_up_to_an_hour(value: str | None, wait: timedelta | None) -> None:
    assert retry_delay(value, now=NOW) == wait


@settings(deadline=None)
@given(st.text(max_size=40))
def test_r12_no_retry_after_whatever_it_says_hurts(value: str) -> None:
    wait = retry_delay(value, now=NOW)

    assert wait is None or timedelta() <= wait <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"type": "key-reused"}, "key-reused"),
        ({"type": "KEY_REUSED"}, "key-reused"),
        ({"type": "https://cactus.example.org/problems/key-reused"}, "key-reused"),
        ({"type": "https://cactus.example.org/problems#key-reused"}, "key-reused"),
        ({"type": "urn:problem:key-reused/"}, "key-reused"),
        ({"type": "about:blank", "title": "Key reused"}, "key-reused"),
        ({"title": "key-reused"}, "key-reused"),
        ({"type": 5, "title": ["x"]}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_type_of_a_problem_is_found_however_it_is_written(said: object, word: str) -> None:
    assert read_problem(problem_of(said)).word == word


@pytest.mark.parametrize(
    ("named", "ours"),
    [
        ("student.email", "student.email"),
        ("/student/email", "student.email"),
        ("body.student.email", "student.email"),
        ("student[email]", "student.email"),
        ("#/company/siret", "company.siret"),
        ("academic_year", "academic_year"),
        ("jerome.lefevre@example.org", "a field unknown here"),
        ("student.email jerome", "a field unknown here"),
        ("", "a field unknown here"),
    ],
)
def test_r09_a_field_is_named_only_when_it_is_ours(named: str, ours: str) -> None:
    assert read_problem(problem_of({"errors": [{"field": named, "message": "secret"}]})).fields == (ours,)


@pytest.mark.parametrize("errors", [None, {}, "x", [None, 1, "x", [], {}, {"field": 5}]])
def test_errors_in_another_shape_name_no_field(errors: object) -> None:
    assert read_problem(problem_of({"errors": errors})).fields == ()


@settings(deadline=None)
@given(st.text(max_size=60))
def test_r09_nothing_of_a_server_s_words_comes_through(named: str) -> None:
    fields = read_problem(problem_of({"errors": [{"field": named, "message": named}], "detail": named})).fields

    assert set(fields) <= FIELD_PATHS | {"a field unknown here"}


@pytest.mark.parametrize("strange", [None, 5, "", "..", "a b", "x" * 500])
def test_an_id_that_could_not_be_one_is_left_out(strange: object) -> None:
    assert read_problem(problem_of({"contract_id": strange})).contract_id is None
