"""Puts a whole installation together, lets trouble befall it, then lets it rest, and judges."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random

from syncd.errors import Transient
from syncd.jobs.compare import compare
from syncd.model import Patience
from tests.faults.simulation.archive import Archive
from tests.faults.simulation.cactus import CactusServer, Nature
from tests.faults.simulation.fvma import MissionReader, MissionTable
from tests.faults.simulation.history import History
from tests.faults.simulation.judge import Judge
from tests.faults.simulation.kinds import Kind, instant
from tests.faults.simulation.ledger import Glimpse, SharedDatabase, SharedLedger, empty_ledger
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.people import Calendar, People
from tests.faults.simulation.post import PostClient, PostOffice
from tests.faults.simulation.processes import WORLD, Process
from tests.faults.simulation.replica import PATIENCE, Ports, Replica, ReplicaClock, tell, works_of
from tests.faults.simulation.sessions import DatabaseServer
from tests.faults.simulation.verdict import Scene, unsaid
from tests.faults.simulation.weather import Weather
from tests.faults.simulation.wire import CactusClient

NATURES = (
    (30, Nature()),
    (20, Nature(keys_expire=True, refuses_second_reference=True)),
    (30, Nature(has_keys=False)),
    (12, Nature(has_look_up=False)),
    (8, Nature(has_keys=False, has_look_up=False)),
)
"""With and without keys, with keys that expire, with and without a look-up: how many of a hundred seeds have which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a seeded bug replaces."""

    ledger: Callable[..., SharedLedger] = SharedLedger
    database: Callable[..., SharedDatabase] = SharedDatabase
    client: Callable[..., CactusClient] = CactusClient
    patience: Patience = PATIENCE


@dataclass(slots=True, kw_only=True)
class Town:
    """One simulation's world. Everything random comes from dice that are named after the seed."""

    seed: int
    folder: Path
    loop: SimulatedLoop
    history: History
    weather: Weather
    nature: Nature
    parts: Parts
    is_wal: bool
    table: MissionTable
    cactus: CactusServer
    office: PostOffice
    archive: Archive
    server: DatabaseServer
    glimpse: Glimpse
    scene: Scene
    calendar: Calendar
    creations: int = 0
    replicas: list[Replica] = field(default_factory=list)
    is_closed: bool = False
    """No replica is started while somebody works on the ledger's file."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def dice(self, what: str) -> Random:
        """Return dice of their own for one purpose: what one draws never changes what another draws."""
        return Random(f"{self.seed}:{what}")  # noqa: S311 - a simulation

    # ----------------------------------------------------------------------------------------------------- replicas

    def up(self) -> list[Replica]:
        """Return the replicas that run."""
        return [replica for replica in self.replicas if replica.is_up]

    def start_replica(self) -> None:
        """Start a new process."""
        if self.is_closed:
            return
        process = Process(f"r{next(self._numbers)}")
        clock = ReplicaClock(self.loop, self.dice(f"{process.name}:clock"))
        ports = self._ports(process, clock)
        works = works_of(ports, clock, creations=self.creations, patience=self.parts.patience)
        replica = Replica(process=process, clock=clock, works=works, loop=self.loop)
        self.replicas.append(replica)
        self.history.say(process.name, "starts")
        replica.start(self._see_end)

    def _ports(self, process: Process, clock: ReplicaClock) -> Ports:
        who, loop, weather, history = process.name, self.loop, self.weather, self.history
        database = self.parts.database(self.server, process, clock=clock, is_wal=self.is_wal, tell=tell)
        return Ports(
            cactus=self.parts.client(
                self.cactus, who, loop=loop, history=history, weather=weather, dice=self.dice(f"{who}:wire")
            ),
            mailer=PostClient(
                self.office, who, loop=loop, history=history, weather=weather, dice=self.dice(f"{who}:post")
            ),
            missions=MissionReader(self.table, who, loop=loop, weather=weather, dice=self.dice(f"{who}:store")),
            archive=self.archive,
            ledger=self.parts.ledger(database, replica=who, glimpse=self.glimpse),
        )

    def _see_end(self, replica: Replica, error: BaseException | None) -> None:
        """A daemon came to its end: its service manager starts another."""
        why = f"ended ({error})" if error is not None else "ended in order"
        self.history.say(replica.name, why)
        if error is not None and not isinstance(error, Transient):
            self.history.break_promise("I2", f"{replica.name} fell over: {error!r}")
        WORLD.context.run(self.loop.call_soon, self.bury, replica)
        self.calendar.after(2.0, self.start_replica)

    def bury(self, replica: Replica) -> None:
        """Take away what a process leaves: callbacks, memory, open transactions. Its leases stay."""
        self.replicas.remove(replica)
        self._end_process(replica.process)

    def crash(self, replica: Replica, *, back_after_s: float) -> None:
        """Kill a process."""
        if not replica.is_up:
            return
        self.history.count(Kind.CRASH, replica.name)
        self.scene.losses += 1
        self.bury(replica)
        for mission_id in unsaid(self.server.file, self.now_us()):
            self.history.break_promise("I5", f"{mission_id} rests, and nobody was told")
        self.calendar.after(back_after_s, self.start_replica)

    def reconcile(self) -> None:
        """Let an admin run `syncd reconcile`, in a process of its own."""
        process = Process(f"cli{next(self._numbers)}")
        clock = ReplicaClock(self.loop, self.dice(f"{process.name}:clock"))
        works = works_of(self._ports(process, clock), clock, creations=0)

        async def run() -> None:
            await compare(works)
            WORLD.context.run(self.loop.call_soon, self._end_process, process)

        self.history.say("ADMIN", "syncd reconcile")
        process.spawn(self.loop, run(), name="reconcile")

    def _end_process(self, process: Process) -> None:
        self.loop.kill_process(process)
        self.server.end_sessions_of(process)

    def now_us(self) -> int:
        """Return the world's instant as the ledger's file has it."""
        return int(instant(self.loop.now).timestamp() * 1_000_000)


def build_town(
    seed: int, folder: Path, loop: SimulatedLoop, *, only: frozenset[Kind] | None, nature: Nature | None, parts: Parts
) -> Town:
    """Return the world of a seed, before its first moment."""

    def dice(what: str) -> Random:
        return Random(f"{seed}:{what}")  # noqa: S311 - a simulation

    history = History(now=lambda: loop.now)
    weather = Weather(dice=dice("weather"), history=history, only=only)
    nature = nature or _draw_nature(dice("nature"))
    cactus = CactusServer(nature, history, weather, dice("cactus"))
    table, office = MissionTable(history=history), PostOffice(history=history)
    archive, judge = Archive(weather, dice("archive")), Judge(history=history)
    file = folder / "ledger.db"
    file.write_bytes(empty_ledger())
    server = DatabaseServer(file, loop=loop, history=history, weather=weather, dice=dice("database"), judge=judge)
    calendar = Calendar(loop)
    People(cactus, calendar, dice("people"))
    scene = Scene(file=file, table=table, cactus=cactus, office=office, archive=archive)
    return Town(
        seed=seed, folder=folder, loop=loop, history=history, weather=weather, nature=nature, parts=parts,
        is_wal=dice("journal").random() < 0.5, table=table, cactus=cactus, office=office, archive=archive,
        server=server, glimpse=Glimpse(server), scene=scene, calendar=calendar,
    )  # fmt: skip


def _draw_nature(dice: Random) -> Nature:
    nature = dice.choices([nature for _, nature in NATURES], [share for share, _ in NATURES])[0]
    return replace(nature, has_feed=dice.random() < 0.75)


def snapshot_of(file: Path) -> bytes | None:
    """Return the ledger as it is now, `None` when somebody locks it at this moment."""
    try:
        with closing(sqlite3.connect(file, timeout=0)) as connection:
            return connection.serialize()
    except sqlite3.OperationalError:
        return None
