"""The cursor is an accelerator: it may repeat, it may not pass what can still come."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.missions.cursor import Cursor, Position

CAP = datetime(2025, 6, 1, 12, tzinfo=UTC)
OLD, RECENT, BROKEN = "2025-06-01 11:00:00", "2025-06-01 12:00:01", "soon"


def at(updated_at: str, name: str = "M") -> Position:
    return updated_at, name


def test_a_finished_pass_goes_back_to_the_last_row_that_is_old_enough() -> None:
    cursor = Cursor(form="f").after([at(OLD, "a"), at(OLD, "b"), at(RECENT)], cap=CAP, has_more=False)

    assert cursor.kept == cursor.reading == at(OLD, "b")


def test_an_unfinished_pass_reads_on_behind_the_newest_rows() -> None:
    first = Cursor(form="f").after([at(OLD), at(RECENT)], cap=CAP, has_more=True)
    second = first.after([at(OLD, "misplaced")], cap=CAP, has_more=True)

    assert (first.kept, first.reading) == (at(OLD), at(RECENT))
    assert second.kept == at(OLD)


def test_a_row_that_cannot_be_placed_moves_nothing_and_stops_nothing() -> None:
    cursor = Cursor(form="f").after([at(BROKEN), at(OLD), at(BROKEN)], cap=CAP, has_more=False)

    assert cursor.kept == at(OLD)


def test_the_cap_itself_may_be_kept() -> None:
    cursor = Cursor(form="f").after([at("2025-06-01 12:00:00")], cap=CAP, has_more=False)

    assert cursor.kept is not None


def test_a_cursor_of_another_form_starts_over() -> None:
    text = Cursor(form="f", kept=at(OLD)).encode()

    assert Cursor.decode(text, form="g") == Cursor(form="g")


raws = st.text(st.characters(), max_size=10) | st.integers()
positions = st.none() | st.tuples(raws, raws)


@given(kept=positions, reading=positions, is_beyond=st.booleans())
def test_a_cursor_comes_back_as_it_was(kept: Position | None, reading: Position | None, is_beyond: bool) -> None:
    cursor = Cursor(form="f", kept=kept, reading=reading, is_beyond=is_beyond)
    text = cursor.encode()

    assert Cursor.decode(text, form="f") == (cursor if text is not None else Cursor(form="f"))


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_any_text_is_a_cursor_or_the_beginning(text: str) -> None:
    assert isinstance(Cursor.decode(text, form="f"), Cursor)
