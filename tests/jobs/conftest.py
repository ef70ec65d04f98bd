"""One workshop per test, and a look at every line that its jobs log."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from syncd.events import check, entry_of, loggable
from tests.jobs.workshop import Workshop, open_workshop


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    """The jobs of one process on a new ledger."""
    async with open_workshop(tmp_path, tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[EventDict]]:
    """Everything that was logged; a name, key or level that the catalogue does not have fails the test."""
    with capture_logs() as logged:
        yield logged
    for line in logged:
        name, keys = line["event"], set(line) - {"event", "log_level", "exc_info"}
        check(name, keys)
        entry = entry_of(name)
        assert entry is not None
        assert line["log_level"] == entry.level
        assert keys <= loggable(name)
