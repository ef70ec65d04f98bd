"""Limits against slow and many clients: how many connections there are, and how long each may last (fault O03)."""

import asyncio
from datetime import timedelta

MOST_CONNECTIONS = 100
LONGEST_CONNECTION = timedelta(seconds=10)


class Crowd:
    """The open connections, oldest first.

    When there are too many the oldest one goes, so that a newcomer is always heard: the probes of a service manager
    must get through a crowd of clients that hold their connections and say nothing.
    """

    def __init__(self, *, most: int = MOST_CONNECTIONS, longest: timedelta = LONGEST_CONNECTION) -> None:
        self._most = most
        self._longest_s = longest.total_seconds()
        self._present: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._present)

    def admit(self, transport: asyncio.Transport) -> None:
        """Take a new connection in, for its time."""
        if len(self._present) >= self._most:
            self._expel(next(iter(self._present)))
        loop = asyncio.get_running_loop()
        self._present[transport] = loop.call_later(self._longest_s, self._expel, transport)

    def leave(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        timer = self._present.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def disperse(self) -> None:
        """End every connection."""
        for transport in tuple(self._present):
            self._expel(transport)

    def _expel(self, transport: asyncio.Transport) -> None:
        self.leave(transport)
        transport.abort()
