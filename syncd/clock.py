"""The only place that reads the time and throws the dice."""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from uuid import uuid4

_DICE = SystemRandom()
_HAND = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Leases go on while a machine sleeps, and Linux's ordinary monotonic clock does not."""
_SLOW = 0.9


def _wall() -> datetime:
    return datetime.now(UTC)


def _hand() -> float:
    return time.clock_gettime(_HAND)


class SystemClock:
    """Tells this machine's time (implements `syncd.ports.clock.Clock`).

    The dice are the system's: two processes that were forked from one never throw the same. `wall` and `hand` are the
    machine's own.
    """

    def __init__(self, *, wall: Callable[[], datetime] = _wall, hand: Callable[[], float] = _hand) -> None:
        self._wall, self._hand = wall, hand
        self._present, self._seconds = wall(), hand()
        self._zero: datetime | None = None
        """When the hand stood at nothing, by the clock that was agreed with; `None`: the machine's own wall counts."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC; it never goes back.

        When the machine's clock is set back, by an hour or to 1970, this one goes on, a tenth slower, until the other
        has caught up: whoever waits until an instant waits no longer for it.
        """
        seconds = self._hand()
        at_least = self._present + timedelta(seconds=(seconds - self._seconds) * _SLOW)
        self._present, self._seconds = max(self._told(seconds), at_least), seconds
        return self._present

    def _told(self, seconds: float) -> datetime:
        """Return what the clock that counts says while the hand stands there."""
        return self._wall() if self._zero is None else self._zero + timedelta(seconds=seconds)

    def agree_with(self, present: datetime, *, within: timedelta) -> None:
        """Go by another clock from now on, and by the machine's hand in between: its own wall counts no more.

        What is told is set right by as little as makes it possible; the first time it may go back.
        """
        seconds = self._hand()
        is_first = self._zero is None
        right = min(max(self._told(seconds), present), present + within)
        self._zero = right - timedelta(seconds=seconds)
        if is_first:
            self._present, self._seconds = right, seconds

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something. A machine's sleep counts."""
        return self._hand()

    def throw(self) -> float:
        """Return a random number in [0, 1)."""
        return _DICE.random()

    async def sleep(self, duration: timedelta) -> None:
        """Return after this long; at once, but not before others had their turn, for nothing or less."""
        await asyncio.sleep(max(duration.total_seconds(), 0.0))


def service_managers_clock_us() -> int:
    """Return the instant on the clock that systemd compares with its own."""
    return time.monotonic_ns() // 1000


def new_id() -> str:
    """Return 32 hexadecimal digits that were never returned before."""
    return uuid4().hex


def new_bytes(count: int) -> bytes:
    """Return random bytes fit for a key or a nonce."""
    return secrets.token_bytes(count)
