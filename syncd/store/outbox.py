"""What people and the calendar add to the outbox: the digest, failed letters queued again, a letter sent anew."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func, insert, select, update

from syncd.errors import RefusalCode, Refused
from syncd.model import Event, MissionId, NotificationState, Role
from syncd.store.deliveries import tell_of_ends
from syncd.store.engine import Transaction
from syncd.store.loading import KNOWN_LETTERS
from syncd.store.part import LedgerPart
from syncd.store.rows import Columns, Row, rows_in
from syncd.store.tables import LetterLane, letters
from syncd.store.writing import insert_once, message_id, new_letter

_l = letters.c
_A_BATCH = 500


class Outbox(LedgerPart):
    """Queueing letters that no contract's facts call for."""

    async def queue_digest(self, cause: str, *, now: datetime) -> bool:
        """Queue the supervisor's digest of a day, once; false when it was queued before."""
        letter = new_letter(
            "",
            Event.DIGEST_DAILY,
            Role.SUPERVISOR,
            cause,
            now=now,
            domain=self._identity.message_domain,
            queued_at=now,
            is_blocked=False,
        )

        async def work(tx: Transaction) -> bool:
            queued = await tx.connection.execute(insert_once(tx, letters).values(letter).returning(_l.letter_id))
            return queued.one_or_none() is not None

        return await self._database.write(work)

    async def requeue_failed(self, mission_ids: Sequence[MissionId], *, now: datetime) -> int:
        """Queue failed letters again, and unknown ones that gave up; never sent ones. Return how many.

        Their patience begins anew.
        """
        gave_up = (_l.state == str(NotificationState.UNKNOWN)) & _l.due_at.is_(None)
        statement = (
            update(letters)
            .where(_l.mission_id.in_(list(mission_ids)))
            .where((_l.state == str(NotificationState.FAILED)) | gave_up)
            .values(
                state=str(NotificationState.QUEUED),
                lane=case((_l.is_blocked, LetterLane.BLOCKED), else_=LetterLane.NEW),
                due_at=now,
                queued_at=now,
                attempts=0,
                repeats=0,
                last_error=None,
            )
        )

        async def work(tx: Transaction) -> int:
            return (await tx.connection.execute(statement)).rowcount

        return await self._database.write(work) if mission_ids else 0

    async def give_up_letters(self, *, queued_before: datetime, error: str, now: datetime) -> int:
        """Let letters that have waited in vain since then fail, a batch of the oldest; return how many.

        One that was perhaps sent stays unknown, and is a person's business from here on.
        """
        perhaps_sent = _l.repeats > 0
        waits = _l.lane.in_((LetterLane.NEW, LetterLane.DEFERRED)) & (_l.due_at <= queued_before) & KNOWN_LETTERS
        oldest = select(_l.letter_id).where(waits, _l.queued_at < queued_before).order_by(_l.due_at).limit(_A_BATCH)
        statement = (
            update(letters)
            .where(_l.letter_id.in_(oldest.with_for_update(skip_locked=True)))
            .values(
                state=case((perhaps_sent, str(NotificationState.UNKNOWN)), else_=str(NotificationState.FAILED)),
                lane=None,
                due_at=None,
                last_error=error,
            )
            .returning(*letters.columns)
        )

        async def work(tx: Transaction) -> int:
            rows = rows_in(await tx.connection.execute(statement))
            await tell_of_ends(tx, rows, now=now, domain=self._identity.message_domain)
            return len(rows)

        return await self._database.write(work)

    async def resend(self, letter_id: int, *, now: datetime) -> int:
        """Queue a new letter like this one, with a Message-ID of its own; return its id.

        A person asks for it, so that no hold blocks it.

        Raises:
            Refused: there is no such letter.
        """
        numbers: list[int] = []  # decided at the first try: a COMMIT without an answer is not done twice

        async def work(tx: Transaction) -> int:
            row = (
                (await tx.connection.execute(select(letters).where(_l.letter_id == letter_id))).mappings().one_or_none()
            )
            if row is None:
                raise Refused("there is no such letter", code=RefusalCode.NOT_FOUND)
            if not numbers or not tx.may_be_done:
                numbers[:] = [await _next_number(tx, dict(row))]
            return await self._insert(tx, _again(dict(row), numbers[0], now, self._identity.message_domain))

        return await self._database.write(work)

    async def _insert(self, tx: Transaction, letter: Columns) -> int:
        if tx.may_be_done:
            found = await tx.connection.execute(select(_l.letter_id).where(_l.message_id == letter["message_id"]))
            if (done := found.scalar_one_or_none()) is not None:
                return int(done)
        queued = await tx.connection.execute(insert(letters).values(letter).returning(_l.letter_id))
        return int(queued.scalar_one())


async def _next_number(tx: Transaction, row: Row) -> int:
    is_alike = [letters.c[name] == row[name] for name in ("mission_id", "event", "role", "cause")]
    found = await tx.connection.execute(select(func.max(_l.resend)).where(*is_alike))
    return int(found.scalar_one()) + 1


def _again(row: Row, number: int, now: datetime, domain: str) -> Columns:
    names = [str(row[name]) for name in ("mission_id", "event", "role", "cause")]
    alike: Columns = dict(zip(("mission_id", "event", "role", "cause"), names, strict=True))
    return alike | {
        "resend": number,
        "message_id": message_id(names[0], names[1], names[2], names[3], number, domain=domain),
        "state": str(NotificationState.QUEUED),
        "is_blocked": False,
        "lane": LetterLane.NEW,
        "due_at": now,
        "attempts": 0,
        "repeats": 0,
        "queued_at": now,
        "lease_token": 0,
    }
