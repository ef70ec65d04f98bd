"""Several replicas on one PostgreSQL: each mission is initialised once, each letter is sent once, whoever dies."""

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from syncd.daemon import Daemon
from syncd.jobs.works import Works
from syncd.model import Step
from syncd.service import ServiceManager
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works
from tests.adapters.mail.post_office import PostOffice, serve
from tests.adapters.missions.stores import PostgresStore
from tests.support.environment import without_settings
from tests.support.postgres import PostgresServer
from tests.world.remote import Answer, Remote, Request, serve_remote
from tests.world.world import KEY

COUNT = 60
READER = "reader"
"""A user of the mission store with SELECT and nothing more."""


@dataclass
class Site:
    """What the replicas share."""

    remote: Remote
    environment: dict[str, str]

    def in_cactus(self) -> Counter[str]:
        """Return how many contracts CACTUS has for each mission."""
        with self.remote.lock:
            return Counter(str(c["external_reference"]) for c in self.remote.contracts.values())


def track_of(number: int) -> str:
    """Both tracks, in turns."""
    return "apprentissage" if number % 2 else "professionnalisation"


APPRENTICES = Counter({f"FVMA-2025-{n:04d}": 1 for n in range(1, COUNT + 1) if n % 2})


@pytest.fixture
def site(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> Iterator[Site]:
    """A ledger and a mission store on PostgreSQL, the store for reading only, and a CACTUS of its own."""
    with postgres.fresh_database() as store_url, serve_remote() as remote:
        store = PostgresStore(store_url)
        for number in range(1, COUNT + 1):
            store.put(
                mission_id=f"FVMA-2025-{number:04d}", track=track_of(number), student_number=f"2100{number:04d}",
                student_email=f"zoe{number}@example.org", hr_contact_email=f"rh{number}@example.com",
            )  # fmt: skip
        with _role_that_only_reads(postgres, store_url):
            yield Site(remote, _environment(postgres.url_as(READER, store_url), postgres_url, remote, tmp_path))


@contextmanager
def _role_that_only_reads(postgres: PostgresServer, store_url: str) -> Iterator[None]:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(READER)))
        connection.execute(sql.SQL("GRANT SELECT ON validated_missions TO {}").format(sql.Identifier(READER)))
    yield
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(READER)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(READER)))


def _environment(missions: str, ledger: str, remote: Remote, folder: Path) -> dict[str, str]:
    addresses = {
        "SUPERVISOR": "responsable", "SECRETARIAT_AIX": "aix", "SECRETARIAT_MARSEILLE": "marseille",
        "CONTINUING_EDUCATION": "sfc",
    }  # fmt: skip
    return {
        "SYNCD_DATABASE__URL": ledger,
        "SYNCD_MISSIONS__URL": missions,
        "SYNCD_CACTUS__ADAPTER": "http",
        "SYNCD_CACTUS__BASE_URL": remote.url,
        "SYNCD_CACTUS__CONCURRENCY": "2",
        "SYNCD_MAIL__ADAPTER": "smtp",
        "SYNCD_MAIL__HOST": "127.0.0.1",
        "SYNCD_MAIL__SECURITY": "none",
        "SYNCD_MAIL__SENDER": "alternance@example.org",
        "SYNCD_MAIL__MAILS_PER_MINUTE": "0",
        "SYNCD_RETRY__FIRST_DELAY_S": "0.2",
        "SYNCD_RETRY__LONGEST_DELAY_S": "1",
        "SYNCD_JOBS__POLL_INTERVAL_S": "1",
        "SYNCD_JOBS__LEASE_S": "3",
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_DOCUMENTS__KEY": KEY,
        "SYNCD_OPS__BIND": "127.0.0.1:0",
        "SYNCD_LOGS__FORMAT": "json",
        **{f"SYNCD_MAIL__ADDRESSES__{name}": f"{who}@example.org" for name, who in addresses.items()},
    }  # fmt: skip


@asynccontextmanager
async def replicas_of(site: Site, port: int, count: int) -> AsyncIterator[list[Works]]:
    """Open so many replicas in this process."""
    environ = site.environment | {"SYNCD_MAIL__PORT": str(port)}
    settings = load_settings(None, environ, places=Places(config_files=()))
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_works(settings)) for _ in range(count)]


