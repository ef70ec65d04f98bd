"""What the process that reads a PDF and the one that asks it have agreed on: words, limits, and what travels."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from struct import Struct
from typing import Self

SIZE_PREFIX = Struct(">Q")
"""Goes before each document: its size in bytes. The answer is one word and a line feed."""


class Verdict(StrEnum):
    """What was found. The words are stored and shown: they never change."""

    SOUND = "sound"
    EMPTY = "empty"
    NOT_A_PDF = "not_a_pdf"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    """It opens with a password only; one that protects it against changes alone is sound."""
    UNREADABLE = "unreadable"
    TOO_COSTLY = "too_costly"
    """Reading it took more memory, computing time or nesting than a document of this procedure ever does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfLimits:
    """What the reading of one document may cost."""

    memory_bytes: int = 512 * 1024 * 1024
    cpu_s: int = 5
    wall_s: int = 10

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """Return the limits that `to_arguments` wrote."""
        memory_bytes, cpu_s, wall_s = map(int, arguments)
        return cls(memory_bytes=memory_bytes, cpu_s=cpu_s, wall_s=wall_s)

    def to_arguments(self) -> tuple[str, ...]:
        """Return the limits as words of a command line."""
        return tuple(map(str, astuple(self)))
