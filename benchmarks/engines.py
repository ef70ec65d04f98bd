"""Initialisations per second of syncd and of other engines: the same durable job, with the same client."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.databases import a_database
from benchmarks.initialise import CONCURRENCY, of_syncd
from benchmarks.sites import ROOT, remote_site, run, write_missions
from benchmarks.table import Figure

_PEERS = ROOT / ".venv-peers" / "bin" / "python"
_ENGINES = {
    "dbos": ("PostgreSQL", "≥ 5"),
    "procrastinate": ("PostgreSQL", "≥ 5"),
    "pgqueuer": ("PostgreSQL", "≥ 1.5"),
    "celery": ("Redis", "≥ 1.5"),
    "huey": ("SQLite", "≥ 1.5"),
}
"""Where each keeps its jobs, and how far behind it is to be. With Redis, ours is on PostgreSQL."""
_ROUNDS = 3


def measure(count: int) -> Iterator[Figure]:
    """Yield our rate beside each engine's: both in turns, the median of the pairs."""
    for engine, (kind, target) in _ENGINES.items():
        ours = "SQLite" if kind == "SQLite" else "PostgreSQL"
        pairs = [(_theirs(engine, kind, count), of_syncd(ours, count)) for _ in range(_ROUNDS)]
        yield Figure(
            name=f"initialisations, syncd on {ours} beside {engine} on {kind}",
            ratio=median(mine / other for other, mine in pairs), target=target,
            context={"engine_per_s": round(median(other for other, _ in pairs)),
                     "syncd_per_s": round(median(mine for _, mine in pairs))},
        )  # fmt: skip


def _theirs(engine: str, kind: str, count: int) -> float:
    with _queue(kind) as (folder, queue_url), remote_site(0) as remote:
        store = write_missions(folder / "fvma.sqlite3", count)
        module = f"benchmarks.peers.with_{engine}"
        run([str(_PEERS), "-m", module, remote.url, store, queue_url, str(CONCURRENCY)])
        seen = remote.posts()
        assert seen.contracts == count
        return seen.per_second


@contextmanager
def _queue(kind: str) -> Iterator[tuple[Path, str]]:
    if kind == "PostgreSQL":
        with a_database(kind) as found:
            yield found
        return
    with TemporaryDirectory(prefix="syncd-bench-") as folder:
        if kind == "SQLite":
            yield Path(folder), f"{folder}/queue.sqlite3"
            return
        with _redis(Path(folder)) as url:
            yield Path(folder), url


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """Run a Redis that appends every write to its log before it answers, on a socket of its own."""
    server, socket = shutil.which("redis-server"), folder / "redis.sock"
    if server is None:
        raise RuntimeError("there is no redis-server: apt-get install redis-server")
    durable = ["--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--appendfsync", "always"]
    with subprocess.Popen([server, *durable, "--dir", str(folder)], stdout=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            while not socket.exists():
                os.sched_yield()
            yield f"redis+socket://{socket}"
        finally:
            process.terminate()
