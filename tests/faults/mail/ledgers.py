"""A ledger with letters that wait, and what it says of each of them in the end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select

from syncd.clock import SystemClock
from syncd.model import Event, Facts, Mission, MissionId, Notification, NotificationState, Role
from syncd.ports.ledger import Amendment
from syncd.store import SqlLedger, open_ledger
from syncd.store.tables import letters
from tests.jobs.workshop import numbered

ROLES = (Role.STUDENT, Role.HR_CONTACT)
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One letter as the ledger has it."""

    message_id: str
    mission_id: MissionId
    recipient: str
    state: NotificationState
    doubts: int
    """How many of its attempts have an outcome that nobody knows."""
    attempts: int
    waits: bool


@asynccontextmanager
async def ledger_at(url: str) -> AsyncIterator[SqlLedger]:
    """Open a ledger beside those who work with it."""
    ledger = open_ledger(
        url, replica="onlooker", version="1", lease=timedelta(minutes=1), message_domain="example.org",
        clock=SystemClock(),
    )  # fmt: skip
    try:
        await ledger.migrate()
        yield ledger
    finally:
        await ledger.aclose()


async def queue_letters(ledger: SqlLedger, numbers: Sequence[int], *, now: datetime) -> None:
    """Queue two letters for each of these missions: one for its student, one for its company."""
    for start in range(0, len(numbers), _BATCH):
        missions = [numbered(number) for number in numbers[start : start + _BATCH]]
        await ledger.record_rows(missions, now=now)
        await ledger.amend([mission.mission_id for mission in missions], partial(_announced, now=now), now=now)


async def queue_letter(ledger: SqlLedger, number: int, *, now: datetime) -> str:
    """Queue one letter for one more mission; return whom it goes to."""
    mission = numbered(number)
    await ledger.record_rows([mission], now=now)
    await ledger.amend([mission.mission_id], partial(_announced, now=now, roles=ROLES[:1]), now=now)
    return address_of(mission, ROLES[0])


def _announced(facts: Facts, *, now: datetime, roles: Sequence[Role] = ROLES) -> Amendment:
    announced = (
        Notification(
            event=Event.CONTRACT_INITIALISED, role=role, cause="", state=NotificationState.QUEUED, created_at=now
        )
        for role in roles
    )
    return Amendment(facts=replace(facts, notifications=(*facts.notifications, *announced)))


def address_of(mission: Mission, role: Role) -> str:
    """Return where a role of a mission reads its mail."""
    address = mission.student_email if role is Role.STUDENT else mission.hr_contact_email
    assert address is not None
    return address


async def lines_of(ledger: SqlLedger, numbers: Sequence[int]) -> list[Line]:
    """Return every letter of these missions."""
    missions = {mission.mission_id: mission for mission in map(numbered, numbers)}
    async with ledger._database.engine.connect() as connection:
        rows = (await connection.execute(select(letters).order_by(letters.c.letter_id))).mappings().all()
    return [
        Line(
            message_id=row["message_id"],
            mission_id=MissionId(row["mission_id"]),
            recipient=address_of(missions[MissionId(row["mission_id"])], Role(row["role"])),
            state=NotificationState(row["state"]),
            doubts=row["repeats"],
            attempts=row["attempts"],
            waits=row["due_at"] is not None,
        )
        for row in rows
    ]
