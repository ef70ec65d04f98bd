"""The contracts as lines of text that fit a width: ids are never cut, reasons give way last. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from syncd.demo.board import AT_REST, Line
from syncd.model import Step, Track

WIDE = 118
"""From this width on every column has its full words."""
_WIDEST_REST = 64
_STATIONS = (
    Step.TO_INITIALISE, Step.AWAITING_STUDENT, Step.AWAITING_COMPANY, Step.AWAITING_DOCUMENTS, Step.TO_FETCH,
    Step.TO_REGISTER, Step.DONE,
)  # fmt: skip
_STYLES = {Step.HELD: "yellow", Step.DONE: "green", Step.CLOSED: "dim"}
_LONGEST_STEP = max(len(step) for step in Step)
_LONGEST_TRACK = max(len(track) for track in Track)
_SHORT_TRACKS = {Track.APPRENTISSAGE: "appr", Track.PROFESSIONNALISATION: "prof", None: "?"}
_SHARE_OF_HELD, _SHARE_OF_OVER = 3, 5
"""One line in three is kept for what is held and one in five for what is over, as long as others want them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """What a bar is drawn with."""

    passed: str = "■"
    ahead: str = "□"
    cut: str = "…"
    letters: str = "✉"


PLAIN = Glyphs(passed="#", ahead=".", cut="~", letters="@")
"""For terminals that know ASCII alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    title: str
    width: int
    cell: Callable[[Line], str]


def choose(lines: Sequence[Line], most: int) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Return the lines to show, moving ones first, then held, then the newest done; and those that are left out."""
    newest_first = sorted(lines, key=lambda line: line.changed_at, reverse=True)
    moving = [line for line in newest_first if line.step not in AT_REST]
    held = [line for line in lines if line.step is Step.HELD]
    over = [line for line in newest_first if line.step in AT_REST - {Step.HELD}]
    for_over = min(len(over), most // _SHARE_OF_OVER)
    for_held = min(len(held), most // _SHARE_OF_HELD)
    chosen = {line.mission_id for line in moving[: most - for_over - for_held]}
    shown = [line for line in lines if line.mission_id in chosen]
    shown += held[: most - for_over - len(shown)]
    shown += over[: most - len(shown)]
    ids = {line.mission_id for line in shown}
    return tuple(shown), tuple(line for line in lines if line.mission_id not in ids)


def draw_table(lines: Sequence[Line], *, width: int, glyphs: Glyphs) -> list[Text]:
    """Return a line of titles and one line per contract, none wider than `width`."""
    columns = _columns(lines, width)
    rest = min(max(width - sum(column.width + 1 for column in columns) - 3, 10), _WIDEST_REST)
    title = " ".join(set_cell_size(column.title, column.width) for column in columns)
    titles = Text(f"{title} {set_cell_size('where it stands', rest)} {glyphs.letters}", style="bold")
    return [titles, *(_draw(line, columns, rest, glyphs) for line in lines)]


def _columns(lines: Sequence[Line], width: int) -> list[_Column]:
    ids = max((len(line.mission_id) for line in lines), default=7)
    names = min(max((cell_len(line.who) for line in lines), default=7), 22 if width >= WIDE else 11)
    first = [_Column(title="mission", width=ids, cell=lambda line: line.mission_id),
             _Column(title="student", width=names, cell=lambda line: line.who)]  # fmt: skip
    if width < WIDE:
        return [*first, _Column(title="track", width=11, cell=_in_short)]
    return [
        *first,
        _Column(title="track", width=_LONGEST_TRACK, cell=lambda line: line.track or "?"),
        _Column(title="", width=2, cell=lambda line: line.level),
        _Column(title="campus", width=9, cell=lambda line: line.campus),
    ]


def _in_short(line: Line) -> str:
    return f"{_SHORT_TRACKS[line.track]} {line.level} {line.campus[:3]}"


def _draw(line: Line, columns: Sequence[_Column], rest: int, glyphs: Glyphs) -> Text:
    text = Text(" ".join(set_cell_size(column.cell(line), column.width) for column in columns))
    where = _where(line, rest, glyphs)
    text.append(" ").append(set_cell_size(where, rest), style=_STYLES.get(line.step, "cyan"))
    return text.append(f" {min(line.letters_sent, 99):>2}", style="dim")


def _where(line: Line, room: int, glyphs: Glyphs) -> str:
    if line.step is Step.HELD:
        return f"held {reasons_in([str(code) for code in line.holds], room - 5, glyphs)}"
    if line.step is Step.CLOSED:
        return "closed"
    station = _STATIONS.index(line.step)
    bar = glyphs.passed * station + glyphs.ahead * (len(_STATIONS) - 1 - station)
    where = f"{bar} {line.step:<{_LONGEST_STEP}} {line.awaited}".rstrip()
    urgent = f"{where}, urgently"
    return urgent if line.is_late and line.awaited and len(urgent) <= room else where


def reasons_in(codes: Sequence[str], room: int, glyphs: Glyphs) -> str:
    """Return as many codes as there is room for, and how many more there are."""
    for shown in range(len(codes), 0, -1):
        more = f" +{len(codes) - shown}" if shown < len(codes) else ""
        text = f"{', '.join(codes[:shown])}{more}"
        if cell_len(text) <= room:
            return text
    shortest = min(codes, key=len, default="")
    return shortest if len(shortest) <= room else f"{shortest[: max(room - 1, 0)]}{glyphs.cut}"
