"""Looks into a ledger, past everything that stands before it."""

import sqlite3
from contextlib import closing

import psycopg

Rows = list[tuple[object, ...]]


def rows(url: str, query: str) -> Rows:
    """Return what a query finds; nothing when the database is just down."""
    try:
        return _rows(url, query)
    except (psycopg.OperationalError, sqlite3.OperationalError):
        return []


def _rows(url: str, query: str) -> Rows:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as file:
            return file.execute(query).fetchall()
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as server:
        return server.execute(query.encode()).fetchall()


def stand(url: str) -> dict[str, str]:
    """Return where every contract stands."""
    return {str(mission_id): str(step) for mission_id, step in rows(url, "SELECT mission_id, step FROM contracts")}


def unsent(url: str) -> int:
    """Return how many letters are not sent; more than none when nobody can tell."""
    found = rows(url, "SELECT count(*) FROM letters WHERE state <> 'sent'")
    return int(str(found[0][0])) if found else 1


def unsettled(url: str) -> list[Rows]:
    """Return what still moves, and what rests, for the message of a test that failed."""
    lease = "lane, lease_owner, lease_until, due_at"
    return [
        rows(url, f"SELECT mission_id, step, asked, crashes, last_error, {lease} FROM contracts"),  # noqa: S608
        rows(url, f"SELECT mission_id, event, role, state, repeats, {lease} FROM letters WHERE state <> 'sent'"),  # noqa: S608
        rows(url, "SELECT mission_id, holds FROM contracts WHERE holds IS NOT NULL"),
    ]
