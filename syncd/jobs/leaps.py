"""Notices a wall clock that was set forward: more time seems to have passed than has.

Early is harmless for most of what waits. Two waits must not be cut short: that for a remote's longest processing time,
after which a creation without keys is asked for again, and a lease on a SQLite file, which is kept in wall time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.ports.clock import Clock

_A_TICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Leap:
    noticed_at: float
    by: timedelta


class Leaps:
    """Compares the two hands of a clock, look by look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present, self._seconds = clock.now(), clock.monotonic()
        self._leaps: tuple[_Leap, ...] = ()

    def has_leapt(self) -> bool:
        """Whether the clock was set forward since the last look."""
        return self._look(self._clock.now())

    def _look(self, present: datetime) -> bool:
        seconds = self._clock.monotonic()
        by = (present - self._present) - timedelta(seconds=seconds - self._seconds)
        self._present, self._seconds = present, seconds
        if by <= _A_TICK:
            return False
        self._leaps = (*self._leaps, _Leap(seconds, by))
        return True

    def within(self, wait: timedelta, *, now: datetime) -> timedelta:
        """Return how much of such a wait, begun at the latest now, may only seem to have passed.

        `now` is what the clock has just told.
        """
        self._look(now)
        if not self._leaps:
            return timedelta()
        since = self._seconds - wait.total_seconds()
        self._leaps = tuple(leap for leap in self._leaps if leap.noticed_at > since)
        return sum((leap.by for leap in self._leaps), timedelta())
