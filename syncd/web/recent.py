"""A question to the ledger whose answer is kept for a while, so that being asked often costs nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from syncd.errors import Transient
from syncd.ports.clock import Clock

Answer = TypeVar("Answer")

_GOODBYE_S = 0.3


class Recent(Generic[Answer]):
    """Asks one question, one at a time, whoever wants to know meanwhile. Silence is kept as long as an answer."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Answer]],
        *,
        clock: Clock,
        longest_age: timedelta,
        patience: timedelta,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._longest_age_s = longest_age.total_seconds()
        self._patience_s = patience.total_seconds()
        self._asking: asyncio.Task[Answer | None] | None = None
        self._asked_at = 0.0

    async def latest(self) -> Answer | None:
        """Return an answer asked for at most `longest_age` ago, `None` when there is none within `patience`."""
        asking = self._asking
        if asking is None or (asking.done() and self._is_old()):
            self._asked_at = self._clock.monotonic()
            asking = self._asking = asyncio.create_task(self._question())
        # not a timeout: a driver may take seconds to notice that it was cancelled, and others wait for the same answer
        await asyncio.wait([asking], timeout=self._patience_s)
        return asking.result() if asking.done() and not asking.cancelled() else None

    async def aclose(self) -> None:
        """Give the question up; whoever waits for it hears `None` at once."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait([self._asking], timeout=_GOODBYE_S)

    def _is_old(self) -> bool:
        return self._clock.monotonic() - self._asked_at >= self._longest_age_s

    async def _question(self) -> Answer | None:
        try:
            return await self._ask()
        except Transient:
            return None
