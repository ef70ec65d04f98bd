"""Reads the ledger for people: pages, one contract whole, what waits. Nothing here decides anything."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, select, true, union

from syncd.model import ContractId, Facts, MissionId, NotificationState, Step
from syncd.ports.reading import (
    Backlog,
    ContractFilter,
    ContractRow,
    ContractView,
    FlowRow,
    LetterRow,
    ReplicaRow,
    TimelineRow,
)
from syncd.store.engine import Transaction
from syncd.store.leasing import ORDINARY_LANES
from syncd.store.loading import load_these, load_where, rows_of
from syncd.store.part import LedgerPart
from syncd.store.shown import SHOWN, contract_row, holds_of, letter_row, warnings_of
from syncd.store.tables import (
    IS_IN_NEWER_WORDS,
    IS_LEFT_ALONE,
    IS_RETRYING,
    KNOWN_WORDS,
    Lane,
    LetterLane,
    contracts,
    documents,
    flows,
    letters,
    replicas,
    timeline,
)

_c, _l = contracts.c, letters.c
_MOST_LOOKED_AT = 1000
"""So many rows at most are read whole to find those that this version does not understand."""
_KNOWN_STEPS = frozenset(map(str, Step))
_OPEN_LANES = (*ORDINARY_LANES, Lane.SUSPECT)


class Queries(LedgerPart):
    """The reading side of the ledger."""

    async def count_by_step(self) -> Mapping[Step, int]:
        """Return how many contracts stand at each step."""
        statement = select(_c.step, func.count()).group_by(_c.step)

        async def work(tx: Transaction) -> Mapping[Step, int]:
            counts = await tx.connection.execute(statement)
            return {Step(step): count for step, count in counts if step in _KNOWN_STEPS}

        return await self._database.read(work)

    async def list_contracts(
        self, which: ContractFilter, *, after: MissionId | None = None, limit: int = 1000
    ) -> tuple[ContractRow, ...]:
        """Return a page of contracts: late requests first, then by mission id; `after` is the last id of a page."""
        return await self._database.read(lambda tx: _late_first(tx, _matches(which), after=after, limit=limit))

    async def ids_of(self, which: ContractFilter, *, after: MissionId | None, limit: int) -> tuple[MissionId, ...]:
        """Return a page of mission ids in their order."""
        is_next = _c.mission_id > (after or "")
        statement = select(_c.mission_id).where(_matches(which), is_next).order_by(_c.mission_id).limit(limit)

        async def work(tx: Transaction) -> tuple[MissionId, ...]:
            return tuple(MissionId(mission_id) for (mission_id,) in await tx.connection.execute(statement))

        return await self._database.read(work)

    async def known_ids(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Return those of these ids that the ledger has."""
        statement = select(_c.mission_id).where(_c.mission_id.in_(list(mission_ids)))

        async def work(tx: Transaction) -> frozenset[MissionId]:
            return frozenset(MissionId(mission_id) for (mission_id,) in await tx.connection.execute(statement))

        return await self._database.read(work)

    async def view(self, mission_id: MissionId) -> ContractView | None:
        """Return one contract, whole, as it was last settled."""

        async def work(tx: Transaction) -> ContractView | None:
            batch = await load_these(tx, [mission_id])
            one = batch.loaded.get(mission_id)
            if one is None:
                return None
            entries = select(timeline).where(timeline.c.mission_id == mission_id).order_by(timeline.c.entry_id)
            return ContractView(
                row=contract_row(one.row),
                facts=batch.with_rivals(one.facts),
                holds=holds_of(one.row),
                warnings=warnings_of(one.row),
                is_claimed=one.row["lease_owner"] is not None,
                letters=await _letters(tx, _l.mission_id == mission_id, limit=1000, newest_first=False),
                timeline=tuple(_entry(row) for row in await rows_of(tx, entries)),
            )

        return await self._database.read(work)

    async def missions_of(
        self, *, contract_ids: Sequence[ContractId], references: Sequence[MissionId]
    ) -> Mapping[ContractId | MissionId, MissionId]:
        """Return which mission each of these remote ids and references belongs to, where one is known."""
        of_contract = select(_c.contract_id, _c.mission_id).where(_c.contract_id.in_(list(contract_ids)))
        of_reference = select(_c.mission_id, _c.mission_id).where(_c.mission_id.in_(list(references)))

        async def work(tx: Transaction) -> Mapping[ContractId | MissionId, MissionId]:
            asked = [statement for statement, ids in ((of_contract, contract_ids), (of_reference, references)) if ids]
            return {name: MissionId(i) for statement in asked for name, i in await tx.connection.execute(statement)}

        return await self._database.read(work)

    async def list_linked(self, *, after: MissionId | None, limit: int) -> tuple[tuple[MissionId, ContractId], ...]:
        """Return a page of the missions that have a contract in CACTUS and are not closed, in order."""
        statement = (
            select(_c.mission_id, _c.contract_id)
            .where(_c.contract_id.is_not(None), _c.step != str(Step.CLOSED), _c.mission_id > (after or ""))
            .order_by(_c.mission_id)
            .limit(limit)
        )

        async def work(tx: Transaction) -> tuple[tuple[MissionId, ContractId], ...]:
            rows = await tx.connection.execute(statement)
            return tuple((MissionId(mission_id), ContractId(str(contract_id))) for mission_id, contract_id in rows)

        return await self._database.read(work)

    async def letters(
        self, *, mission_id: MissionId | None = None, state: NotificationState | None = None, limit: int = 200
    ) -> tuple[LetterRow, ...]:
        """Return letters, the newest first."""
        of_mission = _l.mission_id == mission_id if mission_id is not None else true()
        in_state = _is_in(state) if state is not None else true()
        return await self._database.read(lambda tx: _letters(tx, of_mission & in_state, limit=limit))

    async def letter(self, letter_id: int) -> LetterRow | None:
        """Return one letter."""
        found = await self._database.read(lambda tx: _letters(tx, _l.letter_id == letter_id, limit=1))
        return found[0] if found else None

    async def needs_person(self, *, limit: int = 200) -> tuple[ContractRow, ...]:
        """Return contracts that are held, or with a letter that does not get through; late ones first."""
        held = select(_c.mission_id).where(_c.step == str(Step.HELD))
        which = _c.mission_id.in_(union(held, *(select(_l.mission_id).where(lost) for lost in _lost())))
        return await self._database.read(lambda tx: _late_first(tx, which, after=None, limit=limit))

    async def left_alone(self, *, limit: int) -> tuple[MissionId, ...]:
        """Return contracts that only a newer version of syncd understands: this one leaves them alone."""
        may_be = (
            select(_c.mission_id).where(one).order_by(_c.mission_id).limit(_MOST_LOOKED_AT).subquery().select()
            for one in (IS_IN_NEWER_WORDS, IS_LEFT_ALONE, _c.step == str(Step.HELD))
        )
        which = _c.mission_id.in_(union(*may_be))
        statement = select(contracts).where(which).order_by(_c.mission_id).limit(_MOST_LOOKED_AT)

        async def work(tx: Transaction) -> tuple[MissionId, ...]:
            return (await load_where(tx, statement)).unreadable[:limit]

        return await self._database.read(work)

    async def flows(self) -> tuple[FlowRow, ...]:
        """Return the freshness of each flow."""

        async def work(tx: Transaction) -> tuple[FlowRow, ...]:
            rows = await tx.connection.execute(select(flows).order_by(flows.c.flow))
            return tuple(FlowRow(**row._asdict()) for row in rows)

        return await self._database.read(work)

    async def replicas(self) -> tuple[ReplicaRow, ...]:
        """Return the registry of replicas."""

        async def work(tx: Transaction) -> tuple[ReplicaRow, ...]:
            columns = [replicas.c[field.name] for field in fields(ReplicaRow)]
            rows = await tx.connection.execute(select(*columns).order_by(replicas.c.replica))
            return tuple(ReplicaRow(**row._asdict()) for row in rows)

        return await self._database.read(work)

    async def backlog(self, *, now: datetime) -> Backlog:
        """Return what waits."""
        due = _c.lane.in_(_OPEN_LANES) & (_c.due_at <= now)
        is_deferred = (_l.lane == LetterLane.DEFERRED) & _l.due_at.is_not(None)
        figures = {
            "contracts_due": select(func.count()).where(due),
            "oldest_due_at": select(func.min(_c.due_at)).where(due),
            "letters_queued": select(func.count()).where(_l.state == "queued"),
            "oldest_letter_at": select(func.min(_l.queued_at)).where(_is_in(NotificationState.QUEUED)),
            "letters_failed": select(func.count()).where(_l.state == "failed"),
            "letters_unknown": select(func.count()).where(_l.state == "unknown"),
            "contracts_retrying": select(func.count()).where(IS_RETRYING, _c.due_at.is_not(None)),
            "letters_retrying": select(func.count()).where(is_deferred),
        }
        statement = select(*(query.scalar_subquery().label(name) for name, query in figures.items()))

        async def work(tx: Transaction) -> Backlog:
            return Backlog(**(await tx.connection.execute(statement)).one()._asdict())

        return await self._database.read(work)

    async def waiting_facts(self, which: ContractFilter, *, limit: int) -> tuple[Facts, ...]:
        """Return the facts of contracts, for the digest and for plans."""
        statement = select(contracts).where(_matches(which)).order_by(_c.mission_id).limit(limit)

        async def work(tx: Transaction) -> tuple[Facts, ...]:
            batch = await load_where(tx, statement)
            return tuple(batch.with_rivals(one.facts) for one in batch.loaded.values())

        return await self._database.read(work)

    async def facts_of(self, mission_ids: Sequence[MissionId]) -> tuple[Facts, ...]:
        """Return the facts of these contracts, of those that this version can read."""

        async def work(tx: Transaction) -> tuple[Facts, ...]:
            batch = await load_these(tx, mission_ids)
            return tuple(batch.with_rivals(one.facts) for one in batch.loaded.values())

        return await self._database.read(work)

    async def missions_with_files(
        self, *, after: MissionId | None, limit: int
    ) -> tuple[tuple[MissionId, str | None], ...]:
        """Return a page of the missions of which the vault keeps a document, each with its academic year, in order."""
        of = documents.c.mission_id
        statement = (
            select(of, func.min(_c.academic_year))
            .join(contracts, _c.mission_id == of)
            .where(documents.c.file_id != "", of > (after or ""))
            .group_by(of)
            .order_by(of)
            .limit(limit)
        )

        async def work(tx: Transaction) -> tuple[tuple[MissionId, str | None], ...]:
            return tuple((MissionId(mission_id), year) for mission_id, year in await tx.connection.execute(statement))

        return await self._database.read(work)

    async def document_files(self) -> frozenset[str]:
        """Return the ids of all vault files that a document row names."""

        async def work(tx: Transaction) -> frozenset[str]:
            return frozenset((await tx.connection.execute(select(documents.c.file_id))).scalars())

        return await self._database.read(work)


