"""The statements that look for work and lease it, built once: to build one takes longer than to run it."""

from enum import Enum, auto
from functools import cache

from sqlalchemy import ColumnElement, Select, UpdateBase, bindparam, case, exists, literal_column, select, update

from syncd.store.columns import Instant
from syncd.store.engine import clock_after, clock_now
from syncd.store.given import is_among
from syncd.store.tables import KNOWN_WORDS, Lane, contracts

ORDINARY_LANES = (Lane.URGENT, Lane.NORMAL, Lane.RETRYING)
LANES = (Lane.SUSPECT, *ORDINARY_LANES)
_c = contracts.c


class Whom(Enum):
    """Who is leased, and in which order. What each needs to be given stands behind it."""

    OLDEST_DUE = auto()  # lane, due_by
    NEWEST_DUE = auto()  # lane, due_by
    FRESH_PROBE = auto()  # due_by, since
    NEWEST_PROBE = auto()  # due_by
    OLDEST_PROBE = auto()  # due_by
    THESE = auto()  # ids
    THESE_SUSPECTS = auto()  # ids


_IS_DUE = _c.due_at <= bindparam("due_by", type_=Instant())
_IS_DUE_IN_LANE = (_c.lane == bindparam("of_lane")) & _IS_DUE
_IS_PROBE = _c.lane.in_([literal_column(str(lane)) for lane in (Lane.URGENT, Lane.NORMAL)]) & _IS_DUE
_WHOM: dict[Whom, tuple[ColumnElement[bool], ColumnElement[object]]] = {
    Whom.OLDEST_DUE: (_IS_DUE_IN_LANE, _c.due_at),
    Whom.NEWEST_DUE: (_IS_DUE_IN_LANE, _c.due_at.desc()),
    Whom.FRESH_PROBE: (
        _IS_PROBE & (_c.discovered_at > bindparam("since", type_=Instant())),
        _c.discovered_at.desc(),
    ),
    Whom.NEWEST_PROBE: (_IS_PROBE, _c.discovered_at.desc()),
    Whom.OLDEST_PROBE: (_IS_PROBE, _c.discovered_at),
    Whom.THESE: (_c.lane.in_([literal_column(str(lane)) for lane in ORDINARY_LANES]), _c.due_at),
    Whom.THESE_SUSPECTS: (_c.lane == Lane.SUSPECT, _c.due_at),
}


@cache
def leasing(whom: Whom, *, is_postgres: bool) -> UpdateBase:
    """Lease at most `most` rows for `holder`, for so long, passing over what another replica is just claiming."""
    which, order = _WHOM[whom]
    if whom in (Whom.THESE, Whom.THESE_SUSPECTS):
        which &= is_among(_c.mission_id, "ids", is_postgres=is_postgres)
    free_ones = (
        select(_c.mission_id)
        .where(which, KNOWN_WORDS)
        .order_by(order)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    return (
        update(contracts)
        .where(_c.mission_id.in_(free_ones))
        .values(
            lane=Lane.CLAIMED,
            lease_owner=bindparam("holder"),
            lease_until=clock_after("lease", is_postgres=is_postgres),
            lease_token=_c.lease_token + 1,
            crashes=case((_c.lane == Lane.SUSPECT, _c.crashes + 1), else_=0),
        )
        .returning(*contracts.columns)
    )


@cache
def looking_around(*, is_postgres: bool) -> Select[*tuple[bool, ...]]:
    """Tell whether a lease has run out, and of each lane whether something in it is due: a seek for each."""
    ran_out = exists().where(_c.lease_owner.is_not(None), has_run_out(is_postgres=is_postgres))
    due = (exists().where(_c.lane == literal_column(str(lane)), _IS_DUE, KNOWN_WORDS) for lane in LANES)
    return select(ran_out, *due)


@cache
def has_run_out(*, is_postgres: bool) -> ColumnElement[bool]:
    """Whether a lease is over."""
    return _c.lease_until <= clock_now(is_postgres=is_postgres)


HAS_IN_HAND = select(exists().where(_c.lease_owner == bindparam("holder")))
