"""One installation and its life, told again and again: up to a death, and from there to the end."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tests.faults.crash.ledgers import Ledger, Tables
from tests.faults.crash.orders import End, Order, Work
from tests.faults.crash.town import Memories, Memory, Town, environment_of
from tests.faults.crash.zygotes import Zygote

_AN_HOUR_S = 3600
PASSES = 3
"""What it takes to bring three contracts from their validation to their registration, if nobody dies."""


class Backend(StrEnum):
    """Where the ledger is kept."""

    JOURNAL = "journal"
    WAL = "wal"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The whole world at one moment between two processes. `hour`: how many hours have passed."""

    hour: int
    deaths: int
    town: Memories
    ledger: Mapping[str, bytes]
    vault: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left behind when nobody is at work."""

    tables: Tables
    vault: Mapping[str, bytes]
    town: Town
    deaths: int
    output: str
    traces: frozenset[str]
    """The files that the database works with: a journal says that a transaction was cut."""


@dataclass
class Saga:
    """An installation that dies and lives again. It is left alone with its town: nobody else works there."""

    town: Town
    ledger: Ledger
    zygote: Zygote
    folder: Path
    reader: str | None = None
    hour: int = 0
    deaths: int = 0
    _order: Order = field(init=False)

    def __post_init__(self) -> None:
        papers = (self.town.folder / "cerfa.pdf", self.town.folder / "convention.pdf")
        self._order = Order(
            work=Work.PREPARE,
            environment=environment_of(self.town, self.ledger.url, self.folder / "state"),
            output=str(self.folder / "output"),
            papers=tuple(map(str, papers)),
            wal=self.ledger.wal,
            reader=self.reader,
        )

    # ------------------------------------------------------------------------------------------------------ the world

    def save(self) -> Scene:
        """Return the world as it is."""
        return Scene(
            hour=self.hour,
            deaths=self.deaths,
            town=self.town.save(),
            ledger=self.ledger.save(),
            vault=self._vault(),
        )

    def begin_at(self, scene: Scene) -> None:
        """Make the world what it was, and forget every death since."""
        self.hour, self.deaths = scene.hour, scene.deaths
        self.town.put_back(scene.town)
        self.ledger.put_back(scene.ledger)
        shutil.rmtree(self._documents, ignore_errors=True)
        if scene.vault:
            self._documents.mkdir()
        for name, content in scene.vault.items():
            (self._documents / name).write_bytes(content)
        Path(self._order.output).unlink(missing_ok=True)

    def remains(self) -> Remains:
        """Return what the last process left behind."""
        output = Path(self._order.output)
        return Remains(
            tables=self.ledger.read(),
            vault=self._vault(),
            town=self.town,
            deaths=self.deaths,
            output=output.read_text(encoding="utf-8") if output.exists() else "",
            traces=self.ledger.traces(),
        )

    @property
    def _documents(self) -> Path:
        return self.folder / "state" / "documents"

    def _vault(self) -> Mapping[str, bytes]:
        if not self._documents.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in self._documents.iterdir()}

    # ------------------------------------------------------------------------------------------------------- its acts

    def act(self, work: Work, *, fatal_step: int | None = None, killed_after_s: float | None = None) -> End:
        """Let a process do something; return how it ended, once everything that it sent has arrived."""
        return self._carry_out(replace(self._order, work=work, fatal_step=fatal_step, killed_after_s=killed_after_s))

    def serve_until_it_hangs(self, *, in_step: int, manager: str) -> End:
        """Be a daemon whose event loop stands still in a step; return once its service manager has ended it."""
        return self._carry_out(replace(self._order, work=Work.SERVE, fatal_step=in_step, hangs=True, manager=manager))

    def _carry_out(self, order: Order) -> End:
        end = self.zygote.fork(replace(order, after_s=self.hour * _AN_HOUR_S))
        self.town.settle_down()
        if end.was_killed:
            self.deaths += 1
            self.ledger.let_an_hour_pass()
        else:
            assert end.code == 0, Path(order.output).read_text(encoding="utf-8")[-4000:]
        self.hour += 1
        return end

    def rehearse(self) -> None:
        """Let the zygote live the life once by itself, so that its forks need not learn anything."""
        self.zygote.fork(replace(self._order, work=Work.LIVE, is_rehearsal=True))
        self.town.settle_down()

    def rehearsed_scenes(self) -> tuple[tuple[Scene, int], ...]:
        """Live without a death; return the world before each pass, and how many steps the pass had."""
        scenes = []
        for _ in range(PASSES):
            before = self.save()
            scenes.append((before, self.act(Work.PASS).steps))
        return tuple(scenes)


class MakeSaga(Protocol):
    """Makes an installation."""

    def __call__(self, backend: Backend, memory: Memory, *, real_reader: bool = False) -> Saga:
        """Return one whose ledger is prepared."""
