"""Clocks that only move when a test says so. Each implements `syncd.ports.clock.Clock`."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

A_TUESDAY = datetime(2025, 9, 2, 9, 0, tzinfo=UTC)
"""11 o'clock in Paris on a working day, when letters may leave."""


class FixedClock:
    """Stands still until `advance()`; a sleeper wakes when the clock has reached its hour.

    `throws` are repeated for ever.
    """

    def __init__(self, now: datetime = A_TUESDAY, *, throws: Iterable[float] = (0.5,)) -> None:
        self._now = now
        self._seconds = 1000.0
        self._throws = tuple(throws)
        self._thrown = 0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.slept: list[timedelta] = []
        """What was asked of `sleep`, in order."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        return self._seconds

    def throw(self) -> float:
        """Return the next of the numbers that were given."""
        self._thrown += 1
        return self._throws[(self._thrown - 1) % len(self._throws)]

    def agree_with(self, present: datetime, *, within: timedelta) -> None:
        """Only the test sets this clock."""

    async def sleep(self, duration: timedelta) -> None:
        """Return once the clock was advanced by so much."""
        self.slept.append(duration)
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        alarm = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._seconds + duration.total_seconds(), alarm))
        await alarm

    def advance(self, duration: timedelta) -> None:
        """Move both hands on and wake whoever is due."""
        self.set_wall(self._now + duration)
        self._seconds += duration.total_seconds()
        self._wake()

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, backwards too, as an administrator or a time server does; nobody wakes."""
        self._now = now

    def _wake(self) -> None:
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._seconds]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._seconds]
        for _, alarm in sorted(due, key=lambda sleeper: sleeper[0]):
            if not alarm.done():
                alarm.set_result(None)


class TickingClock(FixedClock):
    """Moves on by one tick at each look, and never makes anybody wait: sleeping only moves it on."""

    def __init__(
        self,
        now: datetime = A_TUESDAY,
        *,
        tick: timedelta = timedelta(milliseconds=1),
        throws: Iterable[float] = (0.5,),
    ) -> None:
        super().__init__(now, throws=throws)
        self._tick = tick

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC, and move on."""
        present = super().now()
        self.advance(self._tick)
        return present

    async def sleep(self, duration: timedelta) -> None:
        """Move on by this long and let others have their turn."""
        self.slept.append(duration)
        self.advance(max(duration, timedelta(0)))
        await asyncio.sleep(0)
