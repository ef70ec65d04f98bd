"""Room for so many at once, and the line of those who wait for it."""

import asyncio
from bisect import bisect_left, insort
from datetime import datetime
from itertools import count
from typing import NamedTuple


class _Place(NamedTuple):
    """Compared by age, then by number, which no other has: a tuple's own comparison, made for each that waits."""

    since: datetime
    number: int
    called: asyncio.Future[None]


class Line:
    """Lets in as many as there is room for; of those who wait, the newest and the oldest in turns.

    `width` may change at any time: nobody is sent away, and a new room is taken when the next one leaves.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._inside = 0
        self._waiting: list[_Place] = []
        self._numbers = count()
        self._is_turn_of_the_oldest = False

    async def enter(self, since: datetime) -> None:
        """Wait for room, with this age; of those of one age the first who came goes first.

        Whoever entered leaves, whatever happens; whoever is cancelled here did not enter.
        """
        if self._inside < self.width and not self._waiting:
            self._inside += 1
        else:
            await self._wait(since)

    async def _wait(self, since: datetime) -> None:
        place = _Place(since, next(self._numbers), asyncio.get_running_loop().create_future())
        insort(self._waiting, place)
        try:
            await place.called
        except asyncio.CancelledError:
            if not place.called.cancelled():
                self.leave()  # it had just been let in
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Make room for the next one."""
        self._inside -= 1
        while self._waiting and self._inside < self.width:
            place = self._next()
            if not place.called.cancelled():  # it lost patience, and does not know it yet
                self._inside += 1
                place.called.set_result(None)

    def _next(self) -> _Place:
        self._is_turn_of_the_oldest = not self._is_turn_of_the_oldest
        if not self._is_turn_of_the_oldest:
            return self._waiting.pop(0)
        age = self._waiting[-1].since
        return self._waiting.pop(bisect_left(self._waiting, (age,)))
