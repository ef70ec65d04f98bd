"""A database may hold anything; a mission holds only what it promises."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.missions.rows import COLUMNS, UNKNOWN_INSTANT, RowReader, mission_id_of
from syncd.adapters.missions.values import (
    Fault,
    read_boolean,
    read_day,
    read_instant,
    read_line,
    read_paragraphs,
    read_siret,
    read_track,
)
from syncd.model import Mission, Track
from tests.adapters.missions.stores import ROW

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.binary(max_size=20),
    st.text(st.characters(), max_size=40),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=-12)))),
    st.datetimes().map(str),
    st.sampled_from([*ROW.values()]),
    st.just([1]),
)
FORBIDDEN = frozenset("\x00\x1b\x85\u2028\u202e\ud800\udcff")
INSTANTS = ("updated_at", "validated_at", "submitted_at")


@given(st.lists(ANYTHING, min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_q09_any_row_becomes_a_mission_of_the_promised_types_or_is_left_out(values: list[object]) -> None:
    mission = RowReader(tuple(COLUMNS)).read(["FVMA-1", *values[1:]])

    assert mission is not None
    for name in COLUMNS:
        value = getattr(mission, name)
        if name in (*mission.unreadable, *mission.unsafe):
            assert value in (None, "", UNKNOWN_INSTANT)
        elif isinstance(value, datetime):
            assert name in INSTANTS
            assert value.utcoffset() == timedelta(0)
        elif isinstance(value, str):
            assert value == value.strip()
            assert is_normalized("NFC", value)
            assert not set(value) & FORBIDDEN
            value.encode()
        else:
            assert value is None or isinstance(value, date | bool)


@given(ANYTHING)
def test_q09_any_key_is_usable_as_it_is_or_refused(raw: object) -> None:
    key = mission_id_of(raw)

    assert key is None or (key == mission_id_of(key) == key.strip() and not set(key) & FORBIDDEN)


def test_every_field_of_a_mission_has_its_column() -> None:
    assert [*COLUMNS, "unreadable", "unsafe"] == [field.name for field in fields(Mission)]


def test_missing_columns_are_unreadable_but_for_the_optional_one() -> None:
    mission = RowReader(("mission_id", "updated_at", "status")).read(["M", "2025-06-01", None])

    assert mission is not None
    assert mission.status == ""
    assert set(mission.unreadable) == set(COLUMNS) - {"mission_id", "updated_at", "status", "submitted_at"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" Zoe\u0301 ", "Zo\u00e9"),
        ("", None),
        (" \t\n ", None),
        ("\ufb01n", "\ufb01n"),  # a ligature is a spelling, not a mistake: NFC, never NFKC
        ("a\u00a0b", "a\u00a0b"),
        ("Dupont\n", "Dupont"),
        ("a\nb", Fault.UNSAFE),
        ("a\tb", Fault.UNSAFE),
        ("a\x00", Fault.UNSAFE),
        ("a\u2029b", Fault.UNSAFE),
        ("a\u2066b", Fault.UNSAFE),
        ("a\udcffb", Fault.UNSAFE),
        ("=?UTF-8?Q?=0A?=", Fault.UNSAFE),
        ("a=?b", "a=?b"),
        ("x" * 251, Fault.UNSAFE),
        (7, Fault.UNREADABLE),
        (b"x", Fault.UNREADABLE),
    ],
)
def test_m09_a_line_is_plain_or_unsafe(raw: object, expected: object) -> None:
    assert read_line(raw, 250) == expected


def test_paragraphs_may_have_line_breaks_and_tabs_but_no_other_control() -> None:
    assert read_paragraphs("a\r\n\tb\n", 100) == "a\r\n\tb"
    assert read_paragraphs("a\vb", 100) is Fault.UNSAFE


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("130 015 332\u00a000013", "13001533200013"),
        (13001533200013, "13001533200013"),
        (5560000000099, "05560000000099"),
        (13001533200013.0, "13001533200013"),
        (Decimal(99), "00000000000099"),
        ("5560000000099", "5560000000099"),  # a text is not completed: a digit may be missing anywhere
        (1.5, Fault.UNREADABLE),
        (-1, Fault.UNREADABLE),
        (True, Fault.UNREADABLE),
        (Decimal("sNaN"), Fault.UNREADABLE),
        (float("inf"), Fault.UNREADABLE),
    ],
)
def test_q09_a_siret_is_read_from_text_and_numbers(raw: object, expected: object) -> None:
    assert read_siret(raw, 50) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2025-06-02 08:00:00", datetime(2025, 6, 2, 8, tzinfo=UTC)),
        ("2025-06-02T08:00:00Z", datetime(2025, 6, 2, 8, tzinfo=UTC)),
        ("2025-06-02T10:00:00.5+02:00", datetime(2025, 6, 2, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2025-06-02", datetime(2025, 6, 2, tzinfo=UTC)),
        (datetime(2025, 6, 2, 8), datetime(2025, 6, 2, 8, tzinfo=UTC)),  # noqa: DTZ001
        (" ", None),
        ("2025-02-31T08:00:00", Fault.UNREADABLE),
        ("0001-01-01T00:00:00+14:00", Fault.UNREADABLE),
        ("infinity", Fault.UNREADABLE),
        (1748851200, Fault.UNREADABLE),
    ],
)
def test_an_instant_is_in_utc_and_a_naive_one_was(raw: object, expected: object) -> None:
    assert read_instant(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2025-09-01", date(2025, 9, 1)),
        ("2025-09-01 00:00:00", date(2025, 9, 1)),
        ("2025-09-01T00:00:00+02:00", date(2025, 9, 1)),
        (date(2025, 9, 1), date(2025, 9, 1)),
        ("", None),
        ("2025-09-01 08:00:00", Fault.UNREADABLE),
        ("2025-02-31", Fault.UNREADABLE),
        ("01/09/2025", Fault.UNREADABLE),
        ("2025-W36-1", Fault.UNREADABLE),
        (20250901, Fault.UNREADABLE),
    ],
)
def test_q09_a_day_is_a_day_of_the_calendar(raw: object, expected: object) -> None:
    assert read_day(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(True, True), (0, False), (1, True), ("oui", True), ("Non", False), ("f", False), ("VRAI", True), (" ", None),
     (2, Fault.UNREADABLE), ("peut-être", Fault.UNREADABLE), (b"1", Fault.UNREADABLE)],
)  # fmt: skip
def test_a_boolean_is_read_from_words_of_both_languages(raw: object, expected: object) -> None:
    assert read_boolean(raw) is expected


def test_a_track_is_one_of_two_words() -> None:
    assert read_track(" Apprentissage") is Track.APPRENTISSAGE
    assert read_track("stage") is Fault.UNREADABLE
