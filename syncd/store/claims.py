"""The ledger's work: claiming what is due, recording what came of it, and keeping or giving back leases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, case, exists, literal, select, tuple_, update

from syncd.model import Facts, MissionId
from syncd.ports.ledger import Amendment, Claim, Claimed, CreationLimit, Outcome, Settle, TimelineEntry
from syncd.store.engine import Transaction
from syncd.store.loading import KNOWN_WORDS, Batch, load
from syncd.store.part import LedgerPart
from syncd.store.rows import Row
from syncd.store.settling import Turn, settle_all, write_settled
from syncd.store.tables import Lane, contracts
from syncd.store.taken import respect_owners
from syncd.store.writing import Changes

CRASHES_ALONE = 3
"""After so many crashes while it was tried alone, a contract is quarantined."""
_UNREADABLE_FOR = timedelta(minutes=5)
_c = contracts.c


class Claims(LedgerPart):
    """Claiming, recording and leases."""

    async def claim(
        self,
        *,
        limit: int,
        now: datetime,
        settle: Settle,
        creations: CreationLimit,
        only: Sequence[MissionId] | None = None,
    ) -> Claimed:
        """Claim what is due and free, most urgent first, settle it, and return the effects."""
        turn = self._turn(now, settle, creations)

        async def work(tx: Transaction) -> Claimed:
            rows = await _pick(tx, turn, limit=limit, only=only)
            if not rows:
                return Claimed(claims=(), settled=0)
            changes = Changes(now=now, domain=self._identity.message_domain)
            batch = await load(tx, rows)
            await _set_aside(tx, batch, now=now)
            claims = await _settle_claimed(tx, batch, turn, changes)
            await changes.flush(tx)
            return Claimed(claims=claims, settled=len(batch.loaded) - len(claims))

        return await self._database.write(work)

    async def record(
        self, outcomes: Sequence[Outcome], *, now: datetime, settle: Settle, creations: CreationLimit
    ) -> tuple[Claim | None, ...]:
        """Apply outcomes to the rows as they are now, settle them, and return the next effect of each, if any."""
        turn = self._turn(now, settle, creations)

        async def work(tx: Transaction) -> tuple[Claim | None, ...]:
            changes = Changes(now=now, domain=self._identity.message_domain)
            batch = await load(tx, await _take_back(tx, outcomes, turn))
            await _set_aside(tx, batch, now=now)
            claims = await _settle_recorded(tx, batch, turn, changes, outcomes)
            await changes.flush(tx)
            return tuple(claims.get(outcome.mission_id) for outcome in outcomes)

        return await self._database.write(work)

    async def release_claims(self, tokens: Mapping[MissionId, int], *, now: datetime) -> None:
        """Give back claims whose effect was not begun; they are due again at once."""
        if not tokens:
            return
        rows = [{"of_mission": mission_id, "of_token": token} for mission_id, token in tokens.items()]
        statement = (
            update(contracts)
            .where(_c.mission_id == bindparam("of_mission"), _c.lease_token == bindparam("of_token"))
            .where(_c.lease_owner == self._identity.replica)
            .values(lane=_LANE_IT_CAME_FROM, crashes=_CRASHES_BEFORE, lease_owner=None, lease_until=None, due_at=now)
        )

        async def work(tx: Transaction) -> None:
            await tx.connection.execute(statement, rows)

        await self._database.write(work)

    async def renew(self, tokens: Mapping[MissionId, int], *, now: datetime) -> frozenset[MissionId]:
        """Extend leases; return the missions whose lease is still ours."""
        if not tokens:
            return frozenset()

        async def work(tx: Transaction) -> frozenset[MissionId]:
            statement = (
                update(contracts)
                .where(_is_held(self._identity.replica, tokens.items()))
                .values(lease_until=tx.clock_plus(now, self._identity.lease))
                .returning(_c.mission_id)
            )
            return frozenset(MissionId(mission_id) for (mission_id,) in await tx.connection.execute(statement))

        return await self._database.write(work)

    def _turn(self, now: datetime, settle: Settle, creations: CreationLimit) -> Turn:
        me = self._identity
        return Turn(replica=me.replica, lease=me.lease, now=now, settle=settle, creations=creations)


# ------------------------------------------------------------------------------------------------------------ picking


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """What there is to claim, seen with one statement."""

    has_expired: bool
    has_suspect: bool
    has_due: bool


async def _pick(tx: Transaction, turn: Turn, *, limit: int, only: Sequence[MissionId] | None) -> list[Row]:
    outlook = await _look_around(tx, turn)
    if outlook.has_expired:
        await free(tx, _c.lease_until <= tx.clock(turn.now), now=turn.now, lane=literal(Lane.SUSPECT))
    if only is not None:
        return await _pick_these(tx, turn, limit, only)
    if outlook.has_suspect or outlook.has_expired:
        return await _pick_suspect(tx, turn)
    if not outlook.has_due:
        return []
    rows: list[Row] = []
    for lane in (Lane.URGENT, Lane.NORMAL):
        if len(rows) < limit:
            rows += await _lease(tx, turn, _is_due(lane, turn.now), limit - len(rows))
    return rows


async def _look_around(tx: Transaction, turn: Turn) -> _Outlook:
    expired = exists().where(_c.lease_owner.is_not(None), _c.lease_until <= tx.clock(turn.now))
    due = [exists().where(_is_due(lane, turn.now)) for lane in (Lane.SUSPECT, Lane.URGENT, Lane.NORMAL)]
    seen = list((await tx.connection.execute(select(expired, *due))).one())
    return _Outlook(has_expired=seen[0], has_suspect=seen[1], has_due=seen[2] or seen[3])


async def _pick_suspect(tx: Transaction, turn: Turn) -> list[Row]:
    """Take one suspect, and only while this replica has nothing else in hand: a crash then names its cause."""
    in_hand = await tx.connection.execute(select(exists().where(_c.lease_owner == turn.replica)))
    return [] if in_hand.scalar_one() else await _lease(tx, turn, _is_due(Lane.SUSPECT, turn.now), 1)


async def _pick_these(tx: Transaction, turn: Turn, limit: int, only: Sequence[MissionId]) -> list[Row]:
    among = _c.mission_id.in_(list(only))
    rows = await _lease(tx, turn, among & _c.lane.in_((Lane.URGENT, Lane.NORMAL)), limit)
    return rows or await _lease(tx, turn, among & (_c.lane == Lane.SUSPECT), 1)


def _is_due(lane: int, now: datetime) -> ColumnElement[bool]:
    return (_c.lane == lane) & (_c.due_at <= now) & KNOWN_WORDS


async def _lease(tx: Transaction, turn: Turn, which: ColumnElement[bool], limit: int) -> list[Row]:
    """Lease rows in one statement, passing over what another replica is just claiming."""
    free_ones = (
        select(_c.mission_id)
        .where(which, KNOWN_WORDS)
        .order_by(_c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(contracts)
        .where(_c.mission_id.in_(free_ones))
        .values(
            lane=Lane.CLAIMED,
            lease_owner=turn.replica,
            lease_until=tx.clock_plus(turn.now, turn.lease),
            lease_token=_c.lease_token + 1,
            crashes=case((_c.lane == Lane.SUSPECT, _c.crashes + 1), else_=0),
        )
        .returning(*contracts.columns)
    )
    rows = [dict(row) for row in (await tx.connection.execute(statement)).mappings()]
    return sorted(rows, key=lambda row: str(row["due_at"]))


async def free(tx: Transaction, which: ColumnElement[bool], *, now: datetime, lane: ColumnElement[int]) -> int:
    """End leases; what was claimed is due again at once, in this lane."""
    is_claimed = _c.lease_owner.is_not(None)
    statement = update(contracts).where(is_claimed, which).values(
        lane=lane, lease_owner=None, lease_until=None, due_at=now
    )  # fmt: skip
    return (await tx.connection.execute(statement)).rowcount


ORDINARY_LANE = case((_c.is_urgent, Lane.URGENT), else_=Lane.NORMAL)
_LANE_IT_CAME_FROM = case((_c.crashes > 0, Lane.SUSPECT), else_=ORDINARY_LANE)
_CRASHES_BEFORE = case((_c.crashes > 0, _c.crashes - 1), else_=0)


# ----------------------------------------------------------------------------------------------------------- settling


async def _settle_claimed(tx: Transaction, batch: Batch, turn: Turn, changes: Changes) -> tuple[Claim, ...]:
    loaded = list(batch.loaded.values())
    amended = [_quarantined(one.facts, one.row) for one in loaded]
    results = await settle_all(tx, batch, turn, facts=[amendment.facts for amendment in amended])
    claims = [
        write_settled(changes, batch, one, settled, turn=turn, entries=amendment.entries)
        for one, amendment, settled in zip(loaded, amended, results, strict=True)
    ]
    return tuple(claim for claim in claims if claim is not None)


def _quarantined(facts: Facts, row: Row) -> Amendment:
    """The claim was counted before the work: one more than the crashes that it already caused alone."""
    crashes = int(str(row["crashes"])) - 1
    if crashes < CRASHES_ALONE:
        return Amendment(facts=facts)
    entry = TimelineEntry(event="contract.quarantined", detail={"crashes": crashes})
    return Amendment(facts=replace(facts, quarantined=True), entries=(entry,))


async def _set_aside(tx: Transaction, batch: Batch, *, now: datetime) -> None:
    """Free what cannot be read, for a newer version to claim; it is tried again after a while."""
    if not batch.unreadable:
        return
    statement = update(contracts).where(_c.mission_id.in_(batch.unreadable)).values(
        lane=Lane.NORMAL, lease_owner=None, lease_until=None, due_at=now + _UNREADABLE_FOR,
        last_error="this version of syncd cannot read the contract's row",
    )  # fmt: skip
    await tx.connection.execute(statement)


async def _take_back(tx: Transaction, outcomes: Sequence[Outcome], turn: Turn) -> list[Row]:
    """Lock the rows that are still held, and give each a new token: what was recorded once is never applied twice."""
    tokens = [(outcome.mission_id, outcome.token) for outcome in outcomes]
    if tx.may_be_done:  # the reply to COMMIT was lost: a row that has the next token was recorded by that commit
        tokens += [(mission_id, token + 1) for mission_id, token in tokens]
    if not tokens:
        return []
    statement = (
        update(contracts)
        .where(_is_held(turn.replica, tokens))
        .values(lease_token=_c.lease_token + 1, lease_until=tx.clock_plus(turn.now, turn.lease), crashes=0)
        .returning(*contracts.columns)
    )
    return [dict(row) for row in (await tx.connection.execute(statement)).mappings()]


async def _settle_recorded(
    tx: Transaction, batch: Batch, turn: Turn, changes: Changes, outcomes: Sequence[Outcome]
) -> dict[MissionId, Claim | None]:
    mine = {o.mission_id: o for o in outcomes if o.mission_id in batch.loaded}
    amended = [_applied(batch, outcome) for outcome in mine.values()]
    amended = await respect_owners(tx, amended)
    results = await settle_all(tx, batch, turn, facts=[amendment.facts for amendment in amended])
    return {
        amendment.facts.mission_id: write_settled(
            changes,
            batch,
            batch.loaded[amendment.facts.mission_id],
            settled,
            turn=turn,
            entries=amendment.entries,
        )
        for amendment, settled in zip(amended, results, strict=True)
    }


def _applied(batch: Batch, outcome: Outcome) -> Amendment:
    one = batch.loaded[outcome.mission_id]
    if one.row["lease_token"] != outcome.token + 1:  # applied already, by a commit whose reply was lost
        return Amendment(facts=one.facts)
    return outcome.apply(batch.with_rivals(one.facts)) or Amendment(facts=one.facts)


def _is_held(replica: str, tokens: Iterable[tuple[MissionId, int]]) -> ColumnElement[bool]:
    return (_c.lease_owner == replica) & tuple_(_c.mission_id, _c.lease_token).in_(list(tokens))
