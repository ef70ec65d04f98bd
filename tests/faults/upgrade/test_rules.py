"""C10, L06: a migration only adds what an older version need not know, so that replicas of both can work together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.upgrade.schema import Shape, migrate_to, revisions, shape_of, uniques_of

Uniques = set[tuple[str, tuple[str, ...]]]


def breaches(before: Shape, after: Shape, uniques_before: Uniques, uniques_after: Uniques) -> Iterator[str]:
    """Yield what a version that knows the shape before could not live with."""
    for table, columns in before.items():
        if table not in after:
            yield f"{table} is gone"
            continue
        for column, (kind, may_be_empty, _) in columns.items():
            if column not in after[table]:
                yield f"{table}.{column} is gone"
            elif after[table][column][:2] != (kind, may_be_empty):
                yield f"{table}.{column} is another one"
        for column in after[table].keys() - columns.keys():
            _, may_be_empty, is_filled_in = after[table][column]
            if not (may_be_empty or is_filled_in):
                yield f"{table}.{column} must be given by who does not know it"
    for table, names in uniques_after - uniques_before:
        if table in before:
            yield f"{table} {names} must be unique now"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    is_postgres = request.param == "postgresql"
    return str(request.getfixturevalue("postgres_url")) if is_postgres else f"sqlite:///{tmp_path / 'ledger.db'}"


def test_l06_every_migration_only_adds_what_an_older_version_need_not_know(url: str) -> None:
    first, *others = revisions()
    migrate_to(url, first)
    before, uniques_before = shape_of(url), uniques_of(url)
    for revision in others:
        migrate_to(url, revision)
        after, uniques_after = shape_of(url), uniques_of(url)

        assert list(breaches(before, after, uniques_before, uniques_after)) == [], revision
        before, uniques_before = after, uniques_after


def test_a_migration_that_would_harm_an_older_version_is_caught() -> None:
    text, needed = ("VARCHAR", True, False), ("VARCHAR", False, False)
    before: Shape = {"gone": {}, "kept": {"a": text, "b": text}}
    after: Shape = {"kept": {"a": ("INTEGER", True, False), "new": needed, "filled": ("INTEGER", False, True)}}

    found = set(breaches(before, after, set(), {("kept", ("a",)), ("brand new", ("x",))}))

    assert found == {
        "gone is gone",
        "kept.a is another one",
        "kept.b is gone",
        "kept.new must be given by who does not know it",
        "kept ('a',) must be unique now",
    }
