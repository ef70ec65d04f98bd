"""SQLite is opened so that it keeps what it was given."""

from datetime import timedelta
from pathlib import Path

import pytest

from syncd.errors import Misconfigured
from syncd.store import open_ledger
from syncd.store.sqlite import has_safe_wal
from tests.store.bench import Bench, column
from tests.support.clock import FixedClock


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_wal_is_used_only_where_it_loses_no_commit(version: tuple[int, ...], is_safe: bool) -> None:
    assert has_safe_wal(version) is is_safe


@pytest.mark.parametrize(("wal", "mode"), [(True, "wal"), (False, "delete")])
async def test_every_connection_syncs_fully_and_has_the_journal_it_should(tmp_path: Path, wal: bool, mode: str) -> None:
    ledger = Bench(url=f"sqlite:///{tmp_path / 'l.db'}", wal=wal).open()

    assert await column(ledger, "PRAGMA journal_mode") == [mode]
    assert await column(ledger, "PRAGMA synchronous") == [2]
    await ledger.aclose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "nonsense"])
def test_a_ledger_that_nothing_would_keep_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        open_ledger(url, replica="r", version="1", lease=timedelta(1), message_domain="example.org", clock=FixedClock())
