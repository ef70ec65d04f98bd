"""The harness of the soak, in half a minute: it lives, breaks, watches, and sees a leak. The hour is a command."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.soak.breakages import BREAKAGES
from tests.faults.soak.databases import Database, SqliteFile, postgres_database
from tests.faults.soak.judgement import Limits, judge
from tests.faults.soak.plan import Plan
from tests.faults.soak.sampling import look_at
from tests.faults.soak.site import open_site
from tests.faults.soak.soak import soak
from tests.support.scale import Figures

HALF_A_MINUTE = Plan(
    lasts_s=12, at_once=4, pace_s=1.2, thinking_s=0.3, sample_every_s=0.5, breakage_s=(0.2, 0.3), pause_s=(0.05, 0.2),
    settle_s=70, limits=Limits(warm_up_s=4, window_s=2, memory_mb_per_h=20_000, step_mb=200, spare=100),
)  # fmt: skip
"""Limits as loose as so short a time wants them: what is proven here is that everything is looked at."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new, empty ledger."""
    if request.param == "sqlite":
        yield SqliteFile(tmp_path / "ledger.sqlite3")
        return
    with postgres_database(request.getfixturevalue("postgres")) as opened:
        yield opened


@pytest.mark.slow
async def test_o06_half_a_minute_of_faults_loses_nothing_and_ends_in_order(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    name = type(database).__name__
    async with open_site(name, tmp_path / "site", database, thinking_s=HALF_A_MINUTE.thinking_s) as site:
        record = await soak(site, HALF_A_MINUTE, lambda _line: None)

    assert record.findings == []
    assert record.steps.total() == record.missions >= 10
    assert set(record.breakages) == set(BREAKAGES)
    assert all(sample.rss_kb > 10_000 < sample.anonymous_kb and sample.fds > 5 for sample in record.series)
    assert any(sample.tasks for sample in record.series)
    figures.note(f"half a minute on a {name}", missions=record.missions, breakages=record.breakages.total())


LEAK = """
import asyncio, socket, threading
kept = []
async def leak():
    while True:
        kept.append((bytearray(50_000), socket.socket()))
        await asyncio.sleep(0.01)
asyncio.run(leak())
"""


async def test_o06_a_process_that_leaks_is_seen_from_outside() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LEAK)
    try:
        begun, series = time.monotonic(), []
        while (at_s := time.monotonic() - begun) < 2:
            series.append(await look_at(process.pid, at_s=at_s, ops_port=None))
            await asyncio.sleep(0.05)
    finally:
        process.kill()
        await process.wait()

    findings = judge(series, Limits(warm_up_s=0.4, window_s=0.2, memory_mb_per_h=1000)).findings

    assert [finding.split()[0] for finding in findings] == ["memory", "fds"]
