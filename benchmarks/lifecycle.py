"""Whole lives of contracts per second: syncd, which keeps what it does, against the bare sum of the same work.

A life is one POST, an entry of the feed, two documents that are checked and encrypted, and seven mails in a folder.
They are counted from the first request for a contract to the last letter that was written.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.daemons import running
from benchmarks.databases import DATABASES, a_database
from benchmarks.initialise import CONCURRENCY
from benchmarks.sites import RemoteSite, Site, remote_site, run, write_missions
from benchmarks.table import Figure
from tests.world.missions import mission

POLL_S = 1
_MAILS = 7
_ROUNDS = 3
_LONGEST_S = 300.0
_REMOTE = "benchmarks.remote_feed"
_ABOUT = re.compile(rb"^X-Syncd-Mission: (FVMA-\S+)", re.MULTILINE)


def measure(count: int) -> Iterator[Figure]:
    """Yield the ratio on each database: the two sides in turns, the median of the pairs."""
    for kind in DATABASES:
        pairs = [(_bare(count), _of_syncd(kind, count)) for _ in range(_ROUNDS)]
        yield Figure(
            name=f"{count:,} whole lives of contracts with {_MAILS} mails each, {kind}, a poll every {POLL_S} s",
            ratio=median(ours / bare for bare, ours in pairs), target="≥ 0.50",
            context={"bare_per_s": round(median(bare for bare, _ in pairs), 1),
                     "syncd_per_s": round(median(ours for _, ours in pairs), 1)},
        )  # fmt: skip


def _bare(count: int) -> float:
    with TemporaryDirectory(prefix="syncd-bench-") as folder, remote_site(0, module=_REMOTE) as remote:
        store = write_missions(Path(folder) / "fvma.sqlite3", count)
        run([sys.executable, "-m", "benchmarks.bare_lifecycle", remote.url, store, folder, str(CONCURRENCY)])
        return _lives_per_s(count, remote, Path(folder) / "mails")


def _of_syncd(kind: str, count: int) -> float:
    with a_database(kind) as (folder, ledger_url), remote_site(0, module=_REMOTE) as remote:
        store = write_missions(folder / "fvma.sqlite3", count)
        site = Site(folder, store, remote.url, {"DATABASE__URL": ledger_url, "JOBS__POLL_INTERVAL_S": POLL_S})
        with running(site):
            _until(lambda: _has_mails(folder / "mails", count * _MAILS))
            _until(lambda: _steps(site) == {"done": count})
        return _lives_per_s(count, remote, folder / "mails")


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while not is_so():
        assert time.monotonic() < deadline, f"it did not come to that within {_LONGEST_S} s"
        time.sleep(0.1)


def _has_mails(folder: Path, count: int) -> bool:
    """Whether so many letters about missions were written; the daily digest is about none, and reading them is dear."""
    return sum(1 for _ in _letters(folder)) >= count and _mails_per_mission(folder).total() >= count


def _steps(site: Site) -> dict[str, int]:
    steps: dict[str, int] = json.loads(site.syncd("status", "--json").out)["steps"]
    return {step: count for step, count in steps.items() if count}


def _lives_per_s(count: int, remote: RemoteSite, mails: Path) -> float:
    """Return the rate, after making sure that every life was a whole one."""
    seen = remote.posts()
    assert (seen.contracts, seen.posts) == (count, count), seen
    assert _mails_per_mission(mails) == {mission(n)["mission_id"]: _MAILS for n in range(1, count + 1)}
    last_at = max(file.stat().st_mtime for file in _letters(mails))
    return count / (last_at - remote.first_post_at())


def _mails_per_mission(folder: Path) -> Counter[str]:
    about = (_ABOUT.search(file.read_bytes()) for file in _letters(folder))
    return Counter(found[1].decode() for found in about if found is not None)


def _letters(folder: Path) -> Iterator[Path]:
    return folder.glob("*.eml")
