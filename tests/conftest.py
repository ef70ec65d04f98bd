"""Fixtures that every test room may ask for."""

from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer, postgres_server


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
