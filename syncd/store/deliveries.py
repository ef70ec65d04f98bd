"""The outbox at work: taking letters that are due, and writing what became of each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Update, UpdateBase, bindparam, case, func, select, tuple_, union_all, update

from syncd.model import Event, Facts, MissionId, NotificationState, Role
from syncd.ports.ledger import LetterClaim, LetterOutcome, QueuedLetter, TimelineEntry
from syncd.store.columns import Instant
from syncd.store.engine import Transaction, clock_after
from syncd.store.letter_queue import choose, has_run_out, look_around, mails_allowed
from syncd.store.loading import load_these, rows_of
from syncd.store.part import LedgerPart
from syncd.store.rows import Row, rows_in
from syncd.store.tables import LetterLane, letters
from syncd.store.writing import Changes, wake

_l = letters.c
_UNREADABLE_FOR = timedelta(minutes=5)
_MOST_DOUBTS = 2
"""A letter and its one repeat: after that a person looks."""
_REGISTRATION = frozenset({Event.REGISTRATION_REQUESTED, Event.REGISTRATION_INVITED})

_PLACE_OF_THE_TRIED = case((_l.is_blocked, LetterLane.BLOCKED), else_=LetterLane.DEFERRED)
_IS_UNTRIED = (_l.attempts == 0) & (_l.repeats == 0)
_FORMER_PLACE = case((_l.is_blocked, LetterLane.BLOCKED), (_IS_UNTRIED, LetterLane.NEW), else_=LetterLane.DEFERRED)
"""Of what was taken and not tried: no backlog delays it the next time."""
_WAITING_STATE = case((_l.repeats > 0, str(NotificationState.UNKNOWN)), else_=str(NotificationState.QUEUED))


class Deliveries(LedgerPart):
    """Taking letters and recording what became of them."""

    _taken = 0
    """How many letters were taken by this process: whose turn it is."""

    _may_have_taken = False
    """Nobody knows whether the last taking was committed: letters may be ours that were told to nobody."""

    async def take_letters(
        self, *, limit: int, now: datetime, most_per_hour: int = 0, in_hand: Collection[LetterClaim] | None = None
    ) -> tuple[QueuedLetter, ...]:
        """Take letters that are due and not blocked by a hold; each says `sending` from here on.

        No backlog delays a new letter, and new letters starve no backlog (see `letter_queue`). Not one more is taken
        than the brake allows: at most `most_per_hour` mails in a sliding hour, all replicas together, those under way
        included (0: no limit). Whoever tells by which claims letters are `in_hand` gets back at once those of a taking
        whose commit had no answer: they are certain not to have left.
        """
        had_no_answer, self._may_have_taken = self._may_have_taken, True

        async def work(tx: Transaction) -> tuple[QueuedLetter, ...]:
            if in_hand is not None and (had_no_answer or tx.may_be_done):
                await self._put_back_all_but(tx, in_hand)
            has_expired, lanes = await look_around(tx, now)
            if has_expired:
                await doubt(tx, has_run_out(is_postgres=tx.is_postgres), tx.times(now), now=now)
                lanes |= {LetterLane.DEFERRED}
            if not lanes:
                return ()
            room = min(limit, await mails_allowed(tx, most_per_hour, now)) if most_per_hour else limit
            rows = await self._lease(tx, await choose(tx, lanes, room, now, turn=self._taken), now)
            self._taken += len(rows)
            return await _readable(tx, rows, now)

        taken = await self._database.write(work)
        self._may_have_taken = False
        return taken

    async def _put_back_all_but(self, tx: Transaction, in_hand: Collection[LetterClaim]) -> None:
        """Give every letter of ours back to its place in the queue, but for those that somebody has in hand."""
        statement = (
            update(letters)
            .where(_l.lease_owner == self._identity.replica, tuple_(_l.letter_id, _l.lease_token).not_in(list(in_hand)))
            .values(
                state=_WAITING_STATE,
                lane=_FORMER_PLACE,
                due_at=_l.queued_at,
                lease_owner=None,
                lease_until=None,
            )
        )
        await tx.connection.execute(statement)

    async def record_letters(self, outcomes: Sequence[LetterOutcome], *, now: datetime) -> tuple[bool, ...]:
        """Write what became of letters, and make due the contracts that it moves on; false for what is not ours."""

        async def work(tx: Transaction) -> tuple[bool, ...]:
            rows = [await self._record(tx, outcome, now) for outcome in outcomes]
            ended = [row for row in rows if row is not None and row["state"] != NotificationState.QUEUED]
            await tell_of_ends(tx, ended, now=now, domain=self._identity.message_domain)
            return tuple([row is not None or (tx.may_be_done and await _is_recorded(tx, outcome))
                          for outcome, row in zip(outcomes, rows, strict=True)])  # fmt: skip

        return await self._database.write(work)

    async def _record(self, tx: Transaction, outcome: LetterOutcome, now: datetime) -> Row | None:
        """Write what became of one letter, and return its row; `None` when it is not ours (any more)."""
        was_tried = outcome.state is not NotificationState.QUEUED or outcome.error is not None
        due_at = outcome.retry_at or (now if outcome.state is NotificationState.QUEUED else None)
        values = {
            "which": outcome.letter_id, "token": outcome.token, "holder": self._identity.replica,
            "now": now, "due": due_at, "error": outcome.error,
        }  # fmt: skip
        statement = _recording(outcome.state, was_tried=was_tried, waits=due_at is not None)
        recorded = rows_in(await tx.connection.execute(statement, values))
        return recorded[0] if recorded else None

    async def next_letter_at(self) -> datetime | None:
        """Return when the next letter is due."""
        seeks = (
            select(_l.due_at).where(_l.lane == lane, _l.due_at.is_not(None)).order_by(_l.due_at).limit(1)
            for lane in (LetterLane.NEW, LetterLane.DEFERRED)
        )
        earliest = union_all(*(seek.subquery().select() for seek in seeks)).subquery()

        async def work(tx: Transaction) -> datetime | None:
            found = await tx.connection.execute(select(func.min(earliest.c.due_at, type_=Instant())))
            at: datetime | None = found.scalar_one()
            return at

        return await self._database.read(work)

    async def _lease(self, tx: Transaction, ids: Sequence[int], now: datetime) -> list[Row]:
        if not ids:
            return []
        me = self._identity
        values = {"ids": ids, "holder": me.replica, "lease": tx.after(now, me.letter_lease)}
        taken = await tx.connection.execute(_leasing(is_postgres=tx.is_postgres), values)
        return sorted(rows_in(taken), key=lambda row: ids.index(int(str(row["letter_id"]))))


@cache
def _leasing(*, is_postgres: bool) -> UpdateBase:
    return (
        update(letters)
        .where(_l.letter_id.in_(bindparam("ids", expanding=True)))
        .values(
            state=str(NotificationState.SENDING),
            lane=None,
            due_at=None,
            lease_owner=bindparam("holder"),
            lease_until=clock_after("lease", is_postgres=is_postgres),
            lease_token=_l.lease_token + 1,
        )
        .returning(*letters.columns)
    )


async def tell_of_ends(tx: Transaction, rows: Sequence[Row], *, now: datetime, domain: str) -> None:
    """Write into timelines how letters came out, and wake the contracts whose step depends on one of them."""
    changes, waiting = Changes(now=now, domain=domain), []
    for row in rows:
        if not row["mission_id"]:
            continue
        mission_id = MissionId(str(row["mission_id"]))
        changes.note(mission_id, _entry(row))
        is_failed = row["state"] == NotificationState.FAILED
        if row["due_at"] is None and (is_failed or row["event"] in _REGISTRATION):
            waiting.append(mission_id)
    await changes.flush(tx)
    if waiting:
        await wake(tx, waiting, now=now)


async def doubt(
    tx: Transaction,
    which: ColumnElement[bool],
    values: Mapping[str, object],
    *,
    now: datetime,
    is_patient: bool = False,
) -> None:
    """Nobody knows what became of letters whose sender is gone: say so, and let the next sender decide.

    `values` are what `which` is to be given. Only the patient wait for what somebody is just writing.
    """
    await tx.connection.execute(_doubting(which, is_patient=is_patient), {**values, "now": now})


@cache
def _doubting(which: ColumnElement[bool], *, is_patient: bool) -> Update:
    taken = select(_l.letter_id).where(_l.lease_owner.is_not(None), which)
    return (
        update(letters)
        .where(_l.letter_id.in_(taken.with_for_update(skip_locked=not is_patient)))
        .values(
            state=str(NotificationState.UNKNOWN),
            lane=_PLACE_OF_THE_TRIED,
            due_at=bindparam("now"),
            repeats=_l.repeats + 1,
            sent_at=bindparam("now"),
            lease_owner=None,
            lease_until=None,
        )
    )


async def _readable(tx: Transaction, rows: Sequence[Row], now: datetime) -> tuple[QueuedLetter, ...]:
    """Return the letters with their contracts' facts; those that this version cannot read go back."""
    facts = await _facts_of(tx, rows)
    unreadable = [row for row in rows if row["mission_id"] and str(row["mission_id"]) not in facts]
    await _put_back(tx, unreadable, now)
    return tuple(_taken(row, facts) for row in rows if row not in unreadable)


