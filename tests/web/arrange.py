"""A ledger that only answers what the pages ask, and the pages served on a free port."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import aiohttp

from syncd.errors import Transient
from syncd.model import ContractId, Event, HoldCode, MissionId, NotificationState, Role, Step, Track
from syncd.ports.clock import Clock
from syncd.ports.ledger import GateState, GuardState, Ledger
from syncd.ports.reading import Backlog, ContractRow, FlowRow, LetterRow, ReplicaRow
from syncd.web import serve_ops
from syncd.web.doorkeeper import Token
from syncd.web.snapshot import Snapshot, read_snapshot
from tests.support.clock import A_TUESDAY, FixedClock

NOW = A_TUESDAY
NOTHING = Backlog(
    contracts_due=0, oldest_due_at=None, letters_queued=0, oldest_letter_at=None, letters_failed=0, letters_unknown=0
)


def ago(**duration: float) -> datetime:
    """Return a moment before `NOW`."""
    return NOW - timedelta(**duration)


def flow(name: str, success: datetime | None = NOW, **others: object) -> FlowRow:
    """Return a flow that went through just now, unless told otherwise."""
    known: dict[str, object] = {
        "last_failure_at": None,
        "last_error": None,
        "last_row_at": None,
        "last_change_at": None,
    }
    return FlowRow(flow=name, last_success_at=success, **(known | others))  # type: ignore[arg-type]  # of this test


def replica(name: str = "pivert:41:a1b2c3d4", heartbeat: datetime = NOW) -> ReplicaRow:
    """Return a process that lives, unless told otherwise."""
    return ReplicaRow(
        replica=name, host="pivert", pid=41, version="0.1.0", started_at=ago(days=3), heartbeat_at=heartbeat
    )


def contract(mission_id: str, *codes: HoldCode, step: Step = Step.HELD, is_late: bool = False) -> ContractRow:
    """Return a contract that needs a person."""
    return ContractRow(
        mission_id=MissionId(mission_id), track=Track.APPRENTISSAGE, campus="aix", level="M2",
        academic_year="2025-2026", programme=None, step=step, hold_codes=codes, is_late=is_late,
        contract_id=ContractId("C-1"), contract_starts_on="2025-10-01", due_at=None, attempts=1, last_error=None,
        next_action=None, changed_at=ago(hours=1),
    )  # fmt: skip


def letter(mission_id: str, state: NotificationState, error: str = "550 5.1.1 no such mailbox") -> LetterRow:
    """Return a letter that did not arrive for sure."""
    return LetterRow(
        letter_id=7, mission_id=MissionId(mission_id), event=Event.CONTRACT_INITIALISED, role=Role.HR_CONTACT,
        cause="", state=state, is_blocked=False, message_id="<7@example.org>", attempts=2, queued_at=ago(hours=3),
        sent_at=None, retry_at=None, last_error=error,
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class FakeLedger:
    """Answers from its attributes, counts how often it is read, and can fall silent or fail."""

    steps: Mapping[Step, int] = field(default_factory=dict)
    flow_rows: tuple[FlowRow, ...] = ()
    waiting: Backlog = NOTHING
    gates: dict[str, GateState] = field(default_factory=dict)
    guards: dict[str, GuardState] = field(default_factory=dict)
    people: tuple[ContractRow, ...] = ()
    lost: tuple[LetterRow, ...] = ()
    registry: tuple[ReplicaRow, ...] = ()
    is_down: bool = False
    is_silent: bool = False
    readings: int = 0
    proofs: int = 0
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def count_by_step(self) -> Mapping[Step, int]:
        self.readings += 1
        await self._answer()
        return self.steps

    async def flows(self) -> tuple[FlowRow, ...]:
        return self.flow_rows

    async def backlog(self, *, now: datetime) -> Backlog:  # noqa: ARG002  # the port's
        return self.waiting

    async def gate(self, name: str) -> GateState:
        return self.gates.get(name, GateState())

    async def guard(self, name: str) -> GuardState:
        return self.guards.get(name, GuardState())

    async def needs_person(self, *, limit: int = 200) -> tuple[ContractRow, ...]:
        return self.people[:limit]

    async def letters(self, *, state: NotificationState | None = None, limit: int = 200) -> tuple[LetterRow, ...]:
        return tuple(letter for letter in self.lost if letter.state is state)[:limit]

    async def replicas(self) -> tuple[ReplicaRow, ...]:
        return self.registry

    async def mark(self, name: str) -> str | None:  # noqa: ARG002  # the port's
        self.proofs += 1
        await self._answer()
        return None

    async def _answer(self) -> None:
        self.is_asked.set()
        if self.is_silent:
            await asyncio.Event().wait()
        if self.is_down:
            raise Transient("the database is unreachable", is_general=True)
        await asyncio.sleep(0)

    def as_port(self) -> Ledger:
        """Return itself as what the pages take; they call nothing that is not here."""
        return cast("Ledger", self)


@dataclass(slots=True, kw_only=True)
class FakeHealth:
    """A daemon as the pages see it."""

    is_ready: bool = True
    progressed_at: float = 1000.0


def healthy_ledger() -> FakeLedger:
    """Return a ledger of a day when nothing is wrong."""
    return FakeLedger(
        steps={Step.AWAITING_STUDENT: 12, Step.AWAITING_COMPANY: 7, Step.DONE: 1284},
        flow_rows=(flow("feed", ago(seconds=20)), flow("missions", ago(seconds=30), last_change_at=ago(hours=2)),
                   flow("sweep", ago(hours=9))),
        registry=(replica(),),
    )  # fmt: skip


def troubled_ledger() -> FakeLedger:
    """Return a ledger of a bad day."""
    return FakeLedger(
        steps={Step.HELD: 3, Step.TO_INITIALISE: 41, Step.AWAITING_STUDENT: 12, Step.AWAITING_COMPANY: 7,
               Step.AWAITING_DOCUMENTS: 2, Step.TO_REGISTER: 1, Step.DONE: 1284, Step.CLOSED: 9},
        flow_rows=(
            flow("feed", ago(minutes=4), last_failure_at=ago(seconds=50), last_error="CACTUS does not answer"),
            flow("mail", ago(days=2)),
            flow("missions", ago(hours=5), last_failure_at=ago(seconds=40), last_error="the mission store is locked"),
            flow("sweep", ago(hours=9)),
        ),
        waiting=Backlog(
            contracts_due=41, oldest_due_at=ago(minutes=47), contracts_retrying=3, letters_queued=26,
            oldest_letter_at=ago(hours=1), letters_failed=1, letters_unknown=1, letters_retrying=2,
        ),
        gates={
            "cactus": GateState(failures=12, closed_until=NOW + timedelta(seconds=20), reason="CACTUS answers 503"),
            "mail": GateState(closed_until=ago(seconds=5), reason="the login is refused", is_credentials=True),
        },
        guards={"contracts": GuardState(tripped_at=ago(minutes=50), detail="201 new contracts, 200 are allowed")},
        people=(
            contract("FVMA-2025-0042", HoldCode.HR_EMAIL_INVALID, HoldCode.START_TOO_LATE, is_late=True),
            contract("FVMA-2025-0107", HoldCode.MISSION_CHANGED_SINCE_VALIDATION),
            contract("FVMA-2025-0311", HoldCode.MANUAL_HOLD),
            contract("FVMA-2025-0500", step=Step.AWAITING_STUDENT),
        ),
        lost=(letter("FVMA-2025-0500", NotificationState.FAILED),
              letter("FVMA-2025-0777", NotificationState.UNKNOWN, "the answer was lost")),
        registry=(replica(heartbeat=ago(seconds=1)), replica("mesange:12:deadbeef", ago(minutes=6))),
    )  # fmt: skip


async def snapshot_of(ledger: FakeLedger, now: datetime = NOW) -> Snapshot:
    """Return what the pages would read."""
    return await read_snapshot(ledger.as_port(), FixedClock(now))


@asynccontextmanager
async def served(
    ledger: FakeLedger | None = None,
    *,
    health: FakeHealth | None = None,
    clock: Clock | None = None,
    token: Token | None = None,
) -> AsyncIterator[str]:
    """Serve the pages of a ledger on a free port and give their base URL."""
    port = (ledger or healthy_ledger()).as_port()
    async with serve_ops(
        health or FakeHealth(), port, clock or FixedClock(), host="127.0.0.1", port=0, token=token
    ) as url:
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]


async def ask(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request and return the answer, headers by their usual names in small letters."""
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as response:
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, text=await response.text(), headers=found)
