"""Queue the supervisor's daily digest: one letter a working day instead of one per contract."""

from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from syncd.model import Policy
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.workdays import is_working_day, paris_day

log = structlog.get_logger()

_PARIS = ZoneInfo("Europe/Paris")


async def queue_digest(ledger: Ledger, clock: Clock, policy: Policy) -> bool:
    """Queue today's digest when its hour has come and something needs a person; return whether it was queued now."""
    now = clock.now()
    if not is_digest_hour(now, policy):
        return False
    if not await ledger.needs_person(limit=1):
        return False
    was_queued = await ledger.queue_digest(paris_day(now).isoformat(), now=now)
    if was_queued:
        log.info("digest.queued")
    return was_queued


def is_digest_hour(now: datetime, policy: Policy) -> bool:
    """Whether offices work today and the digest's hour has come, in Paris."""
    local = now.astimezone(_PARIS)
    hours = policy.reminders
    return is_working_day(paris_day(now)) and hours.digest_hour <= local.hour < hours.quiet_from_hour
