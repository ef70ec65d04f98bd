"""Long work says how far it has come, now and then."""

from datetime import timedelta

import pytest

from syncd.jobs.progress import Progress
from tests.support.clock import FixedClock
from tests.support.log import RecordingLog


def test_short_work_says_nothing_and_long_work_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = RecordingLog(), FixedClock()
    monkeypatch.setattr("syncd.jobs.progress.log", log)
    progress = Progress("sweep.reading", clock)

    for count in range(0, 3000, 500):
        progress.reach(count)
        clock.advance(timedelta(seconds=4))

    assert [line.keys["count"] for line in log.lines] == [1500]
