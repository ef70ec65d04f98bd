"""The only place that reads the time and throws the dice."""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from uuid import uuid4

_DICE = SystemRandom()


class SystemClock:
    """Tells this machine's time (implements `syncd.ports.clock.Clock`).

    The dice are the system's: two processes that were forked from one never throw the same.
    """

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        return time.monotonic()

    def throw(self) -> float:
        """Return a random number in [0, 1)."""
        return _DICE.random()

    async def sleep(self, duration: timedelta) -> None:
        """Return after this long; at once, but not before others had their turn, for nothing or less."""
        await asyncio.sleep(max(duration.total_seconds(), 0.0))


def new_id() -> str:
    """Return 32 hexadecimal digits that were never returned before."""
    return uuid4().hex


def new_bytes(count: int) -> bytes:
    """Return random bytes fit for a key or a nonce."""
    return secrets.token_bytes(count)
