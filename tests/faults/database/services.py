"""The service as a process of its own, and what other processes do to its SQLite file."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

from tests.faults.database.looking import rows
from tests.support.environment import without_settings
from tests.world.world import World


@contextmanager
def service(world: World, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the service, as an account that may not write where it must not; it has ended afterwards."""
    plain = without_settings()
    with subprocess.Popen(
        [*_AS_AN_ORDINARY_ACCOUNT, sys.executable, "-m", "syncd", "run"],
        env=plain | world.environment | environment, cwd=world.folder, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


_RIGHTS_OF_ROOT = "-dac_override,-dac_read_search"
_AS_AN_ORDINARY_ACCOUNT = ["setpriv", f"--bounding-set={_RIGHTS_OF_ROOT}", f"--inh-caps={_RIGHTS_OF_ROOT}"]
if os.geteuid() != 0:
    _AS_AN_ORDINARY_ACCOUNT.clear()


def wait_for(is_so: Callable[[], bool], *, within_s: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.03)


def ledger_of(world: World) -> Path:
    """Return the ledger's file."""
    return world.folder / "state" / "syncd.sqlite3"


def letters_sent(world: World) -> int:
    """Return how many letters the ledger knows as sent."""
    found = rows(f"sqlite:///{ledger_of(world)}", "SELECT count(*) FROM letters WHERE state = 'sent'")
    return int(str(found[0][0])) if found else 0


def is_alive(world: World) -> bool:
    """Whether a service has shown itself in the registry."""
    return rows(f"sqlite:///{ledger_of(world)}", "SELECT count(*) FROM replicas") not in ([], [(0,)])


@asynccontextmanager
async def in_a_thread(held: AbstractContextManager[None]) -> AsyncIterator[None]:
    """Enter what waits for somebody whose loop this is."""
    await asyncio.to_thread(held.__enter__)
    try:
        yield
    finally:
        held.__exit__(None, None, None)


@contextmanager
def held_by_another(file: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Hold the file's lock, as a command does that writes for long."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=20, check_same_thread=False)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


@contextmanager
def no_room_in(process: subprocess.Popen[str]) -> Iterator[None]:
    """Let every write of a process beyond the first bytes of a file fail."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (512, hard))
    yield
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
