"""A clock that runs fast: what a process waits for takes a fraction of the time, and means the same."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from random import Random

_A_SATURDAY = datetime(2025, 9, 6, 8, 0, tzinfo=UTC)
"""Reminders and the digest rest: what is left is the life of the contracts."""
_RATE = 5


class QuickClock:
    """Implements `syncd.ports.clock.Clock`; it begins so long after a Saturday morning."""

    def __init__(self, after: timedelta, *, seed: int) -> None:
        self._began_s = time.monotonic()
        self._began_at = _A_SATURDAY + after
        self._dice = Random(seed)  # noqa: S311 - dice for a test

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return self._began_at + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return (time.monotonic() - self._began_s) * _RATE

    def throw(self) -> float:
        """Return a random number in [0, 1)."""
        return self._dice.random()

    def agree_with(self, present: datetime, *, within: timedelta) -> None:
        """It runs faster than a server's."""

    async def sleep(self, duration: timedelta) -> None:
        """Return after this long on this clock."""
        await asyncio.sleep(max(duration.total_seconds(), 0) / _RATE)
