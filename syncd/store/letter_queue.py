"""Which letters leave next, and how many the brake lets go.

New letters and deferred ones leave in turns (the rule by which mail servers keep a dead host from delaying everybody
else's mail). Among the new, the oldest leave first; once they are a crowd, in turns with the letters of this minute,
the newest first. So no backlog, of letters put off or of letters never tried, delays a new letter, and none is starved.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import zip_longest

from sqlalchemy import ColumnElement, Select, bindparam, case, exists, func, literal_column, select

from syncd.model import NotificationState
from syncd.store.columns import Instant
from syncd.store.engine import Transaction, clock_now
from syncd.store.loading import KNOWN_LETTERS
from syncd.store.settling import read_guard
from syncd.store.tables import LetterLane, letters

MAILS = "mails"
"""The brake on mails."""

CROWD_AFTER = timedelta(seconds=20)
"""When the oldest new letter waits for so long, the letters of this minute no longer queue up behind all the others."""
_FRESH_FOR = timedelta(minutes=1)

_HOUR = timedelta(hours=1)
_LANES = (LetterLane.NEW, LetterLane.DEFERRED)
_Due = tuple[int, datetime]
_l = letters.c


async def look_around(tx: Transaction, now: datetime) -> tuple[bool, frozenset[int]]:
    """Return whether a lease has run out, and the lanes in which something is due: one statement, a seek for each."""
    values = {"due_by": now} | tx.times(now)
    has_expired, *has_due = (await tx.connection.execute(_looking_around(is_postgres=tx.is_postgres), values)).one()
    return bool(has_expired), frozenset(lane for lane, is_due in zip(_LANES, has_due, strict=True) if is_due)


@cache
def _looking_around(*, is_postgres: bool) -> Select[*tuple[bool, ...]]:
    ran_out = exists().where(_l.lease_owner.is_not(None), has_run_out(is_postgres=is_postgres))
    return select(ran_out, *(exists().where(_l.lane == literal_column(str(lane)), _IS_DUE) for lane in _LANES))


@cache
def has_run_out(*, is_postgres: bool) -> ColumnElement[bool]:
    """Whether a letter's lease is over."""
    return _l.lease_until <= clock_now(is_postgres=is_postgres)


async def choose(tx: Transaction, lanes: Collection[int], room: int, now: datetime, *, turn: int) -> list[int]:
    """Return the letters that leave next; `turn` counts those that left before, so that a room of one is fair too."""
    if room <= 0:
        return []
    new, deferred = [await _some(tx, _OLDEST, lane, room, now) if lane in lanes else [] for lane in _LANES]
    if len(new) == room and new[0][1] <= now - CROWD_AFTER:
        newest = await _some(tx, _NEWEST, LetterLane.NEW, room, now)
        new = _in_turns(newest, new, turn // 2)
    return [letter_id for letter_id, _ in _in_turns(new, deferred, turn)[:room]]


def _in_turns(one: Sequence[_Due], other: Sequence[_Due], turn: int) -> list[_Due]:
    sides = (other, one) if turn % 2 else (one, other)
    return list(dict.fromkeys(found for pair in zip_longest(*sides) for found in pair if found is not None))


async def _some(tx: Transaction, statement: Select[int, datetime], lane: int, limit: int, now: datetime) -> list[_Due]:
    values = {"of_lane": lane, "due_by": now, "since": now - _FRESH_FOR, "most": limit}
    rows = await tx.connection.execute(statement, values)
    return [(letter_id, due_at) for letter_id, due_at in rows]


# Built once: to build a statement takes longer than to run it.
_IS_DUE = _l.due_at <= bindparam("due_by", type_=Instant())
_IN_LANE = (
    select(_l.letter_id, _l.due_at)
    .where(_l.lane == bindparam("of_lane"), _IS_DUE, KNOWN_LETTERS)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_OLDEST = _IN_LANE.order_by(_l.due_at, _l.letter_id)
_NEWEST = _IN_LANE.where(_l.due_at > bindparam("since", type_=Instant())).order_by(
    _l.due_at.desc(), _l.letter_id.desc()
)


# ------------------------------------------------------------------------------------------------------------ the brake


async def mails_since(tx: Transaction, since: datetime) -> int:
    """Return how many mails have left since then, those that only perhaps left and every repeat included."""
    return int((await tx.connection.execute(select(_left(since)))).scalar_one())


async def mails_allowed(tx: Transaction, most: int, now: datetime) -> int:
    """Return how many letters may leave now, beside those under way anywhere; nobody else counts meanwhile."""
    guard = await read_guard(tx, MAILS, lock=True)
    if guard.tripped_at is not None:
        return 0
    since = max(now - _HOUR, guard.approved_at) if guard.approved_at is not None else now - _HOUR
    under_way = select(func.count()).where(_l.lease_owner.is_not(None)).scalar_subquery()
    counted = (await tx.connection.execute(select(_left(since) + under_way))).scalar_one()
    return max(0, most - int(counted))


def _left(since: datetime) -> ColumnElement[int]:
    has_left = case((_l.state == str(NotificationState.SENT), 1), else_=0)
    return select(func.coalesce(func.sum(_l.repeats + has_left), 0)).where(_l.sent_at > since).scalar_subquery()
