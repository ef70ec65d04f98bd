"""The common patience towards one remote: rate limits, outages, refused credentials stop everybody.

Closed, it lets nothing through until its time; then one request goes as a probe, and each success doubles how many may
go at once (a ramp without a herd). Its state is in the ledger, for the other replicas and for `syncd status`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from aiolimiter import AsyncLimiter

from syncd.errors import CredentialsRefused, OutcomeUnknown, Transient
from syncd.ports.clock import Clock
from syncd.ports.ledger import GateState, Ledger

FAILURES_THAT_CLOSE = 10
LONGEST_REST = timedelta(hours=1)
_PROBE_INTERVAL = timedelta(seconds=30)
_A_MOMENT = timedelta(seconds=1)

log = structlog.get_logger()


class Gate:
    """Watches over one remote, `cactus` or `mail`, within one process: `width` requests at once, at its `pace`."""

    def __init__(
        self,
        name: str,
        *,
        ledger: Ledger,
        clock: Clock,
        longest_delay: timedelta,
        width: int,
        pace: AsyncLimiter | None = None,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._clock = clock
        self._rest = min(_PROBE_INTERVAL, longest_delay)
        self._width = width
        self._pace = pace
        self._open_width = width
        self._under_way = 0
        self._room = asyncio.Condition()
        self.state = GateState()
        self.successes = 0
        self.general_failures = 0

    async def load(self) -> None:
        """Take over what is known of the remote; a process that begins may probe at once, but for a remote's own wish.

        Who starts the service again has perhaps just put it right: new credentials, a network that is back.
        """
        self.state = await self._ledger.gate(self._name)
        until, failed_at = self.closed_until(), self.state.last_failure_at
        if until is None:
            return
        self._open_width = 1
        if self.state.is_credentials or (failed_at is not None and until - failed_at <= self._rest + _A_MOMENT):
            self.state = replace(self.state, closed_until=self._clock.now())
            await self._wake_waiting(until)

    def closed_until(self) -> datetime | None:
        """Return until when nothing may pass, `None` when the gate is open or a probe is due."""
        until = self.state.closed_until
        return until if until is not None and until > self._clock.now() else None

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[bool]:
        """Wait for room; yield whether the request may be made, false when the gate closed meanwhile."""
        async with self._room:
            await self._room.wait_for(lambda: self._under_way < self._open_width)
            self._under_way += 1
        try:
            if self._pace is not None:
                await self._pace.acquire()
            yield self.closed_until() is None
        finally:
            self._under_way -= 1
            async with self._room:
                self._room.notify_all()

    async def note_success(self) -> None:
        """The remote answered as it should."""
        self.successes += 1
        closed_until = self.state.closed_until
        self._open_width = min(self._open_width * 2, self._width)
        if self.state.failures == 0 and closed_until is None:
            return
        self.state = GateState(last_success_at=self._clock.now(), last_failure_at=self.state.last_failure_at)
        if closed_until is not None:
            await self._ledger.set_gate(self._name, self.state)
            await self._wake_waiting(closed_until)
            log.info("gate.opened", remote=self._name)

    async def _wake_waiting(self, closed_until: datetime) -> None:
        """What waited for the gate need not wait for its time any more; the width lets it through little by little."""
        await self._ledger.wake_waiting("await_remote", now=self._clock.now(), until=closed_until + 2 * _A_MOMENT)

    async def note_failure(self, error: Transient | OutcomeUnknown) -> None:
        """The remote as a whole failed; ten in a row, a rate limit or refused credentials close it."""
        if not error.is_general:
            return
        self.general_failures += 1
        now = self._clock.now()
        failures = self.state.failures + 1
        self.state = replace(self.state, failures=failures, last_failure_at=now, reason=error.message)
        rest = self._rest_after(error, failures)
        if rest is not None:
            await self._close(rest, is_credentials=isinstance(error, CredentialsRefused))

    async def _close(self, rest: timedelta, *, is_credentials: bool) -> None:
        self._open_width = 1
        self.state = replace(self.state, closed_until=self._clock.now() + rest, is_credentials=is_credentials)
        await self._ledger.set_gate(self._name, self.state)
        if is_credentials:
            log.error("credentials.refused", remote=self._name)
        else:
            log.warning(
                "gate.closed", remote=self._name, failures=self.state.failures, rest_s=int(rest.total_seconds())
            )

    def _rest_after(self, error: Transient | OutcomeUnknown, failures: int) -> timedelta | None:
        if error.retry_after is not None:
            return min(max(error.retry_after, timedelta(seconds=1)), LONGEST_REST)
        if isinstance(error, CredentialsRefused) or failures >= FAILURES_THAT_CLOSE:
            return self._rest
        return None
