"""How much work is claimed ahead of what can be performed at once."""

from syncd.ports.clock import Clock

_LEAST, _MOST = 3, 16
"""So many contracts wait claimed for each that may be under way."""
_LASTS_S = 0.75
_MEASURED_OVER_S = 0.25


class Supply:
    """Says how many contracts may be claimed, those under way included: the faster they leave, the more.

    A claim and a recording are transactions that take a tenth of a second beside the work, whatever they are about: the
    more contracts they are about, the less each costs. But what waits for a slow remote would only be kept from other
    replicas, and be suspected after a crash: so the supply is what leaves within a moment.
    """

    def __init__(self, width: int, clock: Clock) -> None:
        """`width` is how many may be under way at once."""
        self._clock = clock
        self._width = width
        self._least, self._most = (width * min(times, width) for times in (_LEAST, _MOST))
        self._since, self._performed = clock.monotonic(), 0
        self._per_s = 0.0

    def most(self, performed: int) -> int:
        """Return how many may be claimed, after so many effects in all."""
        elapsed_s = self._clock.monotonic() - self._since
        if elapsed_s >= _MEASURED_OVER_S:
            self._per_s = (performed - self._performed) / elapsed_s
            self._since, self._performed = self._clock.monotonic(), performed
        waiting = round(self._per_s * _LASTS_S)
        return self._width + min(max(waiting, self._least), self._most)
