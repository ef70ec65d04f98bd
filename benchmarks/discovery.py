"""Discovering very many missions from nothing: as long for each, however many there are, and in as little memory."""

import sys
from collections.abc import Iterator

from benchmarks.databases import DATABASES, a_database
from benchmarks.sites import Run, run, write_missions
from benchmarks.table import Figure

_TENTH = 10


def measure(count: int) -> Iterator[Figure]:
    """Yield the time per row of `count` missions beside that of a tenth of them."""
    for kind in DATABASES:
        few, many = _discover(kind, count // _TENTH), _discover(kind, count)
        yield Figure(
            name=f"discovering {count:,} missions, time per row, {kind}", target=f"≤ 1.2 × of {count // _TENTH:,}",
            ratio=many.seconds / few.seconds / _TENTH,
            context={"rows_per_s": round(count / many.seconds), "peak_mb": round(many.peak_mb)},
        )  # fmt: skip


def _discover(kind: str, count: int) -> Run:
    with a_database(kind) as (folder, ledger_url):
        store_url = write_missions(folder / "fvma.sqlite3", count)
        return run([sys.executable, "-m", "benchmarks.discovering", store_url, ledger_url])
