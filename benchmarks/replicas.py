"""Initialisations per second of three replicas on one PostgreSQL, against one alone; what a claim takes meanwhile."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.databases import a_database
from benchmarks.sites import ROOT, Site, remote_site, run, write_missions
from benchmarks.table import Figure

_REPLICAS = 3
_LATENCY_MS = 20
_MOST_MS = 100
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one or several replicas did to the same missions at the same time."""

    per_second: float
    claims_ms: list[float]


def measure(count: int) -> Iterator[Figure]:
    """Yield the ratio of three replicas to one, in turns, the median of the pairs; then the slowest claims."""
    pairs = [(_pass(1, count), _pass(_REPLICAS, count)) for _ in range(_ROUNDS)]
    where = f"{count:,} missions, PostgreSQL, {_LATENCY_MS} ms of latency"
    yield Figure(
        name=f"initialisations, {_REPLICAS} replicas against one, {where}",
        ratio=median(three.per_second / one.per_second for one, three in pairs), target="≥ 1.00",
        context={"one_per_s": round(median(one.per_second for one, _ in pairs)),
                 "three_per_s": round(median(three.per_second for _, three in pairs))},
    )  # fmt: skip
    alone, together = ([ms for one in side for ms in one.claims_ms] for side in zip(*pairs, strict=True))
    yield Figure(
        name=f"a claim while {_REPLICAS} replicas run, p99, {where}",
        ratio=_p99(together) / _MOST_MS, target=f"≤ {_MOST_MS} ms",
        context={"p99_ms": round(_p99(together)), "median_ms": round(median(together)),
                 "contracts_per_claim": round(count * _ROUNDS / len(together)), "claims": len(together),
                 "p99_ms_alone": round(_p99(alone)), "median_ms_alone": round(median(alone))},
    )  # fmt: skip


def _pass(replicas: int, count: int) -> _Pass:
    """Let so many replicas make their one pass at once; every mission is asked for once, whoever does it."""
    with a_database("PostgreSQL") as (folder, ledger_url), remote_site(_LATENCY_MS) as remote:
        store = write_missions(folder / "fvma.sqlite3", count)
        site = Site(folder, store, remote.url, {"DATABASE__URL": ledger_url})
        site.syncd("migrate")
        with ThreadPoolExecutor(replicas) as pool:
            claims_ms = [ms for one in pool.map(_replica, [site] * replicas) for ms in one]
        seen = remote.posts()
        assert (seen.contracts, seen.posts) == (count, count), seen
        return _Pass(seen.per_second, claims_ms)


def _replica(site: Site) -> list[float]:
    ended = run([sys.executable, "-m", "benchmarks.replica"], environment=site.environment, folder=ROOT)
    claims_ms: list[float] = json.loads(ended.out.splitlines()[-1])
    return claims_ms


def _p99(claims_ms: list[float]) -> float:
    return quantiles(claims_ms, n=100, method="inclusive")[-1]
