"""Reads contracts whole: rows, documents, notifications and rivals, in one statement each for a whole batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, select

from syncd.model import Event, Facts, MissionId, NotificationState, Role, StoredDocument
from syncd.model.replacing import replace
from syncd.store.codec import NotUnderstoodError
from syncd.store.engine import Transaction
from syncd.store.given import is_among, is_not_among
from syncd.store.rows import Loaded, Row, document_of, facts_of, notifications_of, rows_in
from syncd.store.tables import contracts, documents, is_one_of, letters

KNOWN_LETTERS = and_(
    is_one_of(letters.c.event, Event),
    is_one_of(letters.c.role, Role),
    is_one_of(letters.c.state, (NotificationState.QUEUED, NotificationState.UNKNOWN)),
)
"""Letters that wait, in words of this version: those in a newer one's are left to the newer version."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """Contracts that are worked on together. What one of them becomes, its rivals in the batch see."""

    loaded: Mapping[MissionId, Loaded]
    unreadable: tuple[MissionId, ...]
    known: dict[MissionId, Facts] = field(default_factory=dict)
    """The facts of the batch and of its rivals, without nested ones, as they have become."""
    active_keys: dict[str, MissionId] = field(default_factory=dict)
    """Which contract takes which student's place."""

    def with_rivals(self, facts: Facts) -> Facts:
        """Return the facts with what is known of their rivals now."""
        rivals = self.loaded[facts.mission_id].rivals
        known = tuple(self.known[rival] for rival in rivals if rival in self.known)
        return replace(facts, rivals=known) if known else facts

    def become(self, facts: Facts) -> None:
        """Let the rivals see what a contract has become."""
        self.known[facts.mission_id] = replace(facts, rivals=()) if facts.rivals else facts


async def load(tx: Transaction, rows: Sequence[Row]) -> Batch:
    """Return these rows as facts; rows that this version cannot read are named apart."""
    ids = [MissionId(str(row["mission_id"])) for row in rows]
    if not ids:
        return Batch(loaded={}, unreadable=())
    papers, announced = await _documents(tx, ids), await _notifications(tx, ids)
    found, unreadable = _readable(rows, papers, announced)
    rival_rows = await _rival_rows(tx, rows, ids)
    rivals, _ = _readable(rival_rows, {}, {})
    active_keys = {
        str(row["active_key"]): MissionId(str(row["mission_id"])) for row in (*rows, *rival_rows) if row["active_key"]
    }
    return _related(found, unreadable, rivals, active_keys, (*rows, *rival_rows))


async def load_where(tx: Transaction, statement: Select[*tuple[object, ...]]) -> Batch:
    """Return the contracts that a statement selects, as facts."""
    return await load(tx, await rows_of(tx, statement))


async def load_these(tx: Transaction, ids: Collection[str]) -> Batch:
    """Return these contracts as facts."""
    return await load(tx, await rows_of(tx, _these(is_postgres=tx.is_postgres), ids=ids))


async def load_locked(tx: Transaction, ids: Collection[MissionId]) -> Batch:
    """Return these contracts for writing, always in the same order, so that two transactions rarely cross."""
    return await load(tx, await rows_of(tx, _these_locked(is_postgres=tx.is_postgres), ids=ids))


async def rows_of(tx: Transaction, statement: Select[*tuple[object, ...]], **values: object) -> list[Row]:
    """Return the rows of a statement by column name."""
    return rows_in(await tx.connection.execute(statement, values))


_ANNOUNCED = (
    letters.c.mission_id, letters.c.event, letters.c.role, letters.c.cause, letters.c.state, letters.c.queued_at,
)  # fmt: skip

# Built once: to build a statement takes longer than to run it.


@cache
def _these(*, is_postgres: bool) -> Select[Any]:
    return select(contracts).where(is_among(contracts.c.mission_id, "ids", is_postgres=is_postgres))


@cache
def _these_locked(*, is_postgres: bool) -> Select[Any]:
    return _these(is_postgres=is_postgres).order_by(contracts.c.mission_id).with_for_update()


@cache
def _their_rivals(*, is_postgres: bool) -> Select[Any]:
    are_theirs = is_among(contracts.c.student_key, "keys", is_postgres=is_postgres)
    return select(contracts).where(are_theirs, is_not_among(contracts.c.mission_id, "ids", is_postgres=is_postgres))


@cache
def _their_documents(*, is_postgres: bool) -> Select[Any]:
    are_theirs = is_among(documents.c.mission_id, "ids", is_postgres=is_postgres)
    return select(documents).where(are_theirs).order_by(*documents.primary_key.columns)


@cache
def _their_letters(*, is_postgres: bool) -> Select[Any]:
    are_theirs = is_among(letters.c.mission_id, "ids", is_postgres=is_postgres)
    return select(*_ANNOUNCED).where(are_theirs).order_by(letters.c.letter_id)


def _readable(
    rows: Iterable[Row],
    papers: Mapping[MissionId, list[StoredDocument]],
    announced: Mapping[MissionId, list[Row]],
) -> tuple[dict[MissionId, Loaded], tuple[MissionId, ...]]:
    found, unreadable = {}, []
    for row in rows:
        mission_id = MissionId(str(row["mission_id"]))
        letters_of_it = notifications_of(announced.get(mission_id, []))
        try:
            facts = facts_of(row, tuple(papers.get(mission_id, ())), letters_of_it)
        except NotUnderstoodError:
            unreadable.append(mission_id)
        else:
            found[mission_id] = Loaded(row=row, facts=facts)
    return found, tuple(unreadable)


def _related(
    found: dict[MissionId, Loaded],
    unreadable: tuple[MissionId, ...],
    rivals: Mapping[MissionId, Loaded],
    active_keys: dict[str, MissionId],
    rows: Iterable[Row],
) -> Batch:
    everybody = {**rivals, **found}
    by_student: defaultdict[object, list[MissionId]] = defaultdict(list)
    for row in rows:
        if row["student_key"] is not None:
            by_student[row["student_key"]].append(MissionId(str(row["mission_id"])))
    for mission_id, one in found.items():
        others = tuple(other for other in by_student[one.row["student_key"]] if other != mission_id)
        if others:
            found[mission_id] = replace(one, rivals=tuple(sorted(others)))
    return Batch(
        loaded=found,
        unreadable=unreadable,
        known={mission_id: one.facts for mission_id, one in everybody.items()},
        active_keys=active_keys,
    )


async def _rival_rows(tx: Transaction, rows: Sequence[Row], ids: Sequence[MissionId]) -> list[Row]:
    keys = {str(row["student_key"]) for row in rows if row["student_key"] is not None}
    if not keys:
        return []
    return await rows_of(tx, _their_rivals(is_postgres=tx.is_postgres), keys=keys, ids=ids)


async def _documents(tx: Transaction, ids: Sequence[MissionId]) -> dict[MissionId, list[StoredDocument]]:
    found: defaultdict[MissionId, list[StoredDocument]] = defaultdict(list)
    for row in await rows_of(tx, _their_documents(is_postgres=tx.is_postgres), ids=ids):
        if (document := document_of(row)) is not None:
            found[MissionId(str(row["mission_id"]))].append(document)
    return found


async def _notifications(tx: Transaction, ids: Sequence[MissionId]) -> dict[MissionId, list[Row]]:
    found: defaultdict[MissionId, list[Row]] = defaultdict(list)
    for row in await rows_of(tx, _their_letters(is_postgres=tx.is_postgres), ids=ids):
        found[MissionId(str(row["mission_id"]))].append(row)
    return found
