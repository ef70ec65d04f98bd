"""What tests of the jobs work with: a real ledger on SQLite, CACTUS and the vault in memory, a clock of our own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import cast

from syncd.adapters.cactus.mock import MockCactus
from syncd.adapters.documents.memory import MemoryVault
from syncd.adapters.missions import SqlMissionStore
from syncd.jobs.advance import Advancer
from syncd.jobs.deliver import Deliverer
from syncd.jobs.effects import Bench
from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.jobs.send import Compose, MailPatience
from syncd.jobs.settle import Settler
from syncd.jobs.sweep import SweepLimits
from syncd.jobs.works import Rhythm, Works
from syncd.model import Campaigns, Mission, MissionId, Patience, Policy, Step
from syncd.ports.cactus import Cactus
from syncd.ports.ledger import CreationLimit, GateState, Ledger, QueuedLetter
from syncd.ports.mail import Mailer
from syncd.ports.missions import MissionStore
from syncd.ports.reading import ContractView
from syncd.store import SqlLedger, open_ledger
from tests.conformance.examples import A_MISSION
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import Missions

PATIENCE = Patience(first_delay=timedelta(seconds=4), longest_delay=timedelta(minutes=10))
POLICY = Policy(campaigns=Campaigns(), patience=PATIENCE)
LETTER_LEASE = timedelta(minutes=15)
LEASE = timedelta(minutes=1)
A_SECOND = timedelta(seconds=1)


def numbered(number: int, **changed: object) -> Mission:
    """Return a mission of a student of its own that nothing speaks against."""
    mission = replace(
        A_MISSION,
        mission_id=MissionId(f"FVMA-2025-{number:04d}"),
        student_number=f"2200{number:04d}",
        student_email=f"student{number}@example.org",
        hr_contact_email=f"rh{number}@example.com",
    )
    return replace(mission, **changed)  # type: ignore[arg-type]


async def until(is_so: Callable[[], bool] | Callable[[], Awaitable[bool]], *, within_s: float = 20) -> None:
    """Return once something is so; twenty seconds are more than anything here may take, also beside other tests."""
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to that")


def id_of(number: int) -> MissionId:
    """Return the id of a numbered mission."""
    return numbered(number).mission_id


@dataclass
class Post:
    """A mailer in memory: takes what neither `troubles` (in turn) nor `for_ever` (`*`: all) speak against."""

    sent: list[EmailMessage] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    for_ever: dict[str, Exception] = field(default_factory=dict)
    is_idempotent: bool = False
    tried: int = 0

    async def send(self, message: EmailMessage) -> None:
        """Keep the message or raise what was put there for it."""
        self.tried += 1
        always = self.for_ever.get("*") or self.for_ever.get(str(message["To"]))
        if always is not None:
            raise always
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(message)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def recipients(self) -> list[str]:
        """Return to whom messages went, in order."""
        return [str(message["To"]) for message in self.sent]


class Examiner:
    """A PDF check whose verdict the test gives."""

    def __init__(self) -> None:
        self.verdict: str | None = None

    async def fault_of(self, content: bytes) -> str | None:  # noqa: ARG002 - the shape of the port
        """Return the verdict."""
        return self.verdict

    async def aclose(self) -> None:
        """There is nothing to close."""


async def short_message(letter: QueuedLetter) -> EmailMessage:
    """Compose a letter of one line."""
    message = EmailMessage()
    message["To"] = f"{letter.role}.{letter.mission_id}@example.org"
    message["Message-ID"] = letter.message_id
    message["X-Syncd-Event"] = str(letter.event)
    message.set_content("Bonjour")
    return message


@dataclass(kw_only=True)
class Workshop:
    """One process' jobs on one ledger."""

    works: Works
    ledger: SqlLedger
    clock: FixedClock
    rows: Missions

    @property
    def cactus(self) -> MockCactus:
        """The remote, with its hands."""
        assert isinstance(self.works.cactus, MockCactus)
        return self.works.cactus

    @property
    def post(self) -> Post:
        """The mailer, with what it took."""
        assert isinstance(self.works.mailer, Post)
        return self.works.mailer

    async def discover(self, *missions: Mission) -> None:
        """Let the ledger know missions."""
        await self.ledger.record_rows(missions, now=self.clock.now())

    async def initialised(self, *numbers: int) -> None:
        """Bring missions to their contract in CACTUS."""
        await self.discover(*(numbered(number) for number in numbers))
        await self.works.advancer.drain()

    async def view(self, number: int) -> ContractView:
        """Return a contract, whole."""
        view = await self.ledger.view(id_of(number))
        assert view is not None
        return view

    async def step(self, number: int) -> Step:
        """Return where a contract stands."""
        return (await self.view(number)).row.step

    async def stands_at(self, number: int, step: Step) -> bool:
        """Whether a contract stands at a step."""
        return await self.step(number) is step

    async def events(self, number: int) -> list[str]:
        """Return the timeline of a contract by its names."""
        return [entry.event for entry in (await self.view(number)).timeline]

    async def drain_later(self, after: timedelta) -> int:
        """Let time pass, then work."""
        self.clock.advance(after)
        return await self.works.advancer.drain()

    async def gate_state(self, name: str = "cactus") -> GateState:
        """Return what the ledger knows of a gate."""
        return await self.ledger.gate(name)


