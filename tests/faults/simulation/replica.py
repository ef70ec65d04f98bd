"""One replica: the real daemon with all its jobs, in a process that can be paused, put to sleep, cut off and killed."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from random import Random

import structlog

from syncd.clock import SystemClock
from syncd.daemon import Daemon
from syncd.events import Log, log_happening
from syncd.jobs.advance import Advancer
from syncd.jobs.deliver import Deliverer
from syncd.jobs.effects import Bench
from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.jobs.send import MailPatience
from syncd.jobs.settle import Settler
from syncd.jobs.sweep import SweepLimits
from syncd.jobs.works import Rhythm, Works
from syncd.model import Campaigns, Event, MissionId, Moment, Patience, Policy, RecipientRule, Role
from syncd.ports.cactus import Cactus
from syncd.ports.ledger import CreationLimit, Ledger, QueuedLetter, TimelineEntry
from syncd.ports.mail import Mailer
from syncd.ports.missions import MissionStore
from syncd.service import ServiceManager
from tests.faults.simulation.archive import Archive, Reader
from tests.faults.simulation.kinds import LEASE, POLL, PROCESSING_TIME, SWEEP, instant
from tests.faults.simulation.loop import SimulatedLoop, come_to_pass
from tests.faults.simulation.processes import Process, this_process

PATIENCE = Patience(
    first_delay=timedelta(seconds=2),
    longest_delay=timedelta(seconds=20),
    processing_time=PROCESSING_TIME,
    reread_after=timedelta(seconds=90),
    poll_first=timedelta(seconds=15),
    poll_longest=timedelta(seconds=45),
)
RECIPIENTS = (
    RecipientRule(event=Event.CONTRACT_INITIALISED, to=(Role.STUDENT, Role.HR_CONTACT)),
    RecipientRule(event=Event.DECISION_FAVOURABLE, to=(Role.STUDENT, Role.CONTINUING_EDUCATION)),
    RecipientRule(event=Event.DOCUMENTS_AVAILABLE, to=(Role.STUDENT,)),
    RecipientRule(event=Event.REGISTRATION_REQUESTED, levels=("M1",), moment=Moment.VALIDATION, to=(Role.SECRETARIAT,)),
    RecipientRule(event=Event.REGISTRATION_REQUESTED, moment=Moment.DOCUMENTS, to=(Role.SECRETARIAT,)),
    RecipientRule(event=Event.CONTRACT_REOPENED, to=(Role.SUPERVISOR,)),
    RecipientRule(event=Event.MISSION_WITHDRAWN, to=(Role.SUPERVISOR,)),
)
"""Half of the usual letters: each costs what a contract's step costs, and tells the judge nothing new."""
CONCURRENCY = 5
_MAIL_CONNECTIONS = 4

log: Log = structlog.get_logger()


