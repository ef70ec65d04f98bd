"""What the adapter notices beside its answers and errors, for whoever keeps the log."""

from enum import StrEnum
from typing import Protocol


class Notice(StrEnum):
    """Something that no caller can act on and that somebody should know."""

    CONNECTION_UNTRUSTED = "connection_untrusted"
    """TLS failed: a wrong configuration, or somebody in between. A security event."""
    ENTRY_SKIPPED = "entry_skipped"
    """An entry of the change feed could not be understood; the others went on, a sweep will find its contract."""


class Notify(Protocol):
    """Is told of a notice. Must not raise."""

    def __call__(self, notice: Notice, *, count: int = 1) -> None:
        """Take note that this happened `count` times."""


def keep_silent(notice: Notice, *, count: int = 1) -> None:
    """Take no note."""