async def _facts_of(tx: Transaction, rows: Sequence[Row]) -> dict[str, Facts]:
    ids = sorted({str(row["mission_id"]) for row in rows} - {""})
    if not ids:
        return {}
    batch = await load_these(tx, ids)
    return {mission_id: one.facts for mission_id, one in batch.loaded.items()}


async def _put_back(tx: Transaction, rows: Sequence[Row], now: datetime) -> None:
    """Leave letters about a contract that this version cannot read to a newer one."""
    ids = [row["letter_id"] for row in rows]
    if ids:
        statement = update(letters).where(_l.letter_id.in_(ids)).values(
            state=_WAITING_STATE, lane=LetterLane.DEFERRED, due_at=now + _UNREADABLE_FOR,
            lease_owner=None, lease_until=None,
        )  # fmt: skip
        await tx.connection.execute(statement)


def _taken(row: Row, facts: dict[str, Facts]) -> QueuedLetter:
    mission_id, queued_at = str(row["mission_id"]), row["queued_at"]
    assert isinstance(queued_at, datetime)  # noqa: S101 - the column's type
    return QueuedLetter(
        letter_id=int(str(row["letter_id"])),
        token=int(str(row["lease_token"])),
        mission_id=MissionId(mission_id) if mission_id else None,
        event=Event(str(row["event"])),
        role=Role(str(row["role"])),
        cause=str(row["cause"]),
        message_id=str(row["message_id"]),
        attempts=int(str(row["attempts"])),
        queued_at=queued_at,
        is_repeat=int(str(row["repeats"])) > 0,
        is_spent=int(str(row["repeats"])) >= _MOST_DOUBTS,
        facts=facts.get(mission_id),
    )


