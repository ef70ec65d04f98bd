"""What it costs to know very many contracts when nothing happens: a pass, the pages, a restart, a daemon at rest."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks.crowd import Crowd, make_crowd
from benchmarks.daemons import running
from benchmarks.databases import DATABASES, a_database
from benchmarks.sites import RemoteSite, Site, remote_site
from benchmarks.table import Figure

_FEW = 1000
_ROUNDS = 3
_AT_REST_S = 60.0


def measure(count: int) -> Iterator[Figure]:
    """Yield what `count` contracts cost beside a thousand, on both databases."""
    for kind in DATABASES:
        with ExitStack() as stack:
            folder, few_url = stack.enter_context(a_database(kind))
            few = make_crowd(folder / "few", few_url, _FEW)
            folder, many_url = stack.enter_context(a_database(kind))
            many = make_crowd(folder / "many", many_url, count)
            remote = stack.enter_context(remote_site(0))
            where = f"{kind}, {count:,} contracts"
            yield from _passes(few.site(remote.url), many.site(remote.url), where)
            yield from _pages(few.site(remote.url), many.site(remote.url), many.a_mission(count // 2), where)
            yield from _restart(many, remote, where)
            yield from _rest(many.site(remote.url), where)


def _passes(few: Site, many: Site, where: str) -> Iterator[Figure]:
    pairs = [(few.syncd("run", "--once"), many.syncd("run", "--once")) for _ in range(_ROUNDS)]
    yield Figure(
        name=f"a pass at rest, CPU, {where}", target=f"≤ 1.2 × of {_FEW:,}",
        ratio=median(b.cpu_s / a.cpu_s for a, b in pairs),
        context={"cpu_s": round(median(b.cpu_s for _, b in pairs), 2)},
    )  # fmt: skip
    yield Figure(
        name=f"a pass at rest, memory, {where}", target=f"≤ 1.2 × of {_FEW:,}",
        ratio=median(b.peak_mb / a.peak_mb for a, b in pairs),
        context={"peak_mb": round(median(b.peak_mb for _, b in pairs))},
    )  # fmt: skip


def _pages(few: Site, many: Site, mission_id: str, where: str) -> Iterator[Figure]:
    for command in (("status",), ("list",), ("show", mission_id)):
        known = (*command[:1], "FVMA-2025-770000001") if command[0] == "show" else command
        pairs = [(few.syncd(*known), many.syncd(*command)) for _ in range(_ROUNDS)]
        yield Figure(
            name=f"`syncd {command[0]}`, {where}", target="≤ 0.7 s, memory flat",
            ratio=median(b.seconds / a.seconds for a, b in pairs),
            context={"seconds": round(median(b.seconds for _, b in pairs), 2),
                     "peak_mb": round(median(b.peak_mb for _, b in pairs)),
                     "peak_mb_of_few": round(median(a.peak_mb for a, _ in pairs))},
        )  # fmt: skip


def _restart(many: Crowd, remote: RemoteSite, where: str) -> Iterator[Figure]:
    took = []
    for number in range(1, _ROUNDS + 1):
        many.add_new(number)
        begun, before = time.monotonic(), remote.contracts()
        with running(many.site(remote.url)):
            while remote.contracts() == before:
                time.sleep(0.02)
            took.append(time.monotonic() - begun)
    yield Figure(
        name=f"from a restart to the first initialisation, {where}", target="≤ 5 s",
        ratio=median(took) / 5, context={"seconds": round(median(took), 2), "worst_s": round(max(took), 2)},
    )  # fmt: skip


def _rest(site: Site, where: str) -> Iterator[Figure]:
    with running(site) as daemon:
        time.sleep(_AT_REST_S / 2)  # what a start brings with it
        begun, cpu_s = time.monotonic(), daemon.cpu_s()
        time.sleep(_AT_REST_S)
        share = (daemon.cpu_s() - cpu_s) / (time.monotonic() - begun)
        memory_mb = daemon.memory_mb()
    yield Figure(
        name=f"a daemon at rest, {where}", target="≤ 0.5 % of a core, ≤ 120 MB",
        ratio=max(share / 0.005, memory_mb / 120),
        context={"percent_of_a_core": round(100 * share, 2), "memory_mb": round(memory_mb)},
    )  # fmt: skip