async def _late_first(
    tx: Transaction, which: ColumnElement[bool], *, after: MissionId | None, limit: int
) -> tuple[ContractRow, ...]:
    """Read late requests, then the others, each by its own index seek."""
    is_after_late = after is None or await _is_late(tx, after)
    pages = [(true(), after or ""), (false(), "")] if is_after_late else [(false(), after or "")]
    rows: list[ContractRow] = []
    for is_late, start in pages:
        statement: Select[*tuple[object, ...]] = (
            select(*SHOWN)
            .where(which, KNOWN_WORDS, _c.is_late == is_late, _c.mission_id > start)
            .order_by(_c.mission_id)
            .limit(limit - len(rows))
        )
        rows += [contract_row(row) for row in await rows_of(tx, statement)] if len(rows) < limit else []
    return tuple(rows)


async def _is_late(tx: Transaction, mission_id: MissionId) -> bool:
    found = await tx.connection.execute(select(_c.is_late).where(_c.mission_id == mission_id))
    return bool(found.scalar_one_or_none())


def _matches(which: ContractFilter) -> ColumnElement[bool]:
    conditions = [
        _c.step == str(which.step) if which.step is not None else None,
        _c.step == str(Step.HELD) if which.held else None,
        _c.is_late == true() if which.late else None,
        _c.campus == which.campus if which.campus is not None else None,
        _c.track == str(which.track) if which.track is not None else None,
        _c.discovered_at >= which.discovered_since if which.discovered_since is not None else None,
        _c.changed_at >= which.changed_since if which.changed_since is not None else None,
    ]
    return and_(true(), *(condition for condition in conditions if condition is not None))


