"""Which contracts are taken up next, and the leases that this gives.

Nobody waits behind a crowd: the urgent come first, but not alone; of a backlog the oldest and the newest are taken in
equal parts, so that a mission of this minute does not wait for ten thousand of yesterday; and what failed at its last
attempt gets a share of its own (the rule by which mail servers keep a dead host from delaying everybody else's mail).
The one that finds out whether the remote is well again is the newest while it is of this minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import zip_longest
from operator import itemgetter

from sqlalchemy import ColumnElement, Update, bindparam, case, literal, select, update

from syncd.model import MissionId
from syncd.store.engine import Transaction
from syncd.store.leasing import HAS_IN_HAND, LANES, Whom, has_run_out, leasing, looking_around
from syncd.store.rows import Row, rows_in
from syncd.store.settling import Turn
from syncd.store.tables import Lane, contracts

_SOON = timedelta(seconds=1)
_FRESH_FOR = timedelta(minutes=1)
_c = contracts.c

SUSPECT_LANE = literal(Lane.SUSPECT)
ORDINARY_LANE = case((_c.last_error.is_not(None), Lane.RETRYING), (_c.is_urgent, Lane.URGENT), else_=Lane.NORMAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many contracts may be taken, and how many of them may be such as failed at their last attempt.

    `turn` counts the takings: a room of one is for the oldest and for the newest in turns.
    """

    limit: int
    retries: int
    turn: int = 0
    probe: int | None = None
    """Only one, to find out whether the remote is well again; the number tells whose turn it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Rows that were leased. `is_alone`: the one suspect that is tried while nothing else is under way."""

    rows: list[Row]
    is_alone: bool = False


_NOTHING = Picked(rows=[])


async def pick(tx: Transaction, turn: Turn, room: Room, *, others_turn: bool) -> Picked:
    """Lease what is due and free.

    Suspects are tried one at a time and alone, so that a crash names its cause; between two of them the others have
    their turn (`others_turn`), so that slow suspects delay nobody for long.
    """
    expired, due = await _look_around(tx, turn)
    if expired:
        which, times = has_run_out(is_postgres=tx.is_postgres), tx.times(turn.now)
        expired = await free(tx, which, times, now=turn.now, lane=SUSPECT_LANE) > 0
    ordinary = due - {Lane.SUSPECT}
    if not expired and Lane.SUSPECT not in due:
        return Picked(rows=await _pick_ordinary(tx, turn, room, ordinary)) if ordinary else _NOTHING
    if await _has_anything_in_hand(tx, turn):
        return _NOTHING
    if others_turn and ordinary:
        return Picked(rows=await _pick_ordinary(tx, turn, room, ordinary))
    return Picked(rows=await _lease_due(tx, turn, Whom.OLDEST_DUE, Lane.SUSPECT, 1), is_alone=True)


async def pick_these(tx: Transaction, turn: Turn, room: Room, only: Sequence[MissionId]) -> Picked:
    """Lease these, due or not: all that are free, or one suspect."""
    these = {"ids": list(only)}
    rows = await _lease(tx, turn, Whom.THESE, room.limit, these)
    return Picked(rows=rows or await _lease(tx, turn, Whom.THESE_SUSPECTS, 1, these))


async def free(
    tx: Transaction,
    which: ColumnElement[bool],
    values: Mapping[str, object],
    *,
    now: datetime,
    lane: ColumnElement[int],
    is_patient: bool = False,
) -> int:
    """End leases; what was claimed is due again at once, in this lane. `values` are what `which` is to be given.

    Only the patient wait for what somebody is just writing: who was stopped in the middle of it may not come back soon.
    """
    freed = await tx.connection.execute(_freeing(which, lane, is_patient=is_patient), {**values, "now": now})
    return freed.rowcount


@cache
def _freeing(which: ColumnElement[bool], lane: ColumnElement[int], *, is_patient: bool) -> Update:
    claimed = select(_c.mission_id).where(_c.lease_owner.is_not(None), which)
    return (
        update(contracts)
        .where(_c.mission_id.in_(claimed.with_for_update(skip_locked=not is_patient)))
        .values(lane=lane, lease_owner=None, lease_until=None, due_at=bindparam("now"))
    )


async def _look_around(tx: Transaction, turn: Turn) -> tuple[bool, frozenset[int]]:
    """Return whether a lease has run out, and the lanes in which something is due: one statement, a seek for each."""
    values = {"due_by": turn.now} | tx.times(turn.now)
    has_expired, *has_due = (await tx.connection.execute(looking_around(is_postgres=tx.is_postgres), values)).one()
    return bool(has_expired), frozenset(lane for lane, is_due in zip(LANES, has_due, strict=True) if is_due)


async def _has_anything_in_hand(tx: Transaction, turn: Turn) -> bool:
    return bool((await tx.connection.execute(HAS_IN_HAND, {"holder": turn.replica})).scalar_one())


async def _pick_ordinary(tx: Transaction, turn: Turn, room: Room, due: frozenset[int]) -> list[Row]:
    rows = [] if room.probe is None else await _pick_probe(tx, turn, room.probe)
    if rows:
        return rows

    async def take(lane: int, most: int) -> None:
        """Lease up to so many, the oldest and the newest in equal parts and in turns."""
        if lane not in due or most <= 0:
            return
        oldest = (most + 1 - room.turn % 2) // 2
        found = await _lease_due(tx, turn, Whom.OLDEST_DUE, lane, oldest) if oldest else []
        if len(found) == oldest < most:
            newest = await _lease_due(tx, turn, Whom.NEWEST_DUE, lane, most - oldest)
            found = [row for pair in zip_longest(found, reversed(newest)) for row in pair if row is not None]
        rows.extend(found)

    kept_for_retries = min(room.retries, max(1, room.limit // 4)) if due > {Lane.RETRYING} and room.limit > 1 else 0
    most = room.limit - kept_for_retries
    await take(Lane.URGENT, _half(most) if Lane.NORMAL in due else most)
    await take(Lane.NORMAL, most - len(rows))
    await take(Lane.RETRYING, min(room.retries, room.limit - len(rows)))
    return rows


async def _pick_probe(tx: Transaction, turn: Turn, number: int) -> list[Row]:
    """Lease the one that is sent ahead: none that failed at its last attempt, and perhaps none at all.

    Everybody waits for the same moment, so the age is what counts. A mission of this minute goes first; else the newest
    and the oldest in turns.
    """
    soon = {"due_by": turn.now + _SOON}
    either = Whom.NEWEST_PROBE if number % 2 else Whom.OLDEST_PROBE
    fresh = await _lease(tx, turn, Whom.FRESH_PROBE, 1, soon | {"since": turn.now - _FRESH_FOR})
    return fresh or await _lease(tx, turn, either, 1, soon)


def _half(number: int) -> int:
    return (number + 1) // 2


async def _lease_due(tx: Transaction, turn: Turn, whom: Whom, lane: int, most: int) -> list[Row]:
    return await _lease(tx, turn, whom, most, {"of_lane": lane, "due_by": turn.now})


async def _lease(tx: Transaction, turn: Turn, whom: Whom, most: int, values: Mapping[str, object]) -> list[Row]:
    """Lease rows in one statement, passing over what another replica is just claiming."""
    ours = {"most": most, "holder": turn.replica, "lease": tx.after(turn.now, turn.lease)}
    found = await tx.connection.execute(leasing(whom, is_postgres=tx.is_postgres), {**values, **ours})
    return sorted(rows_in(found), key=itemgetter("due_at"))
