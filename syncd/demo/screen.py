"""The whole screen of the demo, as lines that fit a terminal. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from syncd.demo.frame import Frame, Hint, News
from syncd.demo.table import PLAIN, Glyphs, choose, draw_table
from syncd.model import Step
from syncd.workdays import PARIS

_HIGH = 34
"""From this height on there is room for all hints and some news."""
_FEWEST_ROWS = 3


def draw_screen(frame: Frame, *, width: int, height: int, unicode: bool = True) -> list[Text]:
    """Return the lines of a screen, at most `height` of them and none wider than `width`."""
    glyphs = Glyphs() if unicode else PLAIN
    head = [*_head(frame, width), *_counts(frame, width), Text()]
    foot = [*_news(frame.news, 4 if height >= _HIGH else 1), *_hints(frame, width, 20 if height >= _HIGH else 3)]
    rows = max(height - len(head) - len(foot) - 3, _FEWEST_ROWS)
    shown, rest = choose(frame.board.lines, rows)
    table = draw_table(shown, width=width, glyphs=glyphs)
    lines = [*head, *table, _rest(rest), Text(), *foot][:height]
    for line in lines:
        line.truncate(width)
    return lines


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
    yield _labelled("CACTUS", where.cactus, "  students, companies, CFA")
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


def _rest(lines: Sequence[object]) -> Text:
    if not lines:
        return Text()
    return Text(f"… and {len(lines)} more: syncd list", style="dim")


def _news(news: Sequence[News], most: int) -> Iterator[Text]:
    for each in list(news)[-most:]:
        yield Text(f"{clock_time(each)} ", style="dim").append(each.text, style="none")


def _hints(frame: Frame, width: int, most: int) -> Iterator[Text]:
    if not frame.hints:
        return
    yield Text("Try in another terminal, in this folder:", style="bold")
    yield from _folded(frame.first_command, width)
    for hint in frame.hints[:most]:
        yield from _hint(hint, width)


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
