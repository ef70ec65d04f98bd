"""Settles a batch inside its transaction: the brake on creations, and what every contract's row becomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal, select, update

from syncd.actions import Initialise
from syncd.model import Facts, MissionId
from syncd.ports.ledger import Claim, CreationLimit, GuardState, Settle, Settled, TimelineEntry
from syncd.store.engine import Transaction
from syncd.store.loading import Batch
from syncd.store.rows import Columns, Loaded, settled_columns, student_key, wants_active_key
from syncd.store.tables import Lane, contracts, guards
from syncd.store.writing import Changes

CREATIONS = "contracts"
_NO_MISSION = MissionId("")
"""Whom a happening is about that is about no single mission: it is told, and stands in no timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Who settles, when, and for how long what it claims is its own."""

    replica: str
    lease: timedelta
    now: datetime
    settle: Settle
    creations: CreationLimit


async def settle_all(tx: Transaction, batch: Batch, turn: Turn, *, facts: Sequence[Facts]) -> list[Settled]:
    """Return what these facts come to, in their order; creations beyond the limit wait, and trip the brake."""
    guard = await read_guard(tx, CREATIONS)
    results: list[Settled] = []
    for one in facts:
        settled = turn.settle(batch.with_rivals(one), may_create=guard.tripped_at is None)
        batch.become(settled.facts)
        results.append(settled)
    creators = [n for n, settled in enumerate(results) if _is_first_creation(facts[n], settled)]
    if creators and turn.creations.limit > 0:
        allowed = await _allowed(tx, turn)
        for n in creators[allowed:]:
            results[n] = turn.settle(batch.with_rivals(facts[n]), may_create=False)
            batch.become(results[n].facts)
        if len(creators) > allowed:
            await _trip(tx, turn, waiting=len(creators) - allowed)
    return results


def write_settled(
    changes: Changes,
    batch: Batch,
    one: Loaded,
    settled: Settled,
    *,
    turn: Turn,
    entries: Sequence[TimelineEntry] = (),
) -> Claim | None:
    """Write a claimed contract as it settled: its lease is kept when an effect is to be performed, else given up."""
    columns = settled_columns(settled) | {"active_key": _active_key(batch, one, settled)}
    columns |= {"due_at": turn.now} if settled.effect is not None else _freed(settled)
    changes.change(one, settled.facts, columns, (*entries, *settled.entries))
    if settled.effect is None:
        return None
    return Claim(facts=batch.with_rivals(settled.facts), token=int(str(one.row["lease_token"])), effect=settled.effect)


_GUARD = select(guards.c.tripped_at, guards.c.detail, guards.c.approved_at).where(guards.c.name == bindparam("named"))
_GUARD_LOCKED = _GUARD.with_for_update()


async def read_guard(tx: Transaction, name: str, *, lock: bool = False) -> GuardState:
    """Return a brake; locked, other replicas count after this transaction."""
    statement = _GUARD_LOCKED if lock else _GUARD
    row = (await tx.connection.execute(statement, {"named": name})).one_or_none()
    return GuardState() if row is None else GuardState(**row._asdict())


def _is_first_creation(before: Facts, settled: Settled) -> bool:
    return isinstance(settled.effect, Initialise) and before.first_asked_at is None


async def _allowed(tx: Transaction, turn: Turn) -> int:
    guard = await read_guard(tx, CREATIONS, lock=True)
    if guard.tripped_at is not None:
        return 0
    limit, since = turn.creations.limit, turn.now - turn.creations.window
    since = max(since, guard.approved_at) if guard.approved_at is not None else since
    recent = select(literal(1)).where(contracts.c.first_asked_at > since).limit(limit).subquery()
    count = (await tx.connection.execute(select(func.count()).select_from(recent))).scalar_one()
    return max(0, limit - count)


async def _trip(tx: Transaction, turn: Turn, *, waiting: int) -> None:
    limit = turn.creations
    minutes = limit.window // timedelta(minutes=1)
    detail = f"more than {limit.limit} new contracts in {minutes} minutes; at least {waiting} more wait"
    statement = update(guards).where(guards.c.name == CREATIONS, guards.c.tripped_at.is_(None))
    tripped = await tx.connection.execute(statement.values(tripped_at=turn.now, detail=detail))
    if tripped.rowcount:
        entry = TimelineEntry(
            event="guard.tripped",
            detail={"guard": CREATIONS, "limit": limit.limit, "count": limit.limit + waiting},
        )
        tx.happenings.append((_NO_MISSION, entry))


def _active_key(batch: Batch, one: Loaded, settled: Settled) -> str | None:
    """Return the student's place when it is wanted and free.

    The database lets only one have it. Who loses a race begins anew, sees the rival and is held; but two contracts
    that both exist in CACTUS (one of them reopened, typed by hand) are recorded as they are: the first keeps the place.
    A place that is given up here is free for others from the next transaction on: they are woken for it. So is the
    place of a student whom the row did not name before, for that student's other contracts were not read.
    """
    key = student_key(settled.facts) if wants_active_key(settled.facts, is_active=settled.is_active) else None
    if key is None or key != one.row["student_key"]:
        return None
    return key if batch.active_keys.setdefault(key, one.mission_id) == one.mission_id else None


def _freed(settled: Settled) -> Columns:
    return {
        "lane": _lane(settled),
        "lease_owner": None,
        "lease_until": None,
        "due_at": settled.due_at,
        "crashes": 0,
    }


def _lane(settled: Settled) -> int:
    if settled.facts.last_error is not None:
        return Lane.RETRYING
    return Lane.URGENT if settled.is_urgent else Lane.NORMAL
