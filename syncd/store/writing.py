"""Writes what contracts became: only the columns that differ, gathered for a batch and written in few statements."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID, uuid5

from sqlalchemy import Insert, Table, Update, bindparam, case, update

from syncd.model import Event, Facts, MissionId, Notification, NotificationState, Role, Step, StoredDocument
from syncd.ports.ledger import TimelineEntry
from syncd.store.bulk import insert_into, insert_rows, update_rows
from syncd.store.codec import to_json
from syncd.store.columns import Instant
from syncd.store.engine import Happening, RaceLostError, Transaction
from syncd.store.given import OF, is_among
from syncd.store.rows import Columns, Loaded, changed_columns
from syncd.store.tables import LetterLane, contracts, documents, letters, timeline

_MESSAGES = UUID("0f7f3a52-53d4-5a7e-8a49-2d6f5d0a9c43")
_RESTING = frozenset({Step.HELD, Step.CLOSED})
NEVER_BLOCKED = frozenset({
    Event.CONTRACT_REFUSED, Event.CONTRACT_REOPENED, Event.CONTRACT_CANCELLED, Event.MISSION_WITHDRAWN,
})  # fmt: skip
"""What the supervisor must learn although the contract is held or closed."""


def message_id(mission_id: str, event: str, role: str, cause: str, resend: int, *, domain: str) -> str:
    """Return the Message-ID of a letter: the same in every attempt and after a restore."""
    return f"<{uuid5(_MESSAGES, '|'.join((mission_id, event, role, cause, str(resend))))}@{domain}>"


@dataclass(slots=True, kw_only=True)
class Changes:
    """What a transaction is going to write about contracts."""

    now: datetime
    domain: str
    _updates: list[tuple[Loaded, Columns]] = field(default_factory=list)
    _letters: list[Columns] = field(default_factory=list)
    _documents: list[Columns] = field(default_factory=list)
    _superseded: list[Columns] = field(default_factory=list)
    _entries: list[Columns] = field(default_factory=list)
    _happenings: list[Happening] = field(default_factory=list)
    _blocked: dict[MissionId, bool] = field(default_factory=dict)
    _nudged: set[MissionId] = field(default_factory=set)

    def change(self, one: Loaded, after: Facts, work: Columns, entries: Sequence[TimelineEntry] = ()) -> bool:
        """Write what differs between a contract's row and these facts, with its place in the work; whether it did.

        `work` are columns outside the facts: the settled ones, the lease, when it is due.
        """
        before = one.facts
        columns = changed_columns(before, after)
        columns |= {name: value for name, value in work.items() if name not in one.row or one.row[name] != value}
        has_more = self._add_letters(before, after) | self._add_documents(before, after)
        for entry in entries:
            self.note(one.mission_id, entry)
        if not columns:
            return has_more
        if columns.keys() - _WORK:
            columns["changed_at"] = self.now
        self._updates.append((one, columns))
        self._follow(one, columns, before, after)
        return True

    def note(self, mission_id: MissionId, entry: TimelineEntry) -> None:
        """Add an entry to a contract's timeline."""
        row = {"mission_id": mission_id, "at": self.now, "event": entry.event, "detail": dict(entry.detail)}
        self._entries.append(row)
        self._happenings.append((mission_id, entry))

    def _follow(self, one: Loaded, columns: Columns, before: Facts, after: Facts) -> None:
        """A hold stops the letters that wait; a contract that gives way or comes in wakes its rivals."""
        if (before.step in _RESTING) != (after.step in _RESTING):
            self._blocked[one.mission_id] = after.step in _RESTING
        if one.rivals and columns.keys() & {"step", "is_active", "active_key", "student_key"}:
            self._nudged.update(one.rivals)

    def _add_letters(self, before: Facts, after: Facts) -> bool:
        known = {(n.event, n.role, n.cause) for n in before.notifications}
        new = [n for n in after.notifications if (n.event, n.role, n.cause) not in known]
        for letter in new:
            is_blocked = after.step in _RESTING and letter.event not in NEVER_BLOCKED
            self._letters.append(self._letter(after.mission_id, letter, is_blocked=is_blocked))
        return bool(new)

    def _letter(self, mission_id: MissionId, letter: Notification, *, is_blocked: bool) -> Columns:
        return new_letter(
            mission_id,
            letter.event,
            letter.role,
            letter.cause,
            now=self.now,
            domain=self.domain,
            queued_at=letter.created_at,
            is_blocked=is_blocked,
        )

    def _add_documents(self, before: Facts, after: Facts) -> bool:
        known = {(d.kind, d.version): d for d in before.documents}
        for document in after.documents:
            old = known.get((document.kind, document.version))
            if old is None:
                self._documents.append(_document(after.mission_id, document))
            elif old != document:
                self._superseded.append({
                    f"{OF}mission_id": after.mission_id, f"{OF}kind": str(document.kind),
                    f"{OF}version": document.version,
                    "superseded_at": document.superseded_at, "file_id": document.file_id,
                })  # fmt: skip
        return before.documents != after.documents

    # ------------------------------------------------------------------------------------------------------- flushing

    async def flush(self, tx: Transaction) -> None:
        """Write everything, in as few statements as there are kinds of change."""
        await self._update_contracts(tx)
        if self._documents:
            await insert_rows(tx, documents, self._documents)
        if self._superseded:
            await update_rows(tx, documents, self._superseded)
        await self._block_letters(tx)
        if self._letters:
            await insert_rows(tx, letters, self._letters, are_new=False)
        if self._entries:
            await insert_rows(tx, timeline, self._entries)
            tx.happenings.extend(self._happenings)
        if self._nudged:
            await wake(tx, sorted(self._nudged), now=self.now)

    async def _update_contracts(self, tx: Transaction) -> None:
        alike: defaultdict[tuple[str, ...], list[Columns]] = defaultdict(list)
        for one, columns in self._updates:
            key = {f"{OF}mission_id": one.mission_id, f"{OF}lease_token": one.row["lease_token"]}
            alike[tuple(sorted(columns))].append(columns | key)
        for rows in alike.values():
            if await update_rows(tx, contracts, rows) not in (len(rows), -1):
                raise RaceLostError

    async def _block_letters(self, tx: Transaction) -> None:
        for is_blocked in (True, False):
            ids = [mission_id for mission_id, blocked in self._blocked.items() if blocked is is_blocked]
            if ids:
                await _set_blocked(tx, ids, is_blocked=is_blocked, now=self.now)


