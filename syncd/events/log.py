"""What a room writes its log with: given to it, never looked up."""

from collections.abc import Sequence
from typing import Protocol

Loggable = str | int | float | bool | None | Sequence[str]
"""A word, a count, a duration, or a list of words: whatever else a room holds has no way into a log."""


class Log(Protocol):
    """Writes one line per unit of work. Never raises, never waits.

    `event` is a name of the catalogue, and the method is its level; `exc_info` takes the error behind it, of which only
    the type, the place and (for our own errors) the message are written.
    """

    def debug(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> object:
        """Write what only a developer asks for."""

    def info(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> object:
        """Write that the world changed."""

    def warning(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> object:
        """Write that something went wrong, was handled, and will be tried again."""

    def error(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> object:
        """Write that a person must act."""
