"""A log in memory, read back."""

import io
import json
from typing import Final

from syncd.events import Log
from syncd.logs import configure_logs, get_log

SECRET: Final = "camille.durand@example.org"
"""What no line may ever show."""


class Page:
    """A log in memory, read back as documents."""

    def __init__(self, level: str = "info") -> None:
        self.text = io.StringIO()
        configure_logs(level, "json", self.text)
        self.log: Log = get_log()

    def lines(self) -> list[dict[str, object]]:
        """Return every line."""
        return [json.loads(line) for line in self.text.getvalue().splitlines()]

    def line(self) -> dict[str, object]:
        """Return the only line."""
        (line,) = self.lines()
        return line
