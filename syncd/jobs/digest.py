"""Queue the supervisor's daily digest: one letter a working day instead of one per contract."""

from datetime import datetime

import structlog

from syncd.events import Log
from syncd.model import Event, Policy, Step
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.ports.reading import ContractFilter
from syncd.workdays import PARIS, is_working_day, paris_day

log: Log = structlog.get_logger()

_MARK = "digest_day"
_MOST = 200
_OPEN = tuple(step for step in Step if step not in (Step.HELD, Step.DONE, Step.CLOSED))
_REMINDERS = {
    Step.AWAITING_STUDENT: Event.STUDENT_PART_REMINDER,
    Step.AWAITING_COMPANY: Event.COMPANY_PART_REMINDER,
}


async def queue_digest(ledger: Ledger, clock: Clock, policy: Policy) -> bool:
    """Queue today's digest when its hour has come and there is something to say; return whether it was queued now."""
    now = clock.now()
    today = paris_day(now).isoformat()
    if not is_digest_hour(now, policy) or await ledger.mark(_MARK) == today:
        return False
    if not await _has_something_to_say(ledger):
        return False
    was_queued = await ledger.queue_digest(today, now=now)
    await ledger.set_mark(_MARK, today)
    if was_queued:
        log.info("digest.queued", day=today)
    return was_queued


async def _has_something_to_say(ledger: Ledger) -> bool:
    """Whether a person must decide something, an urgent contract is not done, or somebody had to be reminded."""
    if await ledger.needs_person(limit=1):
        return True
    for step in _OPEN:
        if await ledger.list_contracts(ContractFilter(step=step, late=True), limit=1):
            return True
    for awaiting, reminder in _REMINDERS.items():
        waiting = await ledger.waiting_facts(ContractFilter(step=awaiting), limit=_MOST)
        if any(facts.has_announced(reminder) for facts in waiting):
            return True
    return False


def is_digest_hour(now: datetime, policy: Policy) -> bool:
    """Whether offices work today and the digest's hour has come, in Paris."""
    local, hours = now.astimezone(PARIS), policy.reminders
    return is_working_day(local.date()) and hours.digest_hour <= local.hour < hours.quiet_from_hour
