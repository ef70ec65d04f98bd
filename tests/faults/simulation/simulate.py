"""Plays one seed: trouble first, then calm until everything has come to its end, then the verdict."""

import asyncio
import gc
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults.simulation.cactus import Nature
from tests.faults.simulation.chaos import TROUBLE_S, Chaos
from tests.faults.simulation.kinds import Kind
from tests.faults.simulation.logbook import kept_logbook
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.town import Parts, Town, build_town

_LOOK_EVERY_S = 5.0
_MOST_CALM_S = 400.0
_AFTERWARDS_S = 15.0
_ADMINS_PATIENCE_S = 100.0
_SHM = Path("/dev/shm")  # noqa: S108 - only for speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a seed."""

    seed: int
    violations: tuple[str, ...]
    counts: Counter[Kind]
    lines: tuple[str, ...]
    steps: int
    seconds: float
    contracts: int


def simulate(
    seed: int,
    *,
    only: frozenset[Kind] | None = None,
    nature: Nature | None = None,
    parts: Parts = Parts(),  # noqa: B008 - frozen
    with_steps: bool = False,
) -> Report:
    """Return what came of a seed. `only`: no other kinds of faults. `with_steps`: every step of the loop is a line."""
    with _folder() as folder, _undisturbed():
        loop = SimulatedLoop(Random(f"{seed}:schedule"))  # noqa: S311 - a simulation
        town = build_town(seed, folder, loop, only=only, nature=nature, parts=parts)
        if with_steps:
            loop.see_step = lambda owner, handle: town.history.say(owner.name, f". {_name_of(handle)}")
        loop.set_exception_handler(lambda *_: None)  # of those whom nobody waits for any more
        with kept_logbook(town.history):
            try:
                loop.run_until_complete(_play(town, Chaos(town, only)))
            finally:
                town.glimpse.close()
                loop.close()
    return Report(
        seed=seed, violations=tuple(town.history.violations), counts=town.history.counts,
        lines=tuple(town.history.lines), steps=loop.steps, seconds=loop.now, contracts=len(town.table.known),
    )  # fmt: skip


async def _play(town: Town, chaos: Chaos) -> None:
    town.history.say("WORLD", f"seed {town.seed}: {town.nature}, {'WAL' if town.is_wal else 'DELETE'}")
    town.loop.lateness_s = 5.0
    for _ in range(town.dice("replicas").choices((2, 3), (7, 3))[0]):
        town.start_replica()
    chaos.plan()
    try:
        await asyncio.sleep(TROUBLE_S)
        await _calm_down(town)
        for end in await _wait_for_the_end(town):
            town.history.break_promise(*end.split(" ", 1))
    finally:
        for replica in town.up():
            town.bury(replica)


async def _calm_down(town: Town) -> None:
    """No more trouble: whoever was gone comes back, clocks go right again."""
    while town.is_closed or any(r.process.fuse is not None for r in town.up()):
        for replica in town.up():
            replica.process.fuse = replica.process.at_fuse = None
        await asyncio.sleep(1)
    town.history.say("WORLD", "calm")
    town.weather.is_fair = True
    town.loop.lateness_s = 10.0
    town.table.hidden.clear()
    town.table.is_emptied = False
    town.server.cut_off.clear()
    for replica in town.up():
        replica.clock.is_off_by *= 0
        if replica.process.stopped_until is not None:
            town.loop.resume_process(replica.process)
    for _ in range(2 - len(town.up())):
        town.start_replica()


async def _wait_for_the_end(town: Town) -> list[str]:
    """Wait until nothing is open, then a little longer for what may come too late; return what stays open."""
    limit = town.loop.now + _MOST_CALM_S
    ends = await _wait_until_nothing_is_open(town, limit)
    if ends:
        return ends
    await asyncio.sleep(_AFTERWARDS_S)
    return await _wait_until_nothing_is_open(town, limit)


async def _wait_until_nothing_is_open(town: Town, limit: float) -> list[str]:
    reconciled_at = town.loop.now
    while (ends := open_ends(town)) and town.loop.now < limit and not town.history.violations:
        await asyncio.sleep(_LOOK_EVERY_S)
        if town.loop.now - reconciled_at > _ADMINS_PATIENCE_S:  # of sweeps that a crash cut short
            reconciled_at = town.loop.now
            town.reconcile()
    return ends


def open_ends(town: Town) -> list[str]:
    """Return what is not (yet) as it must be in the end."""
    if town.calendar.open:
        return ["I2 somebody still has something in mind"]
    try:
        return town.scene.open_ends()
    except sqlite3.OperationalError:
        return ["I2 the ledger is locked for ever"]


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None) as name:
        yield Path(name)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Collect garbage between two simulations and never within one: it would come at another moment each time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _name_of(handle: asyncio.Handle) -> str:
    callback = handle._callback  # type: ignore[attr-defined]
    if isinstance(callback, partial):
        callback = callback.func
    task = getattr(callback, "__self__", None)
    return str(task.get_name() if isinstance(task, asyncio.Task) else getattr(callback, "__qualname__", callback))
