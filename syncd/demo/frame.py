"""What the demo tells at one moment, before anybody decides how it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.demo.board import Board


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where people look: two web sites, and a folder as they would type it."""

    status_page: str
    cactus: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One thing to try in another terminal, and what it shows."""

    command: str
    shows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that a person or another application did."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything that is shown at one moment; `state` is one short sentence about the whole."""

    now: datetime
    elapsed: timedelta
    addresses: Addresses
    state: str
    board: Board
    letters_written: int
    news: Sequence[News] = ()
    first_command: str = ""
    hints: Sequence[Hint] = ()
