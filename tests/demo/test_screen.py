"""The screen fits every terminal, and what people would copy is whole."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from syncd.demo.board import Board
from syncd.demo.displays import LiveScreen, PlainLines
from syncd.demo.screen import draw_screen
from syncd.demo.table import PLAIN, Glyphs, choose, draw_table, reasons_in
from syncd.model import HoldCode, Step
from tests.demo.samples import a_board, a_frame, a_line

SIZES = [(80, 24), (100, 30), (120, 40), (200, 60), (60, 16), (40, 10)]


def _screen(width: int, height: int, *, unicode: bool = True, elapsed_s: float = 65) -> list[str]:
    return [
        line.plain for line in draw_screen(a_frame(elapsed_s=elapsed_s), width=width, height=height, unicode=unicode)
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    lines = _screen(width, height)

    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize(("width", "height"), SIZES[:4])
def test_from_80_columns_on_every_address_and_every_id_is_whole(width: int, height: int) -> None:
    screen = "\n".join(_screen(width, height))

    for whole in (
        "http://127.0.0.1:43567/",
        "http://127.0.0.1:41234/",
        "var/demo/mail",
        "alias syncd='.venv/bin/syncd'",
    ):
        assert whole in screen
    ids = [word for word in screen.split() if word.startswith("FVMA")]
    assert len(ids) >= 6
    assert all(len(word) == len("FVMA-2025-0001") for word in ids)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_every_step_and_its_count_are_on_the_screen(width: int) -> None:
    words = " ".join(_screen(width, 24)).split()

    for step in Step:
        place = words.index(step)
        assert words[place + 1] == str(a_board().counts[step])


@pytest.mark.parametrize("width", [80, 120])
def test_a_hold_has_its_reason_in_full(width: int) -> None:
    held = a_line(9, Step.HELD, HoldCode.MISSION_CHANGED_SINCE_VALIDATION)

    (_, drawn) = draw_table([held], width=width, glyphs=Glyphs())

    assert "held MISSION_CHANGED_SINCE_VALIDATION" in drawn.plain


def test_as_many_reasons_are_told_as_there_is_room_for() -> None:
    codes = ["DATES_MISSING", "HR_CONTACT_MISSING", "MENTOR_MISSING"]

    assert reasons_in(codes, 80, PLAIN) == "DATES_MISSING, HR_CONTACT_MISSING, MENTOR_MISSING"
    assert reasons_in(codes, 36, PLAIN) == "DATES_MISSING, HR_CONTACT_MISSING +1"
    assert reasons_in(codes, 20, PLAIN) == "DATES_MISSING +2"
    assert reasons_in(codes, 13, PLAIN) == "DATES_MISSING"
    assert reasons_in(codes, 8, PLAIN) == "DATES_M~"


def test_what_moves_comes_first_and_something_of_the_rest_is_shown_too() -> None:
    moving = [a_line(number, Step.AWAITING_STUDENT) for number in range(1, 21)]
    held = [a_line(number, Step.HELD) for number in range(21, 26)]
    done = [a_line(number, Step.DONE) for number in range(26, 31)]

    shown, rest = choose([*moving, *held, *done], 10)

    assert [line.step for line in shown] == [Step.AWAITING_STUDENT] * 5 + [Step.HELD] * 3 + [Step.DONE] * 2
    assert shown[:5] == tuple(moving[-5:])
    assert shown[8:] == (done[-1], done[-2])
    assert len(rest) == 20


def test_where_all_have_room_all_are_shown() -> None:
    shown, rest = choose(a_board().lines, 40)

    assert len(shown) == 31
    assert rest == ()


def test_a_terminal_that_knows_ascii_alone_gets_a_bar_of_ascii() -> None:
    (titles, drawn) = draw_table([a_line(1, Step.AWAITING_COMPANY)], width=80, glyphs=PLAIN)

    assert "##.... awaiting_company" in drawn.plain
    assert titles.plain.endswith("@")


def test_hints_that_have_no_room_take_turns() -> None:
    commands = set()
    for elapsed_s in range(0, 100, 10):
        lines = _screen(80, 24, elapsed_s=elapsed_s)
        start = next(place for place, line in enumerate(lines) if line.startswith("  export"))
        commands |= {line.strip().split("  #")[0] for line in lines[start + 1 :] if line.strip()}

    assert {"syncd status", "syncd list --held", "syncd show FVMA-2025-0009"} <= commands
    assert "syncd documents add FVMA-2025-9006 --kind cerfa" in " ".join(commands)
    assert not any(command.endswith("…") for command in commands)


def test_an_empty_board_is_no_trouble() -> None:
    lines = draw_screen(a_frame(Board(), state="starting"), width=80, height=24)

    assert any("starting" in line.plain for line in lines)


def test_the_live_screen_draws_in_the_size_of_the_terminal() -> None:
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24)

    with LiveScreen(console) as live:
        live.show(a_frame())

    assert "FVMA-2025-9006" in stream.getvalue()
    assert "\x1b[?1049h" in stream.getvalue()
    assert stream.getvalue().count("\x1b[?1049l") == 1


def test_without_a_terminal_there_is_one_line_per_change_and_no_control_code() -> None:
    lines: list[str] = []
    before, after = a_line(1, Step.AWAITING_STUDENT), a_line(1, Step.AWAITING_COMPANY)
    held = a_line(2, Step.HELD, HoldCode.DATES_MISSING, HoldCode.MENTOR_MISSING)

    with PlainLines(lines.append) as plain:
        for board in (Board(lines=(before, held)), Board(lines=(before, held)), Board(lines=(after, held))):
            plain.show(a_frame(board))

    changes = [line for line in lines if "FVMA" in line]
    assert changes == [
        "11:00:00 FVMA-2025-0001 Clémence P. (apprentissage M2 marseille) awaiting_student",
        "11:00:00 FVMA-2025-0002 Clémence P. (professionnalisation M2 marseille) held: DATES_MISSING, MENTOR_MISSING",
        "11:00:00 FVMA-2025-0001 Clémence P. (apprentissage M2 marseille) awaiting_company",
    ]
    assert sum("news" in line for line in lines) == 9
    assert sum("at work" in line for line in lines) == 1
    assert all(line.isprintable() for line in lines)
