"""What several replicas share, each of them a process of its own: a ledger on PostgreSQL, a CACTUS, a mission store.

Each replica comes to the database under a role of its own and to CACTUS with a token of its own, so that everything
that is written or asked says who did it.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.replicas.watchman import ROLES, Take, prepare_ledger, takes
from tests.support.postgres import PostgresServer
from tests.world.missions import Missions, mission
from tests.world.remote import Answer, Remote, Request, serve_remote
from tests.world.world import KEY, World


class Replica:
    """One process of the service. Its log is a file, so that it never waits for a reader."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        plain = {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "run"],
                env=plain | environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    @contextmanager
    def paused(self, seconds: float) -> Iterator[None]:
        """Stop it for at least so long."""
        self.send(signal.SIGSTOP)
        begun = time.monotonic()
        try:
            yield
            time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
        finally:
            self.send(signal.SIGCONT)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return what it logged under this name."""
        found = [line for line in self._log.read_bytes().splitlines() if f'"event": "{event}"'.encode() in line]
        return [json.loads(line) for line in found if line.endswith(b"}")]

    def has_said(self, event: str) -> bool:
        """Whether it logged this."""
        return bool(self.lines(event))

    def end(self) -> int:
        """Stop it in order, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def destroy(self) -> None:
        """End it, whatever state it is in."""
        self.process.kill()
        self.process.wait()


@dataclass
class Site:
    """One department, whose ledger is looked after by several replicas."""

    postgres: PostgresServer
    url: str
    folder: Path
    remote: Remote
    missions: Missions
    environment: dict[str, str]
    everybody: list[Replica] = field(default_factory=list)
    known: int = 0

    def start(self, name: str, *, url: str | None = None, **environment: str) -> Replica:
        """Start one more replica, ready or not; `url` is another way to the same ledger."""
        ways = {"SYNCD_DATABASE__URL": url or self.postgres.url_as(name, self.url), "SYNCD_CACTUS__TOKEN": name}
        log = self.folder / f"{len(self.everybody)}-{name}.log"
        replica = Replica(name, self.environment | ways | environment, log)
        self.everybody.append(replica)
        return replica

    def start_all(self, count: int, **environment: str) -> list[Replica]:
        """Start so many replicas, and wait until each is at work."""
        started = [self.start(name, **environment) for name in ROLES[:count]]
        wait_for(lambda: all(replica.has_said("daemon.ready") for replica in started), within_s=60)
        return started

    def discover(self, count: int) -> None:
        """Let so many more missions be validated."""
        self.missions.put(*(mission(number) for number in range(self.known + 1, self.known + count + 1)))
        self.known += count

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Look into the ledger, or change it, behind everybody's back."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def missions_of(self, replica: Replica) -> set[str]:
        """Return the missions of the contracts that a replica has claimed."""
        owner = f"%:{replica.process.pid}:%"
        return {row[0] for row in self.ask("SELECT mission_id FROM contracts WHERE lease_owner LIKE %s", [owner])}

    def is_settled(self, *, except_held: bool = False) -> bool:
        """Whether every mission is known and waits for its student, or is held and shown as such."""
        steps = dict(self.ask("SELECT step, count(*) FROM contracts WHERE lease_owner IS NULL GROUP BY step"))
        held = int(steps.pop("held", 0)) if except_held else 0
        return steps == {"awaiting_student": self.known - held}

    def admin(self) -> World:
        """Return the command line of an admin of this department."""
        ways = {"SYNCD_DATABASE__URL": self.url, "SYNCD_CACTUS__TOKEN": "admin"}
        return World(self.folder, self.remote, self.missions, self.environment | ways)

    def unsettled(self) -> int:
        """Return how many missions are not created yet."""
        return self.known - int(self.ask("SELECT count(*) FROM contracts WHERE step = 'awaiting_student'")[0][0])

    def posts_of(self, replica: Replica) -> list[str]:
        """Return the missions that a replica asked CACTUS to create, in order."""
        return [
            json.loads(request.body)["external_reference"]
            for request in self.remote.posts() if request.headers.get("authorization") == f"Bearer {replica.name}"
        ]  # fmt: skip

    def doubled(self) -> dict[str, int]:
        """Return the missions that CACTUS has more than one contract for."""
        with self.remote.lock:
            counts = Counter(str(contract["external_reference"]) for contract in self.remote.contracts.values())
        return {mission_id: count for mission_id, count in counts.items() if count > 1}

    def stale_writes(self) -> list[Take]:
        """Return what was written by one who did not hold the contract any more."""
        admin = {os.getpid(): "postgres"}  # commands run in this process, under the account of the tests
        names = admin | {replica.process.pid: replica.name for replica in self.everybody}
        return [take for take in takes(self.url) if take.is_stale(names)]


def take_a_moment(remote: Remote, seconds: float) -> None:
    """Let every creation take a while, so that whoever is stopped or killed has some on their way."""

    def trap(request: Request, honest: Callable[[], Answer]) -> Answer:
        answer = honest()
        if request.method == "POST":
            time.sleep(seconds)
        return answer

    remote.trap = trap


def wait_for(is_so: Callable[[], bool], *, within_s: float, every_s: float = 0.05) -> None:
    """Wait for something that takes its time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(every_s)


@contextmanager
def open_site(postgres: PostgresServer, folder: Path, **environment: str) -> Iterator[Site]:
    """Open a department; whatever became of its replicas, none is left."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.fresh_database())
        remote = stack.enter_context(serve_remote())
        missions = Missions(folder / "fvma.sqlite3")
        with closing(sqlite3.connect(missions.file)) as store:
            store.execute("PRAGMA journal_mode = WAL")  # who is stopped while it reads keeps no writer waiting
        prepare_ledger(url)
        site = Site(postgres, url, folder, remote, missions, _environment(missions, remote, folder) | environment)
        stack.callback(_destroy_all, site)
        yield site


def _destroy_all(site: Site) -> None:
    for replica in site.everybody:
        replica.destroy()


def _environment(missions: Missions, remote: Remote, folder: Path) -> dict[str, str]:
    return {
        "SYNCD_MISSIONS__URL": f"sqlite:///{missions.file}",
        "SYNCD_CACTUS__ADAPTER": "http",
        "SYNCD_CACTUS__BASE_URL": remote.url,
        "SYNCD_CACTUS__AUTH": "bearer",
        "SYNCD_CACTUS__CONCURRENCY": "2",
        "SYNCD_MAIL__ADAPTER": "folder",
        "SYNCD_MAIL__FOLDER": str(folder / "mail"),
        "SYNCD_MAIL__SENDER": "alternance@example.org",
        "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
        "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
        "SYNCD_RETRY__FIRST_DELAY_S": "0.1",
        "SYNCD_RETRY__LONGEST_DELAY_S": "0.5",
        "SYNCD_JOBS__POLL_INTERVAL_S": "0.5",
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_DOCUMENTS__KEY": KEY,
        "SYNCD_OPS__BIND": "127.0.0.1:0",
        "SYNCD_LOGS__FORMAT": "json",
    }
