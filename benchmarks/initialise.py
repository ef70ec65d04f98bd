"""Initialisations per second: syncd, which keeps what it does, against the same client that keeps nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.databases import DATABASES, a_database
from benchmarks.sites import Site, remote_site, run, write_missions
from benchmarks.table import Figure
from tests.support.environment import without_settings

CONCURRENCY = 50
_ROUNDS = 3
_TARGETS = ("≥ 0.80", "≥ 0.75")


def measure(count: int, latencies_ms: tuple[float, ...] = (0, 5, 20)) -> Iterator[Figure]:
    """Yield the ratio at each latency: the two sides in turns, the median of the pairs."""
    for latency_ms in latencies_ms:
        rounds = [
            (_bare(count, latency_ms), *(of_syncd(kind, count, latency_ms) for kind in DATABASES))
            for _ in range(_ROUNDS)
        ]
        for place, (kind, target) in enumerate(zip(DATABASES, _TARGETS, strict=True), 1):
            yield Figure(
                name=f"initialisations, {kind}, {latency_ms:g} ms of latency",
                ratio=median(one[place] / one[0] for one in rounds), target=target,
                context={"bare_per_s": round(median(one[0] for one in rounds)),
                         "syncd_per_s": round(median(one[place] for one in rounds))},
            )  # fmt: skip


def _bare(count: int, latency_ms: float) -> float:
    with TemporaryDirectory() as folder, remote_site(latency_ms) as remote:
        store = write_missions(Path(folder) / "fvma.sqlite3", count)
        run([sys.executable, "-m", "benchmarks.bare", remote.url, store, str(CONCURRENCY)])
        return remote.posts().per_second


def of_syncd(kind: str, count: int, latency_ms: float = 0) -> float:
    """Return how many missions a second one pass of syncd initialises, its ledger on this database.

    Letters are on, and yield: most leave after the last request, when nothing is measured any more. They are not waited
    for.
    """
    with a_database(kind) as (folder, url), remote_site(latency_ms) as remote:
        store = write_missions(folder / "fvma.sqlite3", count)
        with one_pass(Site(folder, store, remote.url, {"DATABASE__URL": url})) as process:
            while remote.contracts() < count:
                assert process.poll() is None, "the pass ended before all was done"
                time.sleep(0.1)
        seen = remote.posts()
        assert (seen.contracts, seen.posts) == (count, count)
        return seen.per_second


@contextmanager
def one_pass(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Run one pass of syncd for as long as it is looked at."""
    command = [sys.executable, "-m", "syncd", "run", "--once"]
    with (
        (site.folder / "pass.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603
            command, cwd=site.folder, env=without_settings() | site.environment, stdout=log, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
