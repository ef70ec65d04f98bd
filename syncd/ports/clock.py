"""The port to time and chance."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and throws the dice; nobody else does."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""

    def throw(self) -> float:
        """Return a random number in [0, 1)."""

    def agree_with(self, present: datetime, *, within: timedelta) -> None:
        """Take over another clock, that of a server which tells several machines the time.

        It was `present` there at some moment of the last `within`. A clock that others set may ignore it.
        """

    async def sleep(self, duration: timedelta) -> None:
        """Return after this long."""