class ReplicaClock:
    """A wall clock that may be wrong, and a monotonic hand that goes on while the machine sleeps.

    The replica sees both through the service's own clock, and the ledger's server tells it the time.
    """

    def __init__(self, loop: SimulatedLoop, dice: Random) -> None:
        self.is_off_by = timedelta()
        self._loop = loop
        self._dice = dice
        self._ours = SystemClock(wall=self._wall, hand=self.monotonic)

    def _wall(self) -> datetime:
        return instant(self._loop.now) + self.is_off_by

    def now(self) -> datetime:
        """Return the instant that this replica goes by."""
        return self._ours.now()

    def agree_with(self, present: datetime, *, within: timedelta) -> None:
        """Take over the time of the ledger's server."""
        self._ours.agree_with(present, within=within)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._loop.now

    def throw(self) -> float:
        """Return a random number in [0, 1)."""
        return self._dice.random()

    async def sleep(self, duration: timedelta) -> None:
        """Return after this long, perhaps a little later."""
        moment = self._loop.create_future()
        timer = self._loop.call_later(max(duration.total_seconds(), 0.0), come_to_pass, moment)
        try:
            await moment
        finally:
            timer.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a replica reaches the world through."""

    cactus: Cactus
    mailer: Mailer
    missions: MissionStore
    archive: Archive
    ledger: Ledger


@dataclass(slots=True, kw_only=True)
class Replica:
    """A process and what its daemon works with."""

    process: Process
    clock: ReplicaClock
    works: Works
    loop: SimulatedLoop

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        return self.process.name

    @property
    def is_up(self) -> bool:
        """Whether it runs, be it stopped for the moment."""
        return not self.process.is_dead

    def start(self, at_end: "Callable[[Replica, BaseException | None], None]") -> None:
        """Start the daemon; `at_end` is told when it came to an end by itself, and of what."""
        daemon = Daemon(self.works, manager=ServiceManager(), may_reload=lambda: False)

        async def run() -> None:
            error: BaseException | None = None
            try:
                await daemon.run()
            except Exception as caught:  # noqa: BLE001 - whatever it is, the history must have it
                error = caught
            if not self.process.is_dead:
                at_end(self, error)

        self.process.spawn(self.loop, run(), name="daemon")

    def tell_to_stop(self) -> None:
        """Send SIGTERM."""
        handler = self.process.handlers.get(signal.SIGTERM)
        if handler is not None:
            self.process.context.run(self.loop.call_soon, handler)


def works_of(ports: Ports, clock: ReplicaClock, *, creations: int, patience: Patience = PATIENCE) -> Works:
    """Put the jobs together as the wiring does."""
    capabilities = ports.cactus.capabilities
    policy = Policy(campaigns=Campaigns(), capabilities=capabilities, patience=patience, recipients=RECIPIENTS)
    ledger, longest = ports.ledger, policy.patience.longest_delay
    cactus_gate = Gate("cactus", ledger=ledger, clock=clock, longest_delay=longest, width=CONCURRENCY)
    mail_gate = Gate("mail", ledger=ledger, clock=clock, longest_delay=longest, width=_MAIL_CONNECTIONS)
    check = Reader()
    documents = DocumentFetcher(cactus=ports.cactus, vault=ports.archive, check=check, clock=clock)
    settle = Settler(policy=policy, clock=clock, rests_until=cactus_gate.rests_until)
    bench = Bench(cactus=ports.cactus, documents=documents, gate=cactus_gate, clock=clock, policy=policy)
    advancer = Advancer(
        ledger=ledger, settle=settle, bench=bench, clock=clock, concurrency=CONCURRENCY,
        creations=CreationLimit(limit=creations), lease=LEASE,
    )  # fmt: skip
    deliverer = Deliverer(
        ledger=ledger, mailer=ports.mailer, compose=compose, gate=mail_gate, clock=clock,
        patience=MailPatience(delays=patience, yields_for=timedelta(seconds=5), most_per_hour=0),
        concurrency=_MAIL_CONNECTIONS, others_are_busy=lambda: advancer.is_busy,
    )  # fmt: skip
    return Works(
        policy=policy, clock=clock, ledger=ledger, missions=ports.missions, cactus=ports.cactus, mailer=ports.mailer,
        vault=ports.archive, pdf_check=check, settle=settle, advancer=advancer, deliverer=deliverer,
        cactus_gate=cactus_gate, mail_gate=mail_gate, sweep_limits=SweepLimits(gone_minimum=3),
        rhythm=Rhythm(poll=POLL, lease=LEASE, sweep=SWEEP),
    )  # fmt: skip


async def compose(letter: QueuedLetter) -> EmailMessage:
    """Write a letter of one line."""
    message = EmailMessage()
    message["To"] = address_of(str(letter.role), letter.mission_id)
    message["Message-ID"] = letter.message_id
    return message


def address_of(role: str, mission_id: str | None) -> str:
    """Return to whom a letter goes."""
    return f"{role}.{mission_id}@example.org"


def tell(mission_id: MissionId, entry: TimelineEntry) -> None:
    """Log what stands in the timeline."""
    if not this_process().is_dead:
        log_happening(log, entry.event, entry.detail, mission_id=mission_id)
