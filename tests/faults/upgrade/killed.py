"""Migrates in processes that die: `python -m tests.faults.upgrade.killed HOW URL …`. Forks, so that a death is cheap.

`each URL FIRST STEP` kills a migration before its statement number FIRST, and lets the next one run again and die STEP
statements later, until one comes to its end. `race URL COUNT` lets so many begin at once. `wait URL STATEMENT` stops
one in the middle, begins another, and kills the first. `naive-each` does what `each` does with a migration that is not
one transaction. Prints how many died, or says what went wrong.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import create_engine, event, make_url

from syncd.clock import SystemClock
from syncd.store import open_ledger
from syncd.store.upgrading import scripts

_MOST = 500
Migrate = Callable[[str, Callable[[], None]], None]


def migrate(url: str, step: Callable[[], None]) -> None:
    """Migrate as the daemon does, calling `step` before every statement and before COMMIT."""
    ledger = open_ledger(
        url, replica="r", version="1", lease=timedelta(minutes=1), message_domain="example.org", clock=SystemClock()
    )
    engine = ledger._database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *_: step())
    event.listen(engine, "commit", lambda _connection: step())
    asyncio.run(ledger.migrate())


def migrate_naively(url: str, step: Callable[[], None]) -> None:
    """Migrate with every statement in a transaction of its own."""
    engine = create_engine(make_url(url).set(drivername="sqlite"), isolation_level="AUTOCOMMIT")
    event.listen(engine, "before_cursor_execute", lambda *_: step())
    directory = scripts()
    with engine.connect() as connection:
        steps = EnvironmentContext(Config(), directory, fn=lambda rev, _: directory._upgrade_revs("head", rev))
        with steps as environment:
            environment.configure(connection=connection, transactional_ddl=False)
            environment.run_migrations()


class _Steps:
    """Does something to this process at its n-th step."""

    def __init__(self, at: int, number: signal.Signals) -> None:
        self._left, self._number = at, number

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - a child has nobody to raise it to
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


def _end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_each(url: str, first: int, step: int, work: Migrate) -> int:
    """Kill at one statement after the other, on the same database; return how many died before one came through."""
    for died, at in enumerate(range(first, _MOST, step)):
        code = _end_of(_fork(lambda at=at: work(url, _Steps(at, signal.SIGKILL))))  # type: ignore[misc]
        if code == 0:
            return died
        if code != -signal.SIGKILL:
            raise SystemExit(f"the migration after {died} kills failed")
    raise SystemExit("the migration never ends")


def race(url: str, count: int) -> int:
    """Begin so many at the same moment; all come through."""
    ready, go = os.pipe()

    def run() -> None:
        os.close(go)
        os.read(ready, 1)  # until everybody stands at the line
        migrate(url, lambda: None)

    pids = [_fork(run) for _ in range(count)]
    os.close(go)
    codes = [_end_of(pid) for pid in pids]
    if any(codes):
        raise SystemExit(f"not all came through: {codes}")
    return 0


def wait_for_a_dying_one(url: str, at: int) -> int:
    """Let one stop in the middle, a second one wait for it; the second comes through once the first is killed."""
    first = _fork(lambda: migrate(url, _Steps(at, signal.SIGSTOP)))
    os.waitpid(first, os.WUNTRACED)
    second = _fork(lambda: migrate(url, lambda: None))
    time.sleep(0.3)
    is_waiting = os.waitpid(second, os.WNOHANG) == (0, 0)
    os.kill(first, signal.SIGKILL)
    _end_of(first)
    if not is_waiting or _end_of(second) != 0:
        raise SystemExit("the second did not wait, or did not come through")
    return 1


def main() -> None:
    """Do what the command line says, and print how many died."""
    how, url, *numbers = sys.argv[1:]
    first, *rest = map(int, numbers)
    match how:
        case "each":
            died = kill_each(url, first, rest[0], migrate)
        case "naive-each":
            died = kill_each(url, first, rest[0], migrate_naively)
        case "race":
            died = race(url, first)
        case _:
            died = wait_for_a_dying_one(url, first)
    print(died)


if __name__ == "__main__":
    main()
