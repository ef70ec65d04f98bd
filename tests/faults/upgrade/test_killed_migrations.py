"""C10: a migration that dies anywhere leaves the database as it was, and whoever comes next begins anew."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.upgrade.dump import dump_ledger, load_ledger, read_recording, recorded_revisions
from tests.faults.upgrade.schema import revision_of, revisions, shape_of
from tests.support.scale import Amount, Figures

OLDER = revisions()[:-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    is_postgres = request.param == "postgresql"
    return str(request.getfixturevalue("postgres_url")) if is_postgres else f"sqlite:///{tmp_path / 'ledger.db'}"


def killed(how: str, url: str, *numbers: int) -> subprocess.CompletedProcess[str]:
    """Migrate in processes that die."""
    command = [sys.executable, "-m", "tests.faults.upgrade.killed", how, url, *map(str, numbers)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, cwd=Path(__file__).parents[3]
    )


def prepare(url: str, revision: str) -> dict[str, list[dict[str, object]]]:
    """Fill a database as a version left it; return what must still be there afterwards."""
    if revision == "empty":
        return {}
    recording = read_recording(revision)
    load_ledger(url, recording)
    return recording.ledger


@pytest.mark.parametrize("start", ["empty", *OLDER])
def test_c10_a_migration_killed_before_any_statement_can_be_run_again(
    url: str, start: str, amount: Amount, figures: Figures
) -> None:
    before = prepare(url, start)
    step = amount(quick=9 if start == "empty" else 2, deep=1)

    ended = killed("each", url, 1, step)

    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 3
    assert revision_of(url) == revisions()[-1]
    after = dump_ledger(url)
    for table, rows in before.items():
        assert [{name: now.get(name) for name in row} for row, now in zip(rows, after[table], strict=True)] == rows
    figures.note("migrations killed", start=start, kills=int(ended.stdout), lost=0)


def test_a_migration_that_commits_each_statement_is_caught(tmp_path: Path) -> None:
    ended = killed("naive-each", f"sqlite:///{tmp_path / 'ledger.db'}", 12, 1)

    assert ended.returncode != 0
    assert "already exists" in ended.stderr


def test_c10_processes_that_migrate_at_the_same_moment_wait_for_each_other(url: str) -> None:
    prepare(url, OLDER[-1])

    ended = killed("race", url, 4)

    assert ended.returncode == 0, ended.stderr
    assert revision_of(url) == revisions()[-1]


def test_c10_whoever_waits_for_a_migration_that_is_killed_does_it(url: str) -> None:
    ended = killed("wait", url, 15)

    assert ended.returncode == 0, ended.stderr
    assert revision_of(url) == revisions()[-1]
    assert "contracts" in shape_of(url)


def test_every_older_revision_is_tried() -> None:
    assert set(OLDER) <= set(recorded_revisions())
