"""Fixtures that every test room may ask for."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.store.bench import DATABASES, Bench, bench_on
from tests.support.postgres import PostgresServer, postgres_server

pytest_plugins = ["tests.support.scale"]

settings.register_profile("noisy machines", deadline=None)  # how long an example took says nothing about it
settings.load_profile("noisy machines")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for this test process, started when first asked for (see `tests.support.postgres`)."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the URL of a fresh, empty PostgreSQL database (`postgresql://…`), dropped after the test."""
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture(params=DATABASES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Ledgers on a new database, its tables not yet there: one test on each kind."""
    async with bench_on(request, tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that is tried within this process says where its log goes; the next test must not inherit that."""
    yield
    structlog.reset_defaults()