def slow_down(remote: Remote) -> None:
    """Let every creation take a moment: there is work for everybody, and a signal meets some on its way."""

    def trap(request: Request, honest: Callable[[], Answer]) -> Answer:
        answer = honest()
        if request.method == "POST":
            time.sleep(0.15)
        return answer

    remote.trap = trap


async def eventually(is_so: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
    """Wait for something that takes its time."""
    for _ in range(int(within_s / 0.1)):
        if await is_so():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never came to that")


async def all_settled(works: Works) -> bool:
    """Whether every mission is where it waits for people, and nothing waits to be sent."""
    counts = await works.ledger.count_by_step()
    letters = await works.ledger.letters(limit=1000)
    is_there = counts == {Step.AWAITING_STUDENT: COUNT // 2, Step.AWAITING_DOCUMENTS: COUNT // 2}
    return is_there and all(letter.state == "sent" for letter in letters)


def expected_letters() -> Counter[str]:
    """Return how many letters everybody gets: two people for each contract, the office for each decision."""
    people = {f"{who}": 1 for n in range(1, COUNT + 1) for who in (f"zoe{n}@example.org", f"rh{n}@example.com")}
    return Counter(people | {"sfc@example.org": COUNT // 2})


async def test_l01_three_replicas_share_the_work_and_do_each_thing_once(site: Site) -> None:
    office = PostOffice()
    slow_down(site.remote)
    async with serve(office) as port, replicas_of(site, port, 3) as replicas:
        daemons = [Daemon(works, manager=ServiceManager(), may_reload=lambda: False) for works in replicas]
        running = [asyncio.create_task(daemon.run()) for daemon in daemons]

        await eventually(lambda: all_settled(replicas[0]), within_s=40)
        for daemon in daemons:
            daemon._ask_to_stop()
        await asyncio.wait_for(asyncio.gather(*running), 10)

        assert site.in_cactus() == APPRENTICES
        assert Counter(office.recipients) == expected_letters()
        assert len(site.remote.posts()) == COUNT // 2  # no second attempt, not even with the same key
        assert sum(works.advancer.performed > 0 for works in replicas) >= 2
        assert await replicas[0].ledger.replicas() == ()


# ------------------------------------------------------------------------------------------------- real processes


class Process:
    """A replica as a process of its own."""

    def __init__(self, site: Site, port: int) -> None:
        environment = without_settings()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syncd", "run"],
            env=environment | site.environment | {"SYNCD_MAIL__PORT": str(port)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def end(self) -> int:
        """Stop in order, and return the exit code."""
        self.process.terminate()
        try:
            return await asyncio.to_thread(self.process.wait, 15)
        finally:
            self.process.kill()
            await asyncio.to_thread(self.process.communicate)


@pytest.mark.slow
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped for longer than its lease"])
async def test_l02_what_a_replica_held_is_taken_over_and_nothing_is_done_twice(
    site: Site, fate: signal.Signals
) -> None:
    office = PostOffice()
    slow_down(site.remote)
    async with serve(office) as port, replicas_of(site, port, 1) as (watching,):
        processes = [Process(site, port) for _ in range(3)]
        try:
            await eventually(lambda: _has_begun(site), within_s=20)
            processes[0].send(fate)
            await eventually(lambda: all_settled(watching), within_s=45)
            if fate is signal.SIGSTOP:
                processes[0].send(signal.SIGCONT)
                await asyncio.sleep(1)
        finally:
            codes = [await process.end() for process in processes]

        assert site.in_cactus() == APPRENTICES
        assert await all_settled(watching)
        assert codes[1:] == [0, 0]
        assert codes[0] == (-signal.SIGKILL if fate is signal.SIGKILL else 0)
        received = Counter(office.recipients)
        assert set(received) == set(expected_letters())
        assert sum((received - expected_letters()).values()) <= 8  # at most what was on its way, under the same name


async def _has_begun(site: Site) -> bool:
    return len(site.remote.contracts) >= 5
