"""Whole runs: a server with mishaps and bad hours, carriers that are killed, and everybody's word at the end."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncd.clock import SystemClock
from syncd.model import MissionId
from tests.faults.mail.books import Balance, balance, complaints
from tests.faults.mail.counter import PASSWORD, Arrival, PostCounter, open_counter
from tests.faults.mail.ledgers import ledger_at, lines_of, queue_letters
from tests.faults.mail.mishaps import Dice
from tests.support.environment import without_settings

_BAD_HOUR_S = 0.4
_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to happen. Kills, outages and refused logins come when so many letters have arrived."""

    seed: int
    missions: Sequence[int]
    kills: Sequence[int] = ()
    outages: Sequence[int] = ()
    refused_logins: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How a run came out."""

    balance: Balance
    complaints: list[str]
    counter: PostCounter
    killed: int
    took_s: float
    shown: frozenset[MissionId]


@dataclass(slots=True)
class _Town:
    """The server's bad hours, and the carrier that may be killed."""

    plan: Plan
    counter: PostCounter
    carrier: Process | None = None
    killed: int = 0
    _hours: set[asyncio.Task[None]] = field(default_factory=set)

    def on_arrival(self, arrival: Arrival) -> bool:
        """Let happen what is planned for this letter; false when nobody is left to hear the reply."""
        if arrival.number in self.plan.outages:
            self._begin(self._outage())
        if arrival.number in self.plan.refused_logins:
            self._begin(self._refused_logins())
        if arrival.number not in self.plan.kills or self.carrier is None:
            return True
        os.kill(self.carrier.pid, signal.SIGKILL)
        self.killed += 1
        return False

    def _begin(self, hour: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(hour)
        self._hours.add(task)
        task.add_done_callback(self._hours.discard)

    async def _outage(self) -> None:
        self.counter.close()
        await asyncio.sleep(_BAD_HOUR_S)
        await self.counter.open()

    async def _refused_logins(self) -> None:
        self.counter.accepts_logins = False
        self.counter.hang_up()
        await asyncio.sleep(_BAD_HOUR_S)
        self.counter.accepts_logins = True

    async def carry(self, environment: dict[str, str]) -> None:
        """Start a carrier, and another whenever one was killed, until one comes home."""
        while True:
            self.carrier = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.mail.carrier",
                env=environment, cwd=_ROOT, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
            )  # fmt: skip
            _, said = await self.carrier.communicate()
            if self.carrier.returncode != -signal.SIGKILL:
                assert self.carrier.returncode == 0, said.decode()[-2000:]
                return


async def run(plan: Plan, url: str, folder: Path) -> Account:
    """Deliver everything that a plan queues, whatever happens, and settle the account."""
    counter = PostCounter(befalls=Dice(seed=plan.seed).befalls)
    town = _Town(plan, counter)
    counter.on_arrival = town.on_arrival
    async with ledger_at(url) as ledger, open_counter(counter):
        await queue_letters(ledger, plan.missions, now=SystemClock().now())
        begun = time.monotonic()
        await town.carry(_environment(url, folder, counter.port))
        took_s = time.monotonic() - begun
        lines, arrivals = await lines_of(ledger, plan.missions), counter.by_letter()
        shown = frozenset(row.mission_id for row in await ledger.needs_person(limit=100_000))
    return Account(
        balance=balance(lines, arrivals),
        complaints=complaints(lines, arrivals, shown=shown),
        counter=counter,
        killed=town.killed,
        took_s=took_s,
        shown=shown,
    )


def _environment(url: str, folder: Path, port: int) -> dict[str, str]:
    plain = without_settings()
    return plain | settings_of(url, folder, port) | {
        "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
        "SYNCD_MAIL__MAILS_PER_MINUTE": "0",
        "SYNCD_MAIL__FINAL_REPLY_TIMEOUT_S": "0.3",
        "SYNCD_RETRY__FIRST_DELAY_S": "0.1",
        "SYNCD_RETRY__LONGEST_DELAY_S": "0.5",
    }  # fmt: skip


def settings_of(url: str, folder: Path, port: int) -> dict[str, str]:
    """Return the settings of an installation that writes to a mail server on this port."""
    return {
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_DATABASE__URL": url,
        "SYNCD_MISSIONS__URL": f"sqlite:///{folder / 'fvma.sqlite3'}",
        "SYNCD_CACTUS__ADAPTER": "mock",
        "SYNCD_MAIL__ADAPTER": "smtp",
        "SYNCD_MAIL__HOST": "127.0.0.1",
        "SYNCD_MAIL__PORT": str(port),
        "SYNCD_MAIL__SECURITY": "none",
        "SYNCD_MAIL__USERNAME": "syncd",
        "SYNCD_MAIL__PASSWORD": PASSWORD,
        "SYNCD_MAIL__SENDER": "alternance@example.org",
    }