_WORK = frozenset({"due_at", "lane", "lease_owner", "lease_token", "lease_until", "crashes"})


def new_letter(
    mission_id: str,
    event: Event,
    role: Role,
    cause: str,
    *,
    now: datetime,
    domain: str,
    queued_at: datetime,
    is_blocked: bool,
    resend: int = 0,
) -> Columns:
    """Return the row of a letter that waits to be sent."""
    return {
        "mission_id": mission_id,
        "event": str(event),
        "role": str(role),
        "cause": cause,
        "resend": resend,
        "message_id": message_id(mission_id, event, role, cause, resend, domain=domain),
        "state": str(NotificationState.QUEUED),
        "is_blocked": is_blocked,
        "lane": LetterLane.BLOCKED if is_blocked else LetterLane.NEW,
        "due_at": now,
        "attempts": 0,
        "repeats": 0,
        "queued_at": queued_at,
        "lease_token": 0,
    }


def insert_once(tx: Transaction, table: Table) -> Insert:
    """Insert what is not there yet; what is there stays as it is."""
    return _inserting_once(table, is_postgres=tx.is_postgres)


@cache
def _inserting_once(table: Table, *, is_postgres: bool) -> Insert:
    return insert_into(table, is_postgres=is_postgres).on_conflict_do_nothing()


async def wake(tx: Transaction, mission_ids: Sequence[MissionId], *, now: datetime) -> None:
    """Make these contracts due now, unless they are.

    Even those that are due are written, and so waited for: another replica may just be settling one, without having
    seen what is told here, and be about to let it rest.
    """
    await tx.connection.execute(_waking(is_postgres=tx.is_postgres), {"ids": mission_ids, "now": now})


@cache
def _waking(*, is_postgres: bool) -> Update:
    at = case((contracts.c.due_at <= _NOW, contracts.c.due_at), else_=_NOW)
    are_these = is_among(contracts.c.mission_id, "ids", is_postgres=is_postgres)
    return update(contracts).where(are_these).values(due_at=at)


_NOW = bindparam("now", type_=Instant())
_UNSENT = [str(state) for state in NotificationState if state is not NotificationState.SENT]


async def _set_blocked(tx: Transaction, mission_ids: Sequence[MissionId], *, is_blocked: bool, now: datetime) -> None:
    """Stop the letters that wait, or let them go: then their patience begins, for nobody has tried them meanwhile."""
    statement = _blocking(is_blocked=is_blocked, is_postgres=tx.is_postgres)
    await tx.connection.execute(statement, {"ids": mission_ids} | ({} if is_blocked else {"now": now}))


@cache
def _blocking(*, is_blocked: bool, is_postgres: bool) -> Update:
    waiting = case((letters.c.attempts > 0, LetterLane.DEFERRED), else_=LetterLane.NEW)
    lane = case(
        (letters.c.due_at.is_(None), None),
        else_=LetterLane.BLOCKED if is_blocked else waiting,
    )
    statement = (
        update(letters)
        .where(is_among(letters.c.mission_id, "ids", is_postgres=is_postgres), letters.c.state.in_(_UNSENT))
        .where(letters.c.event.not_in([str(event) for event in NEVER_BLOCKED]))
        .values(is_blocked=is_blocked, lane=lane)
    )
    if is_blocked:
        return statement
    has_waited = letters.c.is_blocked & letters.c.due_at.is_not(None)
    return statement.values(queued_at=case((has_waited, _NOW), else_=letters.c.queued_at))


def _document(mission_id: MissionId, document: StoredDocument) -> Columns:
    row = to_json(document)
    assert isinstance(row, dict)  # noqa: S101 - a dataclass becomes an object
    instants = {"stored_at": document.stored_at, "superseded_at": document.superseded_at}
    return row | {"mission_id": mission_id} | instants


async def upsert(tx: Transaction, table: Table, row: Columns) -> None:
    """Insert a row, or write it over the one with the same key."""
    await tx.connection.execute(_upserting(table, tuple(row), is_postgres=tx.is_postgres), row)


@cache
def _upserting(table: Table, names: tuple[str, ...], *, is_postgres: bool) -> Insert:
    keys = [column.name for column in table.primary_key.columns]
    inserted = insert_into(table, is_postgres=is_postgres)
    written = {name: inserted.excluded[name] for name in names if name not in keys}
    return inserted.on_conflict_do_update(index_elements=keys, set_=written)