async def _letters(
    tx: Transaction, which: ColumnElement[bool], *, limit: int, newest_first: bool = True
) -> tuple[LetterRow, ...]:
    order = _l.letter_id.desc() if newest_first else _l.letter_id
    rows = await rows_of(tx, select(letters).where(which).order_by(order).limit(limit))
    shown = (letter_row(row) for row in rows)
    return tuple(row for row in shown if row is not None)


_IN_VAIN = 5
"""So many attempts of one letter are worth a look: an office without an address, a mailbox that is full."""


def _lost() -> tuple[ColumnElement[bool], ...]:
    """Letters that failed, unknown ones that gave up, and those that were tried in vain again and again."""
    return (
        _l.state == str(NotificationState.FAILED),
        _is_in(NotificationState.UNKNOWN) & _l.due_at.is_(None),
        (_l.lane == LetterLane.DEFERRED) & _l.due_at.is_not(None) & (_l.attempts >= _IN_VAIN),
    )


def _is_in(state: NotificationState) -> ColumnElement[bool]:
    """Whether a letter is in this state; where few are, they are found by the index, whatever statistics say.

    Where nearly all letters are sent, SQLite's tell that any one state has nearly all of them.
    """
    if state is NotificationState.SENT:
        return _l.state == str(state)
    other = letters.alias("other").c
    return _l.letter_id.in_(select(other.letter_id).where(other.state == str(state)))


def _entry(row: Mapping[str, object]) -> TimelineRow:
    at, detail = row["at"], row["detail"]
    assert isinstance(at, datetime)  # noqa: S101 - the column's type
    return TimelineRow(at=at, event=str(row["event"]), detail=detail if isinstance(detail, dict) else {})