@asynccontextmanager
async def open_workshop(
    url_or_folder: str | Path,
    folder: Path,
    *,
    replica: str = "r1",
    now: datetime = NOW,
    clock: FixedClock | None = None,
    cactus: Cactus | None = None,
    mailer: Mailer | None = None,
    missions: MissionStore | None = None,
    compose: Compose = short_message,
    policy: Policy = POLICY,
    mail: MailPatience | None = None,
    concurrency: int = 8,
    creations: int = 0,
    wrap: Callable[[SqlLedger], object] = lambda ledger: ledger,
) -> AsyncIterator[Workshop]:
    """Open a workshop on a ledger's URL or on a SQLite file in a folder; `wrap` puts something before the ledger."""
    clock = clock or FixedClock(now)
    url = url_or_folder if isinstance(url_or_folder, str) else f"sqlite:///{url_or_folder / 'ledger.db'}"
    ledger = open_ledger(
        url, replica=replica, version="1", lease=LEASE, letter_lease=LETTER_LEASE, message_domain="example.org",
        clock=clock,
    )  # fmt: skip
    rows = Missions(folder / f"fvma-{replica}.sqlite3")
    store = missions or SqlMissionStore(f"sqlite:///{rows.file}")
    remote = cactus or MockCactus(clock, capabilities=policy.capabilities)
    try:
        await ledger.migrate()
        works = works_of(
            clock=clock, ledger=cast("Ledger", wrap(ledger)), cactus=remote, mailer=mailer or Post(), missions=store,
            compose=compose, policy=policy, mail=mail or MailPatience(delays=policy.patience), concurrency=concurrency,
            creations=creations,
        )  # fmt: skip
        yield Workshop(works=works, ledger=ledger, clock=clock, rows=rows)
    finally:
        await store.aclose()
        await ledger.aclose()


def works_of(
    *, clock: FixedClock, ledger: Ledger, cactus: Cactus, mailer: Mailer, missions: MissionStore, compose: Compose,
    policy: Policy, mail: MailPatience, concurrency: int, creations: int,
) -> Works:  # fmt: skip
    """Put the jobs together as the wiring does."""
    vault, check, numbers = MemoryVault(bytes(32), new_id=lambda: f"{next(numbers):032x}"), Examiner(), count()
    longest = policy.patience.longest_delay
    cactus_gate = Gate("cactus", ledger=ledger, clock=clock, longest_delay=longest, width=concurrency)
    mail_gate = Gate("mail", ledger=ledger, clock=clock, longest_delay=longest, width=4)
    documents = DocumentFetcher(cactus=cactus, vault=vault, check=check, clock=clock)
    settle = Settler(policy=policy, clock=clock, rests_until=cactus_gate.rests_until)
    bench = Bench(cactus=cactus, documents=documents, gate=cactus_gate, clock=clock, policy=policy)
    advancer = Advancer(
        ledger=ledger, settle=settle, bench=bench, clock=clock, concurrency=concurrency,
        creations=CreationLimit(limit=creations), lease=LEASE,
    )  # fmt: skip
    deliverer = Deliverer(
        ledger=ledger, mailer=mailer, compose=compose, gate=mail_gate, clock=clock, patience=mail, concurrency=4,
        others_are_busy=lambda: advancer.is_busy,
    )  # fmt: skip
    return Works(
        policy=policy, clock=clock, ledger=ledger, missions=missions, cactus=cactus, mailer=mailer, vault=vault,
        pdf_check=check, settle=settle, advancer=advancer, deliverer=deliverer, cactus_gate=cactus_gate,
        mail_gate=mail_gate, sweep_limits=SweepLimits(), rhythm=Rhythm(lease=LEASE),
    )  # fmt: skip
