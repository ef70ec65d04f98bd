"""The common patience towards one remote: rate limits, outages, refused credentials stop everybody.

Closed, it lets nothing through until its time; then one request at a time goes as a probe. A failure closes it again, a
success opens it and doubles how many may go at once (a ramp without a herd). Its state is in the ledger, for the other
replicas and for `syncd status`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from aiolimiter import AsyncLimiter

from syncd.errors import CredentialsRefused, OutcomeUnknown, RateLimited, Transient
from syncd.events import Log
from syncd.jobs.line import Line
from syncd.ports.clock import Clock
from syncd.ports.ledger import GateState, Ledger

FAILURES_THAT_CLOSE = 10
LONGEST_REST = timedelta(hours=1)
_PROBE_INTERVAL = timedelta(seconds=30)
_A_MOMENT = timedelta(seconds=1)
_EVER = datetime.min.replace(tzinfo=UTC)

log: Log = structlog.get_logger()


class _Passage(AbstractAsyncContextManager[bool]):
    """A place inside, and what was found out there. One is made for every request: hence no generator."""

    __slots__ = ("_find_out", "_line", "_since")

    def __init__(self, line: Line, find_out: Callable[[], Awaitable[bool]], since: datetime) -> None:
        self._line, self._find_out, self._since = line, find_out, since

    async def __aenter__(self) -> bool:
        await self._line.enter(self._since)
        try:
            return await self._find_out()
        except BaseException:  # cancelled, say: nobody leaves for us then
            self._line.leave()
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._line.leave()


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
        self._line = Line(width)
        self._probed_at = _EVER
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
        self._line.width = 1
        if self.state.is_credentials or (failed_at is not None and until - failed_at <= self._rest + _A_MOMENT):
            self.state = replace(self.state, closed_until=self._clock.now())
            await self._tell_others(wake_until=until)

    async def refresh(self) -> None:
        """Learn what the other replicas found out since: the longest closing counts, and so does an opening.

        Raises:
            Transient: the ledger cannot be reached; what this process knows itself still holds.
        """
        known, mine = await self._ledger.gate(self._name), self.state
        has_closed = known.closed_until is not None and known.closed_until > max(
            self._clock.now(), mine.closed_until or _EVER
        )
        has_opened = known.closed_until is None and (known.last_success_at or _EVER) > (mine.last_failure_at or _EVER)
        if has_closed:
            self.state, self._line.width = known, 1
        elif has_opened and mine.closed_until is not None:
            self.state = known  # as wide as before: our own successes open it further

    def closed_until(self) -> datetime | None:
        """Return until when nothing may pass, `None` when the gate is open or a probe is due."""
        until = self.state.closed_until
        return until if until is not None and until > self._clock.now() else None

    @property
    def probe(self) -> int | None:
        """Return the number of the probe that is due, `None` when the gate is open, or closed for a while yet."""
        is_half_open = self.state.closed_until is not None and self.closed_until() is None
        return self.state.failures if is_half_open else None

    def rests_until(self, *, is_retry: bool) -> datetime | None:
        """Return until when a contract is held back, `None` when it may try.

        While nobody knows whether the remote is well again, what failed at its last attempt waits a moment longer: the
        one probe is not spent on a sick contract while a sound one waits.
        """
        until = self.state.closed_until
        if until is not None and is_retry:
            until += _A_MOMENT
        return until if until is not None and until > self._clock.now() else None

    def pass_through(self, *, since: datetime = _EVER) -> AbstractAsyncContextManager[bool]:
        """Wait for room; give whether the request may be made, false when the gate closed meanwhile.

        Of those who wait, the newest (`since`) and the oldest go in turns.
        """
        return _Passage(self._line, self._find_out, since)

    async def _find_out(self) -> bool:
        """Keep the pace, and say whether a request may leave now."""
        if self._pace is not None:
            await self._pace.acquire()
        return self.state.closed_until is None or await self._may_pass()

    async def _may_pass(self) -> bool:
        """Whether a request may leave now; before a probe, another replica may have made one in vain."""
        if self.probe is not None:
            with suppress(Transient):
                await self.refresh()
        if self.probe is not None:
            self._probed_at = self._clock.now()
        return self.closed_until() is None

    async def note_success(self) -> None:
        """The remote answered as it should. What was asked before the gate closed does not open it."""
        self.successes += 1
        if self.closed_until() is not None:
            return
        self._line.width = min(self._line.width * 2, self._width)
        was_closed_until = self.state.closed_until
        if self.state.failures == 0 and was_closed_until is None:
            return
        self.state = GateState(last_success_at=self._clock.now(), last_failure_at=self.state.last_failure_at)
        if was_closed_until is not None:
            log.info("gate.opened", remote=self._name)
            await self._tell_others(wake_until=was_closed_until)

    async def note_failure(self, error: Transient | OutcomeUnknown) -> None:
        """The remote as a whole failed; ten in a row, a failed probe, a rate limit or refused credentials close it."""
        if not error.is_general:
            return
        self.general_failures += 1
        now = self._clock.now()
        until = self._rests_until_after(error, now)
        self.state = replace(self.state, failures=self.state.failures + 1, last_failure_at=now, reason=error.message)
        if until is not None:
            await self._close(until, is_credentials=isinstance(error, CredentialsRefused))

    def _rests_until_after(self, error: Transient | OutcomeUnknown, now: datetime) -> datetime | None:
        if error.retry_after is not None:
            return now + min(max(error.retry_after, _A_MOMENT), LONGEST_REST)
        if isinstance(error, (CredentialsRefused, RateLimited)):
            return now + self._rest
        is_closed, is_probe = self.closed_until() is not None, self.probe is not None
        if is_closed:
            return None  # it was asked before the gate closed: nothing new
        if is_probe:  # counted from its beginning: one that hung has taken its time already
            return max(self._probed_at + self._rest, now + _A_MOMENT)
        return now + self._rest if self.state.failures + 1 >= FAILURES_THAT_CLOSE else None

    async def _close(self, until: datetime, *, is_credentials: bool) -> None:
        known = self.closed_until()
        if known is not None and until <= known + _A_MOMENT and is_credentials <= self.state.is_credentials:
            return  # closed for as long already: fifty answers of one moment are one piece of news
        self._line.width = 1
        until = max(until, known) if known is not None else until
        self.state = replace(self.state, closed_until=until, is_credentials=is_credentials)
        rest_s = int((until - self._clock.now()).total_seconds())
        if is_credentials:
            log.error("credentials.refused", remote=self._name, retry_s=rest_s)
        else:
            log.warning("gate.closed", remote=self._name, failures=self.state.failures, rest_s=rest_s)
        await self._tell_others()

    async def _tell_others(self, *, wake_until: datetime | None = None) -> None:
        """Write the state down, and wake what waited for the gate: the width lets it through little by little.

        A ledger in trouble must not cost an effect its outcome: then this process alone knows for a while.
        """
        try:
            await self._ledger.set_gate(self._name, self.state)
            if wake_until is not None:
                until = wake_until + 2 * _A_MOMENT
                await self._ledger.wake_waiting("await_remote", now=self._clock.now(), until=until)
        except Transient as error:
            log.warning("pass.failed", error=error.message)
