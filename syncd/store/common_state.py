"""What all replicas share besides contracts and letters: gates, guards, flows, marks, the timeline."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import select, update

from syncd.model import MissionId
from syncd.ports.ledger import GateState, GuardState, TimelineEntry
from syncd.store.engine import Transaction
from syncd.store.leasing import ORDINARY_LANES
from syncd.store.letter_queue import mails_since
from syncd.store.part import LedgerPart
from syncd.store.rows import Columns
from syncd.store.settling import read_guard
from syncd.store.tables import contracts, flows, gates, guards, marks
from syncd.store.writing import Changes, insert_once, upsert


class CommonState(LedgerPart):
    """Small shared facts, each under its name."""

    async def gate(self, name: str) -> GateState:
        """Return the patience towards a remote."""
        columns = [gates.c[field.name] for field in fields(GateState)]

        async def work(tx: Transaction) -> GateState:
            row = (await tx.connection.execute(select(*columns).where(gates.c.name == name))).one_or_none()
            return GateState() if row is None else GateState(**row._asdict())

        return await self._database.read(work)

    async def set_gate(self, name: str, state: GateState) -> None:
        """Write the patience towards a remote."""

        async def work(tx: Transaction) -> None:
            await upsert(tx, gates, {"name": name, **asdict(state)})

        await self._database.write(work)

    async def guard(self, name: str) -> GuardState:
        """Return a brake."""
        return await self._database.read(lambda tx: read_guard(tx, name))

    async def trip(self, name: str, detail: str, *, now: datetime) -> None:
        """Put a brake on; the first detail stays."""
        is_off = (guards.c.name == name) & guards.c.tripped_at.is_(None)

        async def work(tx: Transaction) -> None:
            await tx.connection.execute(insert_once(tx, guards).values(name=name))
            await tx.connection.execute(update(guards).where(is_off).values(tripped_at=now, detail=detail))

        await self._database.write(work)

    async def approve(self, name: str, *, now: datetime) -> None:
        """Take a brake off, once: what happened until now no longer counts."""
        row: Columns = {"name": name, "tripped_at": None, "detail": None, "approved_at": now}

        async def work(tx: Transaction) -> None:
            await upsert(tx, guards, row)

        await self._database.write(work)

    async def wake_waiting(self, next_action: str, *, now: datetime, until: datetime) -> None:
        """Make due now what waits with this next action and is due by `until`; they stay in line."""
        is_waiting = contracts.c.lane.in_(ORDINARY_LANES) & contracts.c.due_at.between(now, until)
        statement = update(contracts).where(is_waiting, contracts.c.next_action == next_action)

        async def work(tx: Transaction) -> None:
            await tx.connection.execute(statement.values(due_at=tx.earlier(contracts.c.due_at, by=until - now)))

        await self._database.write(work)

    async def mails_since(self, since: datetime) -> int:
        """Return how many mails have left since then, those that only perhaps left and every repeat included."""
        return await self._database.read(lambda tx: mails_since(tx, since))

    async def note_flow(
        self, flow: str, *, now: datetime, error: str | None = None, rows: int = 0, changes: int = 0
    ) -> None:
        """Remember that a flow went through (or did not, and why), and when it last saw a row and a change."""
        row: Columns = {"flow": flow}
        row |= {"last_success_at": now, "last_error": None} if error is None else {
            "last_failure_at": now, "last_error": error,
        }  # fmt: skip
        row |= {"last_row_at": now} if rows else {}
        row |= {"last_change_at": now} if changes else {}

        async def work(tx: Transaction) -> None:
            await upsert(tx, flows, row)

        await self._database.write(work)

    async def note(self, mission_id: MissionId, entry: TimelineEntry, *, now: datetime) -> None:
        """Add one entry to a contract's timeline (an access, a look)."""
        changes = Changes(now=now, domain=self._identity.message_domain)
        changes.note(mission_id, entry)
        await self._database.write(changes.flush)

    async def set_mark(self, name: str, value: str) -> None:
        """Keep one small named value."""

        async def work(tx: Transaction) -> None:
            await upsert(tx, marks, {"name": name, "value": value})

        await self._database.write(work)

    async def mark(self, name: str) -> str | None:
        """Return a small named value."""

        async def work(tx: Transaction) -> str | None:
            found = await tx.connection.execute(select(marks.c.value).where(marks.c.name == name))
            return found.scalar_one_or_none()

        return await self._database.read(work)
