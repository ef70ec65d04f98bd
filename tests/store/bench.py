"""What ledger tests share: a ledger on each database, invented missions, and a procedure small enough to see."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from syncd.actions import Effect, Initialise, LookUp
from syncd.model import (
    Asked,
    ContractId,
    Event,
    Facts,
    Mission,
    MissionId,
    Notification,
    NotificationState,
    RemoteContract,
    Role,
    Step,
    Track,
)
from syncd.ports.ledger import Amendment, Claim, Claimed, CreationLimit, Outcome, Settled
from syncd.standing import has_been_sent
from syncd.store import SqlLedger, open_ledger
from tests.support.clock import TickingClock

NOW = datetime(2025, 9, 2, 9, 0, tzinfo=UTC)
NO_LIMIT = CreationLimit(limit=0)
DATABASES = ("sqlite", "sqlite-wal", "postgresql")


def a_mission(name: str = "M-1", **changes: object) -> Mission:
    """Return an invented mission."""
    mission = Mission(
        mission_id=MissionId(name),
        updated_at=NOW,
        status="validated",
        validated_at=NOW - timedelta(days=30),
        track=Track.APPRENTISSAGE,
        academic_year="2025-2026",
        programme="M2 MIAGE ID2I",
        level="M2",
        campus="aix",
        student_number=f"number of {name}",
        contract_starts_on=date(2025, 10, 1),
    )
    return replace(mission, **changes)  # type: ignore[arg-type]


def missions(count: int) -> list[Mission]:
    """Return so many missions of so many students."""
    return [a_mission(f"M-{number:03}") for number in range(1, count + 1)]


def settle(facts: Facts, *, may_create: bool) -> Settled:
    """Ask for a contract once; look up what became of an intent; rest when it is linked, held or a rival is first."""
    if facts.quarantined or facts.manual_hold is not None or _has_sent_rival(facts):
        return settled(replace(facts, step=Step.HELD))
    if facts.asked is Asked.NEVER:
        if not may_create:
            return settled(facts, due_at=NOW + timedelta(minutes=1))
        asked = replace(facts, asked=Asked.UNDER_WAY, asked_at=NOW, first_asked_at=facts.first_asked_at or NOW)
        return settled(asked, effect=Initialise(mission=facts.mission, key="k"))
    if facts.contract_id is None and facts.asked is not Asked.CONFLICT:
        return settled(replace(facts, asked=Asked.UNKNOWN), effect=LookUp(reference=facts.mission_id))
    return settled(replace(facts, step=Step.AWAITING_STUDENT))


def settled(facts: Facts, *, effect: Effect | None = None, due_at: datetime | None = None) -> Settled:
    """Return a result without ornaments."""
    return Settled(
        facts=facts,
        entries=(),
        holds=(),
        warnings=(),
        effect=effect,
        due_at=due_at,
        next_action=None,
        is_active=facts.step is not Step.HELD,
        is_urgent=facts.mission.programme == "urgent",
        is_late_request=facts.mission.level == "late",
    )


def _has_sent_rival(facts: Facts) -> bool:
    return not has_been_sent(facts) and any(has_been_sent(rival) for rival in facts.rivals)


def linked(facts: Facts) -> Amendment:
    """CACTUS created the contract, and the student is to be told."""
    contract_id = ContractId(f"C-{facts.mission_id}")
    remote = RemoteContract(contract_id=contract_id, external_reference=facts.mission_id, status="initialised")
    facts = replace(facts, asked=Asked.ANSWERED, contract_id=contract_id, linked_at=NOW, remote=remote)
    return Amendment(facts=with_letter(facts, Event.CONTRACT_INITIALISED))


def with_letter(facts: Facts, event: Event, *, role: Role = Role.STUDENT, cause: str = "") -> Facts:
    """Return the facts with one more letter."""
    letter = Notification(event=event, role=role, cause=cause, state=NotificationState.QUEUED, created_at=NOW)
    return replace(facts, notifications=(*facts.notifications, letter))


def outcome(claim: Claim) -> Outcome:
    """The effect went well."""
    return Outcome(mission_id=claim.facts.mission_id, token=claim.token, apply=linked)


@dataclass(kw_only=True)
class Bench:
    """Ledgers on one database."""

    url: str
    wal: bool | None
    opened: list[SqlLedger] = field(default_factory=list)

    @property
    def is_postgres(self) -> bool:
        """Whether leases follow the database's clock."""
        return self.url.startswith("postgresql")

    def open(self, replica: str = "r1", *, lease: timedelta = timedelta(minutes=1)) -> SqlLedger:
        """Return one more ledger on the same database, as another process would have it."""
        ledger = open_ledger(
            self.url,
            replica=replica,
            version="1",
            lease=lease,
            message_domain="example.org",
            clock=TickingClock(NOW),
            sqlite_wal=self.wal,
        )
        self.opened.append(ledger)
        return ledger

    async def prepared(self, *rows: Mission, lease: timedelta = timedelta(minutes=1)) -> SqlLedger:
        """Return a ledger that knows these missions."""
        ledger = self.open(lease=lease)
        await ledger.migrate()
        await ledger.record_rows(rows, now=NOW)
        return ledger


async def claim(ledger: SqlLedger, *, limit: int = 100, now: datetime = NOW, **others: object) -> Claimed:
    """Claim with the small procedure."""
    wanted = {"settle": settle, "creations": NO_LIMIT} | others
    return await ledger.claim(limit=limit, now=now, **wanted)  # type: ignore[arg-type]


async def link_all(ledger: SqlLedger) -> None:
    """Bring every due contract to its letter."""
    claimed = await claim(ledger)
    await ledger.record([outcome(c) for c in claimed.claims], now=NOW, settle=settle, creations=NO_LIMIT)


@asynccontextmanager
async def bench_on(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Bench]:
    """Give a bench on the database that the test asks for; close every ledger afterwards, and miss no connection."""
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{folder / 'ledger.db'}"
    bench = Bench(url=url, wal=None if is_postgres else request.param == "sqlite-wal")
    yield bench
    for ledger in bench.opened:
        assert "Current Checked out connections: 0" in ledger.pool_status()
        await ledger.aclose()


async def run(ledger: SqlLedger, statement: str) -> None:
    """Change the database behind the ledger's back."""
    async with ledger._database.engine.connect() as connection:
        await connection.execute(text(statement))
        await connection.commit()


async def column(ledger: SqlLedger, statement: str) -> list[object]:
    """Look into the database behind the ledger's back."""
    async with ledger._database.engine.connect() as connection:
        return list((await connection.execute(text(statement))).scalars())


@contextmanager
def statements_of(ledger: SqlLedger) -> Iterator[list[str]]:
    """Collect what is sent to the database, the transaction's own words left out."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if not statement.startswith(("BEGIN", "SELECT clock_timestamp(), set_config")):
            sent.append(statement)

    event.listen(ledger._database.engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(ledger._database.engine.sync_engine, "before_cursor_execute", note)
