"""Changes without a lease: rows of the mission store, and what the feed, the sweep or an admin changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, false, literal_column, select, true
from sqlalchemy.sql.dml import ReturningInsert

from syncd.model import Facts, Mission, MissionId
from syncd.model.replacing import replace
from syncd.ports.ledger import (
    Amend,
    Amendment,
    CursorMove,
    KnownMission,
    RowsRecorded,
    TimelineEntry,
)
from syncd.store.bulk import insert_into
from syncd.store.engine import RaceLostError, Transaction
from syncd.store.given import is_among
from syncd.store.loading import Batch, load_locked, rows_of
from syncd.store.part import LedgerPart
from syncd.store.rows import Columns, Row, changed_names, columns_of, fingerprint
from syncd.store.tables import Lane, contracts, cursors
from syncd.store.taken import respect_owners
from syncd.store.writing import Changes, upsert

_c = contracts.c


class Amendments(LedgerPart):
    """Discovery, and amending without a lease."""

    async def cursor(self, flow: str) -> str | None:
        """Return where a flow has got to."""

        async def work(tx: Transaction) -> str | None:
            found = await tx.connection.execute(select(cursors.c.value).where(cursors.c.flow == flow))
            return found.scalar_one_or_none()

        return await self._database.read(work)

    async def record_rows(
        self, missions: Sequence[Mission], *, now: datetime, move: CursorMove | None = None
    ) -> RowsRecorded:
        """Insert new missions and update changed ones, both due now; leave unchanged ones alone, at no write."""
        latest = {mission.mission_id: mission for mission in missions}

        async def work(tx: Transaction) -> RowsRecorded:
            changes = Changes(now=now, domain=self._identity.message_domain)
            known = await _known(tx, list(latest))
            new = [mission for mission_id, mission in latest.items() if mission_id not in known]
            changed = [m for mission_id, row in known.items() if _differs(row, m := latest[mission_id])]
            await _insert(tx, new, changes)
            await _update(tx, changed, changes)
            await _move(tx, move)
            await changes.flush(tx)
            unchanged = len(latest) - len(new) - len(changed)
            return RowsRecorded(new=len(new), changed=len(changed), unchanged=unchanged)

        return await self._database.write(work)

    async def known_page(self, after: MissionId | None, *, limit: int) -> tuple[KnownMission, ...]:
        """Return known missions that are not closed, in the order of their ids."""
        statement = (
            select(_c.mission_id, _c.sweeps_missed)
            .where(_c.step != "closed", _c.mission_id > (after or ""))
            .order_by(_c.mission_id)
            .limit(limit)
        )

        async def work(tx: Transaction) -> tuple[KnownMission, ...]:
            rows = await tx.connection.execute(statement)
            return tuple(KnownMission(mission_id=MissionId(i), sweeps_missed=missed) for i, missed in rows)

        return await self._database.read(work)

    async def amend(
        self,
        mission_ids: Sequence[MissionId],
        apply: Amend,
        *,
        now: datetime,
        move: CursorMove | None = None,
        resting: bool = False,
    ) -> frozenset[MissionId]:
        """Apply a change without a lease and make the changed contracts due now (unless `resting`).

        Whoever holds one keeps it: its recording starts from what is written here.
        """

        async def work(tx: Transaction) -> frozenset[MissionId]:
            changes = Changes(now=now, domain=self._identity.message_domain)
            batch = await load_locked(tx, mission_ids) if mission_ids else Batch(loaded={}, unreadable=())
            candidates = (apply(batch.with_rivals(one.facts)) for one in batch.loaded.values())
            amended = await respect_owners(tx, [a for a in candidates if a is not None])
            written = {a.facts.mission_id for a in amended if _write(changes, batch, a, now=None if resting else now)}
            await _move(tx, move)
            await changes.flush(tx)
            return frozenset(written)

        return await self._database.write(work)


def _write(changes: Changes, batch: Batch, amendment: Amendment, *, now: datetime | None) -> bool:
    one = batch.loaded[amendment.facts.mission_id]
    work: Columns = {} if now is None else {"due_at": now}
    if amendment.facts == batch.with_rivals(one.facts) or amendment.facts == one.facts:
        work = {} if not amendment.entries else work
    return changes.change(one, amendment.facts, work, amendment.entries) or bool(amendment.entries)


async def _known(tx: Transaction, ids: Sequence[MissionId]) -> dict[MissionId, Row]:
    rows = await rows_of(tx, _knowing(is_postgres=tx.is_postgres), ids=ids) if ids else []
    return {MissionId(str(row["mission_id"])): row for row in rows}


@cache
def _knowing(*, is_postgres: bool) -> Select[str, str, int]:
    are_these = is_among(_c.mission_id, "ids", is_postgres=is_postgres)
    return select(_c.mission_id, _c.row_hash, _c.sweeps_missed).where(are_these)


def _differs(row: Row, mission: Mission) -> bool:
    return row["row_hash"] != fingerprint(mission) or row["sweeps_missed"] != 0


async def _insert(tx: Transaction, missions: Sequence[Mission], changes: Changes) -> None:
    if not missions:
        return
    rows = [_new_row(mission, now=changes.now) for mission in missions]
    inserted = (await tx.connection.execute(_inserting_new(is_postgres=tx.is_postgres), rows)).all()
    if len(inserted) < len(missions):
        raise RaceLostError  # another replica inserted one of them, perhaps as it was before: compare again
    for mission in missions:
        changes.note(mission.mission_id, TimelineEntry(event="mission.discovered", detail={}))


def _new_row(mission: Mission, *, now: datetime) -> Columns:
    """Return what distinguishes a new contract from others: a fifth of its columns."""
    row = columns_of(Facts(mission_id=mission.mission_id, mission=mission, discovered_at=now))
    return {name: row[name] for name in _OWN} | {"changed_at": now, "due_at": now}


_OWN = (
    "mission_id", "mission", "discovered_at", "row_hash", "track", "campus", "level", "academic_year", "programme",
    "contract_starts_on", "student_key",
)  # fmt: skip


@cache
def _inserting_new(*, is_postgres: bool) -> ReturningInsert[tuple[str]]:
    """Insert new contracts: what is the same in all of them stands in the statement, and is not given for each."""
    nobody = Mission(mission_id=MissionId(""), updated_at=_LONG_AGO, status="")
    new = columns_of(Facts(mission_id=nobody.mission_id, mission=nobody, discovered_at=_LONG_AGO))
    work = {
        "is_active": False,
        "is_urgent": False,
        "is_late": False,
        "lane": Lane.NORMAL,
        "lease_token": 0,
        "crashes": 0,
    }
    alike = {name: value for name, value in (new | work).items() if name not in _OWN and value is not None}
    told = {name: _in_sql(value) for name, value in alike.items()}
    return (
        insert_into(contracts, is_postgres=is_postgres).values(told).on_conflict_do_nothing().returning(_c.mission_id)
    )


def _in_sql(value: object) -> ColumnElement[Any]:
    """Write one of our own constants into a statement."""
    if isinstance(value, bool):
        return true() if value else false()
    return literal_column(f"'{value}'" if isinstance(value, str) else f"{value}")


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def _update(tx: Transaction, missions: Sequence[Mission], changes: Changes) -> None:
    if not missions:
        return
    batch = await load_locked(tx, [mission.mission_id for mission in missions])
    for mission in missions:
        one = batch.loaded.get(mission.mission_id)
        if one is None:
            continue
        names = changed_names(one.facts.mission, mission)
        entry = TimelineEntry(event="mission.changed", detail={"fields": ",".join(names)})
        after = replace(one.facts, mission=mission, sweeps_missed=0, baseline_is_gone=False)
        changes.change(one, after, {"due_at": changes.now}, (entry,) if names else ())


async def _move(tx: Transaction, move: CursorMove | None) -> None:
    if move is not None:
        await upsert(tx, cursors, {"flow": move.flow, "value": move.value})
