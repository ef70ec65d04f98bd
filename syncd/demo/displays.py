"""How a demo is told: as a live screen on a terminal, as plain lines anywhere else."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live

from syncd.demo.board import Line
from syncd.demo.frame import Frame
from syncd.demo.screen import clock_time, count_line, draw_screen
from syncd.model import HoldCode, MissionId, Step
from syncd.workdays import PARIS


class Display(Protocol):
    """Shows frame after frame between entering and leaving."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a terminal is as it was before."""

    def show(self, frame: Frame) -> None:
        """Show what is new in this frame."""


class LiveScreen:
    """Draws the whole screen anew for each frame, on the terminal's second page."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Turn to the second page."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Turn back to the first page."""
        self._live.__exit__(kind, error, trace)

    def show(self, frame: Frame) -> None:
        """Draw the frame in the size that the terminal has now."""
        width, height = self._console.size
        lines = draw_screen(frame, width=width, height=height, unicode=self._console.encoding.startswith("utf"))
        self._live.update(Group(*lines), refresh=True)


class PlainLines:
    """Writes one line for each thing that changed, without any control code."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._known: dict[MissionId, tuple[Step, tuple[HoldCode, ...]]] = {}
        self._told = 0
        self._state = ""

    def __enter__(self) -> Self:
        """There is nothing to begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to end."""

    def show(self, frame: Frame) -> None:
        """Write what changed since the last frame."""
        for news in frame.news[self._told :]:
            self._write(f"{clock_time(news)} {news.text}")
        self._told = len(frame.news)
        hour = f"{frame.now.astimezone(PARIS):%H:%M:%S}"
        for line in frame.board.lines:
            if self._known.get(line.mission_id) != (line.step, line.holds):
                self._known[line.mission_id] = (line.step, line.holds)
                self._write(f"{hour} {_told(line)}")
        if frame.state != self._state:
            self._state = frame.state
            self._write(f"{hour} {frame.state}{f' ({count_line(frame)})' if frame.board.lines else ''}")


def _told(line: Line) -> str:
    why = f": {', '.join(line.holds)}" if line.holds else ""
    return f"{line.mission_id} {line.who} ({line.track or '?'} {line.level} {line.campus}) {line.step}{why}"
