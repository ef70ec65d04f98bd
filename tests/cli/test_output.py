"""How every command speaks."""

import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import click
import pytest

from syncd.cli.output import CommandFailed, Exit, exit_code_for, fail, print_json, print_table
from syncd.errors import (
    CredentialsRefused,
    CursorExpired,
    Misconfigured,
    OutcomeUnknown,
    RefusalCode,
    Refused,
    SyncdError,
    Transient,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Misconfigured("x"), 78),
        (CredentialsRefused("x"), 77),
        (Transient("x", is_general=True), 69),
        (Transient("x"), 75),
        (OutcomeUnknown("x"), 69),
        (OutcomeUnknown("x", is_general=False), 75),
        (Refused("x", code=RefusalCode.NOT_FOUND), 4),
        (Refused("x"), 1),
        (CursorExpired("x"), 1),
        (CommandFailed("x", exit_code=Exit.UNHEALTHY), 6),
    ],
)
def test_every_error_has_its_exit_code(error: SyncdError, expected: int) -> None:
    assert exit_code_for(error) == expected


def test_people_read_an_error_and_what_to_do_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit) as caught:
        fail(Transient("CACTUS is unreachable", hint="Try again later."))

    out, err = capsys.readouterr()
    assert caught.value.exit_code == Exit.TRY_AGAIN_LATER
    assert (out, err) == ("", "syncd: CACTUS is unreachable\n  → Try again later.\n")


def test_scripts_read_an_error_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit):
        fail(CommandFailed("no such mission", exit_code=Exit.NOTHING_MATCHES), as_json=True)

    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {"error": {"code": "nothing_matches", "message": "no such mission", "hint": None}}


def test_json_has_iso_dates_and_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass
    class Row:
        day: date

    print_json(
        {
            "row": Row(date(2025, 11, 1)),
            "at": datetime(2025, 11, 1, 8, tzinfo=UTC),
            "for": timedelta(minutes=1),
            "file": Path("é"),
            "set": frozenset({"b", "a"}),
        }
    )

    out = capsys.readouterr().out
    assert "é" in out
    assert json.loads(out) == {
        "row": {"day": "2025-11-01"},
        "at": "2025-11-01T08:00:00+00:00",
        "for": 60,
        "file": "é",
        "set": ["a", "b"],
    }


def test_a_piped_table_is_aligned_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "FVMA-2025-" + "0" * 300

    print_table(("mission", "step"), [(long, "held"), ("[bold]F", None)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{long}  held"
    assert lines[2] == "[bold]F"
    assert lines[0].split() == ["mission", "step"]


class Terminal(StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_table_on_a_terminal_has_a_frame_and_takes_no_text_for_markup() -> None:
    terminal = Terminal()

    with redirect_stdout(terminal):
        print_table(("mission", "step"), [("[bold]F", "held")], title="Contracts")

    assert "[bold]F" in terminal.getvalue()
    assert "│" in terminal.getvalue()


def test_what_has_no_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no JSON for a complex"):
        print_json({"x": 1j})


def test_nothing_that_is_shown_can_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("title",), [("a\x1b[2Jb\tc",)])

    assert capsys.readouterr().out.splitlines()[1] == "a�[2Jb�c"
