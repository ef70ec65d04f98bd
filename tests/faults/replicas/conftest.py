"""Fixtures of the tests of replicas."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.store.bench import Bench, bench_on

A_LEASE = timedelta(minutes=1)
SKEW = timedelta(minutes=5)
SHORT_LEASE_S = 2.0


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """A ledger on PostgreSQL."""
    request.param = "postgresql"
    async with bench_on(request, tmp_path) as opened:
        yield opened
