"""The whole screen of the demo, as lines that fit a terminal. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from rich.cells import cell_len
from rich.text import Text

from syncd.demo.board import AT_REST, Line
from syncd.demo.frame import Frame, Hint, News
from syncd.demo.table import PLAIN, Glyphs, choose, draw_table
from syncd.model import Step
from syncd.workdays import PARIS

_FEWEST_ROWS = 3
_HINTS_STAY = timedelta(seconds=10)


def draw_screen(frame: Frame, *, width: int, height: int, unicode: bool = True) -> list[Text]:
    """Return the lines of a screen, at most `height` of them and none wider than `width`."""
    glyphs = Glyphs() if unicode else PLAIN
    head = [*_head(frame, width), *_counts(frame, width), Text()]
    foot = [*_news(frame.news, _share(height, 8, most=6)), *_hints(frame, width, _share(height, 2, most=14))]
    rows = max(height - len(head) - len(foot) - 3, _FEWEST_ROWS)
    shown, rest = choose(frame.board.lines, rows)
    table = draw_table(shown, width=width, glyphs=glyphs)
    blanks = [Text()] * (rows - len(shown) + 1)
    lines = [*head, *table, _rest(rest), *blanks, *foot][:height]
    for line in lines:
        line.truncate(width)
    return lines


def _share(height: int, part: int, *, most: int) -> int:
    """Return how many lines something gets: few on a usual terminal of 24 lines, more on a high one."""
    return min(max(1 + (height - 20) // part, 1), most)


def count_line(frame: Frame) -> str:
    """Return how many contracts stand at each step."""
    return ", ".join(f"{step} {frame.board.counts.get(step, 0)}" for step in Step)


def clock_time(news: News) -> str:
    """Return the hour of a piece of news, in Paris."""
    return f"{news.at.astimezone(PARIS):%H:%M:%S}"


def _head(frame: Frame, width: int) -> Iterator[Text]:
    minutes, seconds = divmod(int(frame.elapsed.total_seconds()), 60)
    left, right = f" syncd demo  {minutes:02d}:{seconds:02d}  {frame.state}", "Ctrl-C ends it "
    gap = " " * max(width - cell_len(left) - len(right), 1)
    yield Text(f"{left}{gap}{right}", style="reverse")
    where = frame.addresses
    yield _labelled("status page", where.status_page, "")
    yield _labelled("CACTUS", where.cactus, "  students, companies and CFA")
    yield _labelled(
        "letters", f"{where.folder}/mail", f"  {frame.letters_written} written; "
        f"{frame.board.documents_stored} documents stored",
    )  # fmt: skip


def _labelled(label: str, value: str, note: str) -> Text:
    return Text(f" {label:<12}").append(value, style="bold").append(note, style="dim")


def _counts(frame: Frame, width: int) -> Iterator[Text]:
    """Every step has its place, so that nothing jumps while the numbers change."""
    items = [f" {step} {frame.board.counts.get(step, 0):>2}" for step in Step]
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > width:
            yield Text(line, style="cyan")
            line = ""
        line += f"{item} "
    yield Text(line, style="cyan")


def _rest(lines: Sequence[Line]) -> Text:
    if not lines:
        return Text()
    counts = Counter(line.step if line.step in AT_REST else "moving" for line in lines)
    each = ", ".join(f"{count} {word}" for word, count in counts.items())
    return Text(f"and {len(lines)} more ({each}): syncd list", style="dim")


def _news(news: Sequence[News], room: int) -> Iterator[Text]:
    shown = list(news)[-room:]
    yield from [Text()] * (room - len(shown))
    for each in shown:
        yield Text(f"{clock_time(each)} ", style="dim").append(each.text, style="none")


def _hints(frame: Frame, width: int, room: int) -> Iterator[Text]:
    """Where there is no room for all hints, they take turns."""
    yield Text("Try in another terminal, in this folder:", style="bold")
    yield from _folded(frame.first_command, width)
    pages: list[list[Text]] = [[]]
    for hint in frame.hints:
        lines = list(_hint(hint, width))
        if pages[-1] and len(pages[-1]) + len(lines) > room:
            pages.append([])
        pages[-1] += lines
    page = pages[frame.elapsed // _HINTS_STAY % len(pages)]
    yield from [*page, *[Text()] * (room - len(page))]


def _hint(hint: Hint, width: int) -> Iterator[Text]:
    if len(hint.command) + len(hint.shows) + 6 <= width:
        yield Text(f"  {hint.command}").append(f"  # {hint.shows}", style="dim")
        return
    yield from _folded(hint.command, width)


def _folded(command: str, width: int) -> Iterable[Text]:
    """A command that was cut could not be copied: it goes on in the next line."""
    room = max(width - 4, 20)
    words, line = command.split(" "), ""
    for word in words:
        if line and len(line) + 1 + len(word) > room:
            yield Text(f"  {line} \\")
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    yield Text(f"  {line}")
