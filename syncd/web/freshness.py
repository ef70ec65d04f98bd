"""When a flow is late, and what that means for people. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from syncd.ports.reading import FlowRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often the daemon's loops come round."""

    poll: timedelta = timedelta(seconds=60)
    sweep: timedelta = timedelta(hours=24)

    @property
    def longest_silence(self) -> timedelta:
        """Without progress for so long, the process is not alive."""
        return max(timedelta(seconds=120), 3 * self.poll)

    def longest_age(self, flow: str) -> timedelta | None:
        """Return after how long without success a flow is late; `None` for one that goes only when there is work."""
        match flow:
            case "missions" | "feed":
                return max(timedelta(minutes=15), 3 * self.poll)
            case "sweep":
                return self.sweep * 1.5
            case _:
                return None


class Freshness(StrEnum):
    """How a flow is."""

    FRESH = "fresh"
    FAILING = "failing"
    """Its last attempt failed; what it last brought is still fresh enough."""
    LATE = "late"


def freshness_of(flow: FlowRow, rhythm: Rhythm, now: datetime) -> Freshness:
    """Return how a flow is at a moment."""
    longest_age, success = rhythm.longest_age(flow.flow), flow.last_success_at
    if longest_age is not None and (success is None or now - success > longest_age):
        return Freshness.LATE
    failure = flow.last_failure_at
    if failure is not None and (success is None or failure > success):
        return Freshness.FAILING
    return Freshness.FRESH
