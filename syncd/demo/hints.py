"""What to try next in another terminal, with ids of contracts that stand where it is interesting. Pure."""

from collections.abc import Callable, Iterator
from pathlib import PurePath

from syncd.demo.board import Board, Line
from syncd.demo.frame import Hint
from syncd.model import DocumentKind, HoldCode, MissionId, Step, Track


def hints_for(board: Board, *, folder: str, left: frozenset[MissionId]) -> tuple[Hint, ...]:
    """Return what can be tried now; `folder` is the demo's, as it is typed, `left` are missions that await papers."""
    return tuple(_hints(board, folder, left))


def paper_name(mission_id: MissionId, kind: DocumentKind) -> str:
    """Return the file name of a paper that waits to be handed over."""
    return f"{kind}-{mission_id.rpartition('-')[2]}.pdf"


def _hints(board: Board, folder: str, left: frozenset[MissionId]) -> Iterator[Hint]:
    yield Hint(command="syncd status", shows="where everything stands")
    yield Hint(command="syncd list --held", shows="what is held back, and why")
    changed = _first(board, lambda line: HoldCode.MISSION_CHANGED_SINCE_VALIDATION in line.holds)
    done = _first(board, lambda line: line.step is Step.DONE and line.track is Track.APPRENTISSAGE)
    shown = changed or done or next(iter(board.lines), None)
    if shown is not None:
        yield Hint(command=f"syncd show {shown.mission_id}", shows="one contract, whole")
    if changed is not None:
        yield Hint(command=f"syncd release {changed.mission_id}", shows="let it go on as it is now")
    if done is not None:
        yield Hint(
            command=f"syncd documents export {done.mission_id} --kind cerfa --output cerfa.pdf", shows="its Cerfa"
        )
        yield Hint(command=f"syncd mail preview {done.mission_id} --event documents.available", shows="a letter")
        yield Hint(command=f"syncd resync {done.mission_id} --wait", shows="ask everything again")
        yield Hint(command=f"syncd mail list {done.mission_id}", shows="its letters")
    yield from _papers(board, folder, left)
    yield Hint(command=f"ls {folder}/mail", shows="all letters: open one with a mail program")


def _papers(board: Board, folder: str, left: frozenset[MissionId]) -> Iterator[Hint]:
    waiting = _first(board, lambda line: line.step is Step.AWAITING_DOCUMENTS and line.mission_id in left)
    if waiting is None:
        return
    for kind in DocumentKind:
        file = PurePath(folder) / "papers" / paper_name(waiting.mission_id, kind)
        command = f"syncd documents add {waiting.mission_id} --kind {kind} {file}"
        yield Hint(command=command, shows="hand its paper over")


def _first(board: Board, fits: Callable[[Line], bool]) -> Line | None:
    return next((line for line in board.lines if fits(line)), None)
