"""The ledger's work: claiming what is due, recording what came of it, and keeping or giving back leases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Text, UpdateBase, bindparam, cast, update

from syncd.model import Facts, MissionId
from syncd.model.replacing import replace
from syncd.ports.ledger import Amendment, Claim, Claimed, CreationLimit, Outcome, Settle, TimelineEntry
from syncd.store.engine import Happening, Transaction, clock_after
from syncd.store.given import is_among
from syncd.store.loading import Batch, load
from syncd.store.part import LedgerPart
from syncd.store.picking import Room, pick, pick_these
from syncd.store.rows import Row, rows_in
from syncd.store.settling import Turn, settle_all, write_settled
from syncd.store.tables import LEFT_ALONE, Lane, contracts
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
        retries: int | None = None,
        probe: int | None = None,
        only: Sequence[MissionId] | None = None,
    ) -> Claimed:
        """Claim what is due and free, most urgent first, settle it, and return the effects."""
        turn = self._turn(now, settle, creations)
        most_retries = limit if retries is None else min(retries, limit)
        room = Room(limit=limit, retries=most_retries, turn=self._takings, probe=probe)

        async def work(tx: Transaction) -> Claimed:
            others_turn = self._tried_one_alone
            picked = await (
                pick(tx, turn, room, others_turn=others_turn) if only is None else pick_these(tx, turn, room, only)
            )
            if not picked.rows:
                return Claimed(claims=(), settled=0)
            self._tried_one_alone = picked.is_alone
            self._takings += 1
            changes = Changes(now=now, domain=self._identity.message_domain)
            batch = await load(tx, picked.rows)
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
            tx.happenings.extend(_overtaken(outcomes, batch))
            return tuple(claims.get(outcome.mission_id) for outcome in outcomes)

        return await self._database.write(work)

    async def renew(self, tokens: Mapping[MissionId, int], *, now: datetime) -> frozenset[MissionId]:
        """Extend leases; return the missions whose lease is still ours."""
        if not tokens:
            return frozenset()

        async def work(tx: Transaction) -> frozenset[MissionId]:
            held = _held(self._identity.replica, tokens.items(), tx.after(now, self._identity.lease))
            renewed = await tx.connection.execute(_renewing(is_postgres=tx.is_postgres), held)
            return frozenset(MissionId(mission_id) for (mission_id,) in renewed)

        return await self._database.write(work)

    def _turn(self, now: datetime, settle: Settle, creations: CreationLimit) -> Turn:
        me = self._identity
        return Turn(replica=me.replica, lease=me.lease, now=now, settle=settle, creations=creations)


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
        last_error=LEFT_ALONE,
    )  # fmt: skip
    await tx.connection.execute(statement)


async def _take_back(tx: Transaction, outcomes: Sequence[Outcome], turn: Turn) -> list[Row]:
    """Lock the rows that are still held, and give each a new token: what was recorded once is never applied twice."""
    tokens = [(outcome.mission_id, outcome.token) for outcome in outcomes]
    if tx.may_be_done:  # the reply to COMMIT was lost: a row that has the next token was recorded by that commit
        tokens += [(mission_id, token + 1) for mission_id, token in tokens]
    if not tokens:
        return []
    held = _held(turn.replica, tokens, tx.after(turn.now, turn.lease))
    taken = await tx.connection.execute(_taking_back(is_postgres=tx.is_postgres), held)
    return rows_in(taken)


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


def _overtaken(outcomes: Sequence[Outcome], batch: Batch) -> Iterator[Happening]:
    """Tell of outcomes that came too late: the log has them, a timeline is its holder's."""
    for mission_id in sorted({outcome.mission_id for outcome in outcomes} - {*batch.loaded, *batch.unreadable}):
        yield mission_id, TimelineEntry(event="contract.overtaken", detail={})


def _applied(batch: Batch, outcome: Outcome) -> Amendment:
    one = batch.loaded[outcome.mission_id]
    if one.row["lease_token"] != outcome.token + 1:  # applied already, by a commit whose reply was lost
        return Amendment(facts=one.facts)
    return outcome.apply(batch.with_rivals(one.facts)) or Amendment(facts=one.facts)


# ------------------------------------------------------------------------------------------------------ the statements


_CLAIM = _c.mission_id.op("||", return_type=Text())(" ").op("||", return_type=Text())(cast(_c.lease_token, Text))
"""A contract and its token as one word. Pairs would be joined, and PostgreSQL compares a row for which it had to wait
once more with the one pair by which it was found, not with all."""


def _is_held(*, is_postgres: bool) -> ColumnElement[bool]:
    """Whether a row is claimed by us as one of the claims says that are given.

    It may wait for the very commit whose reply was lost: then the row has the next token, and that one counts too.
    """
    is_named = is_among(_c.mission_id, "ids", is_postgres=is_postgres)
    return (_c.lease_owner == bindparam("holder")) & is_named & is_among(_CLAIM, "claims", is_postgres=is_postgres)


def _held(replica: str, tokens: Iterable[tuple[MissionId, int]], lease: datetime | timedelta) -> Mapping[str, object]:
    claims = list(tokens)
    return {
        "holder": replica, "lease": lease,
        "ids": [mission_id for mission_id, _ in claims],
        "claims": [f"{mission_id} {token}" for mission_id, token in claims],
    }  # fmt: skip


@cache
def _renewing(*, is_postgres: bool) -> UpdateBase:
    until = clock_after("lease", is_postgres=is_postgres)
    return update(contracts).where(_is_held(is_postgres=is_postgres)).values(lease_until=until).returning(_c.mission_id)


@cache
def _taking_back(*, is_postgres: bool) -> UpdateBase:
    until = clock_after("lease", is_postgres=is_postgres)
    held = update(contracts).where(_is_held(is_postgres=is_postgres))
    taken_back = held.values(lease_token=_c.lease_token + 1, lease_until=until, crashes=0)
    return taken_back.returning(*contracts.columns)
