"""When is a late part recalled to its holder? Pure.

Source: procedure, "reminders and deadlines".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model import Event, Facts, Policy, RemoteStatus
from syncd.workdays import add_working_days, next_allowed, paris_day

_OPEN = frozenset({RemoteStatus.INITIALISED, RemoteStatus.IN_PROGRESS, RemoteStatus.REOPENED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """This reminder is due now; `cause` numbers it."""

    event: Event
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The next reminder may be due at this instant."""

    at: datetime


def next_reminder(facts: Facts, *, now: datetime, policy: Policy) -> Due | Later | None:
    """Return the reminder that is due, when the next one will be, or `None` when nobody is to be reminded."""
    awaited = _awaited(facts)
    if awaited is None:
        return None
    event, since = awaited
    is_urgent = is_start_near(facts, now, policy)
    delays = policy.reminders.after_days_when_urgent if is_urgent else policy.reminders.after_days
    said = _number_said(facts, event, since, delays)
    if said >= len(delays):
        return None
    at = since + timedelta(days=delays[said])
    if not is_urgent:
        at = next_allowed(
            max(at, now),
            quiet_from_hour=policy.reminders.quiet_from_hour,
            quiet_until_hour=policy.reminders.quiet_until_hour,
        )
    return Due(event=event, cause=f"{facts.reopenings}.{_next_number(facts, event)}") if at <= now else Later(at=at)


def _number_said(facts: Facts, event: Event, since: datetime, delays: tuple[int, ...]) -> int:
    """Return how many reminders need not be said any more: one that came late stands for those it came after."""
    said = {n.cause: n.created_at for n in facts.notifications if n.event is event and n.created_at >= since}
    days_until_last = (max(said.values(), default=since) - since).days
    return max(len(said), sum(days <= days_until_last for days in delays))


def _next_number(facts: Facts, event: Event) -> int:
    """Return a number that no reminder of this contract had: the same part may be awaited more than once."""
    return 1 + len({n.cause for n in facts.notifications if n.event is event})


def is_start_near(facts: Facts, now: datetime, policy: Policy) -> bool:
    """Whether the contract starts within the urgent number of working days, or should have started."""
    start = facts.mission.contract_starts_on
    return start is not None and start <= add_working_days(paris_day(now), policy.reminders.urgent_working_days)


def _awaited(facts: Facts) -> tuple[Event, datetime] | None:
    remote = facts.remote
    if remote is None or remote.known_status not in _OPEN:
        return None
    if not remote.student_part.is_done:
        return (Event.STUDENT_PART_REMINDER, facts.student_awaited_since) if facts.student_awaited_since else None
    if not remote.company_part.is_done and facts.company_awaited_since is not None:
        return Event.COMPANY_PART_REMINDER, facts.company_awaited_since
    return None
