"""Boards and frames to draw."""

from collections import Counter
from datetime import timedelta

from syncd.demo.board import AT_REST, Board, Line
from syncd.demo.frame import Addresses, Frame, News
from syncd.demo.hints import hints_for
from syncd.model import HoldCode, MissionId, Step, Track
from tests.support.clock import A_TUESDAY

STEPS = tuple(Step)
LEFT = MissionId("FVMA-2025-0006")


def a_line(number: int, step: Step, *holds: HoldCode) -> Line:
    """Return a contract that changed at the minute of its number."""
    return Line(
        mission_id=MissionId(f"FVMA-2025-{number:04d}"),
        who="Clémence P.",
        track=Track.PROFESSIONNALISATION if number % 2 == 0 else Track.APPRENTISSAGE,
        level="M2",
        campus="marseille",
        step=step,
        awaited="" if step in AT_REST else "the student",
        holds=holds,
        is_late=number == 1,
        letters_sent=number,
        changed_at=A_TUESDAY + timedelta(minutes=number),
    )


def a_board(count: int = 30) -> Board:
    """Return a board with contracts at every step."""
    lines = []
    for number in range(1, count + 1):
        step = STEPS[number % len(STEPS)]
        holds = (HoldCode.MISSION_CHANGED_SINCE_VALIDATION, HoldCode.MANUAL_HOLD) if step is Step.HELD else ()
        lines.append(a_line(number, step, *holds))
    lines.append(a_line(int(LEFT[-4:]) + 9000, Step.AWAITING_DOCUMENTS))
    return Board(lines=tuple(lines), documents_stored=12, counts=Counter(line.step for line in lines))


def a_frame(board: Board | None = None, *, state: str = "at work", elapsed_s: float = 65) -> Frame:
    """Return a frame of a board, with news and hints."""
    board = board if board is not None else a_board()
    folder = "var/demo"
    return Frame(
        now=A_TUESDAY,
        elapsed=timedelta(seconds=elapsed_s),
        addresses=Addresses(status_page="http://127.0.0.1:43567/", cactus="http://127.0.0.1:41234/", folder=folder),
        state=state,
        board=board,
        letters_written=57,
        news=tuple(News(at=A_TUESDAY, text=f"news {number}") for number in range(9)),
        first_command="export SYNCD_CONFIG=var/demo/syncd.toml; alias syncd='.venv/bin/syncd'",
        hints=hints_for(board, folder=folder, left=frozenset(line.mission_id for line in board.lines[-1:])),
    )
