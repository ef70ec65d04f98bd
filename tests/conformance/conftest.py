"""One ledger per test, on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.bench import DATABASES, Bench, bench_on


@pytest.fixture(params=DATABASES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """A ledger, its tables not yet there."""
    async with bench_on(request, tmp_path) as opened:
        yield opened
