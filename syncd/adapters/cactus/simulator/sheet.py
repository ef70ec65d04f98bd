"""Draws a form on paper: labelled boxes in columns, with a banner over each section, and text that always fits."""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color, HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
MARGIN = 26.0
ROW_HEIGHT = 18.4
LABEL_SIZE = 8.1
VALUE_SIZE = 8.9
SMALLEST_SIZE = 5.0
BOX_COLOUR = HexColor(0xE6E8EE)
BANNER_COLOUR = HexColor(0xD5DAE4)
VALUE_COLOUR = HexColor(0x10295E)
WATERMARK_COLOUR = Color(0.75, 0.1, 0.15, alpha=0.11)
BARRED_LETTERS = str.maketrans("ŁłĐđĦħŦŧı", "LlDdHhTti")
"""Letters that Unicode does not take apart into a letter and a mark."""
PLAIN, BOLD, ITALIC = "Helvetica", "Helvetica-Bold", "Helvetica-Oblique"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A label and the box after it. `share` is its part of the row's width."""

    label: str
    value: str = ""
    share: float = 1.0
    is_bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """A label and squares to tick."""

    label: str
    options: tuple[str, ...]
    ticked: str = ""
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Words alone."""

    text: str
    font: str = BOLD
    share: float = 1.0


Cell = Box | Ticks | Words
Row = tuple[Cell, ...]


class Sheet:
    """A document under construction, from the top of each page downwards. Equal input gives equal bytes."""

    def __init__(self, title: str, *, subject: str) -> None:
        self._bytes = io.BytesIO()
        self.canvas = Canvas(self._bytes, pagesize=A4, invariant=1, pageCompression=1)
        self.canvas.setTitle(latin(title))
        self.canvas.setSubject(latin(subject))
        self.canvas.setAuthor("Simulateur CACTUS")
        self.y = HEIGHT - MARGIN

    def begin_page(self) -> None:
        """Start at the top of a page."""
        self.canvas.setLineWidth(0.6)
        self.y = HEIGHT - MARGIN

    def banner(self, title: str) -> None:
        """Draw the title of a section over the whole width."""
        height = 17.0
        self.canvas.setFillColor(BANNER_COLOUR)
        self.canvas.rect(MARGIN, self.y - height, WIDTH - 2 * MARGIN, height, stroke=1, fill=1)
        self.text(title, WIDTH / 2, self.y - height + 5, font=BOLD, size=10.5, anchor="middle")
        self.y -= height + 4

    def columns(self, *columns: Sequence[Row]) -> None:
        """Draw columns of rows beside each other, and go on below the longest."""
        gap = 12.0
        width = (WIDTH - 2 * MARGIN - 8 - gap * (len(columns) - 1)) / len(columns)
        for number, rows in enumerate(columns):
            for line, row in enumerate(rows):
                self._row(row, MARGIN + 4 + number * (width + gap), self.y - (line + 1) * ROW_HEIGHT, width)
        self.y -= max(len(rows) for rows in columns) * ROW_HEIGHT + 6

    def text(
        self, words: str, x: float, y: float, *, font: str = PLAIN, size: float = LABEL_SIZE, anchor: str = "start"
    ) -> None:
        """Write one line."""
        self.canvas.setFillColor(black)
        self.canvas.setFont(font, size)
        draw = {"start": self.canvas.drawString, "middle": self.canvas.drawCentredString}[anchor]
        draw(x, y, latin(words))

    def frame(self, top: float, bottom: float) -> None:
        """Draw the border around everything between two heights."""
        self.canvas.rect(MARGIN, bottom, WIDTH - 2 * MARGIN, top - bottom, stroke=1, fill=0)

    def finish_page(self, footer: str) -> None:
        """Mark the page as a specimen and end it."""
        self.text(footer, WIDTH / 2, MARGIN - 11, size=6.6, anchor="middle")
        self.canvas.saveState()
        self.canvas.translate(WIDTH / 2, HEIGHT / 2)
        self.canvas.rotate(52)
        self.canvas.setFillColor(WATERMARK_COLOUR)
        self.canvas.setFont(BOLD, 118)
        self.canvas.drawCentredString(0, -40, "SPÉCIMEN")
        self.canvas.restoreState()
        self.canvas.showPage()

    def content(self) -> bytes:
        """Return the finished PDF."""
        self.canvas.save()
        return self._bytes.getvalue()

    def _row(self, row: Row, x: float, y: float, width: float) -> None:
        total = sum(cell.share for cell in row)
        for cell in row:
            cell_width = width * cell.share / total
            self._cell(cell, x, y, cell_width)
            x += cell_width

    def _cell(self, cell: Cell, x: float, y: float, width: float) -> None:
        match cell:
            case Words():
                self.text(cell.text, x, y + 5.6, font=cell.font)
            case Ticks():
                self._ticks(cell, x, y)
            case Box():
                self._box(cell, x, y, width)

    def _box(self, box: Box, x: float, y: float, width: float) -> None:
        font = BOLD if box.is_bold else PLAIN
        self.text(box.label, x, y + 5.6, font=font)
        left = x + _width(box.label, font, LABEL_SIZE) + (3 if box.label else 0)
        room = x + width - left - 3
        self.canvas.setFillColor(BOX_COLOUR)
        self.canvas.rect(left, y + 1.4, room, ROW_HEIGHT - 3.4, stroke=0, fill=1)
        value, size = fitted(box.value, room - 5)
        self.canvas.setFillColor(VALUE_COLOUR)
        self.canvas.setFont(PLAIN, size)
        self.canvas.drawString(left + 2.5, y + 5.6, value)

    def _ticks(self, ticks: Ticks, x: float, y: float) -> None:
        self.text(ticks.label, x, y + 5.6)
        x += _width(ticks.label, PLAIN, LABEL_SIZE) + (7 if ticks.label else 0)
        for option in ticks.options:
            self.canvas.setFillColor(white)
            self.canvas.rect(x, y + 4.6, 8, 8, stroke=1, fill=1)
            if option == ticks.ticked:
                self.text("X", x + 4, y + 5.9, font=BOLD, size=8, anchor="middle")
            self.text(option, x + 11, y + 5.6)
            x += 11 + _width(option, PLAIN, LABEL_SIZE) + 10


def latin(text: str) -> str:
    """Return the text in the letters that the standard PDF fonts have; others lose their marks or become `?`."""
    if text.isascii():
        return text
    return "".join(_latin_letter(letter) for letter in unicodedata.normalize("NFC", text.translate(BARRED_LETTERS)))


def fitted(text: str, room: float) -> tuple[str, float]:
    """Return a text and a font size that fit into a width: smaller first, then shortened."""
    text = latin(" ".join(text.split()))
    wanted = stringWidth(text, PLAIN, VALUE_SIZE)
    if wanted <= room:
        return text, VALUE_SIZE
    size = max(SMALLEST_SIZE, VALUE_SIZE * room / wanted)
    while text and stringWidth(text + "…", PLAIN, size) > room and size == SMALLEST_SIZE:
        text = text[:-1]
    return (text + "…" if size == SMALLEST_SIZE else text), size


def _width(text: str, font: str, size: float) -> float:
    return float(stringWidth(latin(text), font, size))


def _latin_letter(letter: str) -> str:
    for form in (letter, unicodedata.normalize("NFKD", letter)):
        kept = "".join(sign for sign in form if not unicodedata.combining(sign))
        if kept and _is_latin(kept):
            return kept
    return "?"


def _is_latin(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