@cache
def _recording(state: NotificationState, *, was_tried: bool, waits: bool) -> UpdateBase:
    """Return what writes a letter's new state; `waits`: for its next attempt. Built once: that is most of its cost."""
    now, is_unknown = bindparam("now", type_=Instant()), state is NotificationState.UNKNOWN
    is_doubted = _l.repeats < _MOST_DOUBTS  # one that was in doubt so often already was not sent again
    place = _PLACE_OF_THE_TRIED if was_tried else _FORMER_PLACE
    values: dict[str, object] = {
        "state": str(state),
        "attempts": _l.attempts + (1 if was_tried else 0),
        "last_error": bindparam("error"),
        "lane": place if waits else None,
        "due_at": bindparam("due", type_=Instant()),
        "lease_owner": None,
        "lease_until": None,
    }
    if state is NotificationState.SENT:
        values["sent_at"] = now
    if is_unknown:
        values |= {"repeats": case((is_doubted, _l.repeats + 1), else_=_l.repeats),
                   "sent_at": case((is_doubted, now), else_=_l.sent_at)}  # fmt: skip
    is_ours = (_l.letter_id == bindparam("which")) & (_l.lease_token == bindparam("token"))
    is_ours &= (_l.state == str(NotificationState.SENDING)) & (_l.lease_owner == bindparam("holder"))
    return update(letters).where(is_ours).values(values).returning(*letters.columns)


async def _is_recorded(tx: Transaction, outcome: LetterOutcome) -> bool:
    """Whether the commit whose reply was lost has written this outcome."""
    statement = select(_l.letter_id).where(
        _l.letter_id == outcome.letter_id, _l.lease_token == outcome.token, _l.state == str(outcome.state)
    )
    return bool(await rows_of(tx, statement))


def _entry(row: Row) -> TimelineEntry:
    detail = {name: str(row[name]) for name in ("event", "role", "message_id")}
    return TimelineEntry(event=f"letter.{row['state']}", detail={**detail, "attempts": int(str(row["attempts"]))})
