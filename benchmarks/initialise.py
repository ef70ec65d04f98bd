"""Initialisations per second: syncd, which keeps what it does, against the same client that keeps nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.databases import a_database
from benchmarks.sites import Site, remote_site, run, write_missions
from benchmarks.table import Figure

CONCURRENCY = 50
_ROUNDS = 3


def measure(count: int, latencies_ms: tuple[float, ...] = (0, 5, 20)) -> Iterator[Figure]:
    """Yield the ratio at each latency: the two sides in turns, the median of the pairs."""
    for latency_ms in latencies_ms:
        pairs = [(_bare(count, latency_ms), of_syncd("SQLite", count, latency_ms)) for _ in range(_ROUNDS)]
        yield Figure(
            name=f"initialisations, SQLite, {latency_ms:g} ms of latency",
            ratio=median(ours / bare for bare, ours in pairs), target="≥ 0.80",
            context={"bare_per_s": round(median(bare for bare, _ in pairs)),
                     "syncd_per_s": round(median(ours for _, ours in pairs))},
        )  # fmt: skip


def _bare(count: int, latency_ms: float) -> float:
    with TemporaryDirectory() as folder, remote_site(latency_ms) as remote:
        store = write_missions(Path(folder) / "fvma.sqlite3", count)
        run([sys.executable, "-m", "benchmarks.bare", remote.url, store, str(CONCURRENCY)])
        return remote.posts().per_second


def of_syncd(kind: str, count: int, latency_ms: float = 0) -> float:
    """Return how many missions a second one pass of syncd initialises, its ledger on this database."""
    with a_database(kind) as (folder, url), remote_site(latency_ms) as remote:
        store = write_missions(folder / "fvma.sqlite3", count)
        Site(folder, store, remote.url, {"DATABASE__URL": url}).syncd("run", "--once")
        seen = remote.posts()
        assert (seen.contracts, seen.posts) == (count, count)
        return seen.per_second
