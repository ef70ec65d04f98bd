"""Room for so many at once, and the line of those who wait for it."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    since: datetime
    number: int
    called: asyncio.Future[None] = field(compare=False)


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

    @asynccontextmanager
    async def room(self, since: datetime) -> AsyncIterator[None]:
        """Wait for room, with this age; of those of one age the first who came goes first."""
        if self._inside < self.width and not self._waiting:
            self._inside += 1
        else:
            await self._wait(since)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, since: datetime) -> None:
        place = _Place(since, next(self._numbers), asyncio.get_running_loop().create_future())
        insort(self._waiting, place)
        try:
            await place.called
        except asyncio.CancelledError:
            if not place.called.cancelled():
                self._leave()  # it had just been let in
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def _leave(self) -> None:
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
        return self._waiting.pop(bisect_left(self._waiting, age, key=lambda place: place.since))
