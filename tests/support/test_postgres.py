"""The PostgreSQL fixture keeps its own promises."""

import psycopg

from tests.support.postgres import PostgresServer


def test_two_databases_share_nothing(postgres: PostgresServer, postgres_url: str) -> None:
    with postgres.fresh_database() as other, psycopg.connect(other, autocommit=True) as connection:
        connection.execute("CREATE TABLE here (id int)")

        with psycopg.connect(postgres_url) as elsewhere:
            tables = elsewhere.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'here'").fetchone()

    assert tables == (0,)


def test_a_database_is_dropped_even_while_somebody_is_connected(postgres: PostgresServer) -> None:
    with postgres.fresh_database() as url:
        forgotten = psycopg.connect(url)

    with psycopg.connect(postgres.url("postgres")) as connection:
        left = connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'test_%'").fetchone()
    assert left == (0,)
    forgotten.close()
