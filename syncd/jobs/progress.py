"""Tells the log how far long work has come; short work says nothing."""

import structlog

from syncd.events import Log
from syncd.ports.clock import Clock

_EVERY_S = 10.0

log: Log = structlog.get_logger()


class Progress:
    """One long piece of work: `event` is told every ten seconds, with the count so far."""

    def __init__(self, event: str, clock: Clock) -> None:
        self._event = event
        self._clock = clock
        self._told_at = clock.monotonic()

    def reach(self, count: int) -> None:
        """Note that so much is done."""
        if self._clock.monotonic() - self._told_at >= _EVERY_S:
            self._told_at = self._clock.monotonic()
            log.info(self._event, count=count)
