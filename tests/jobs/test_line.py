"""Room for so many at once: who is let in next, and that no room is lost."""

import asyncio
from datetime import timedelta

import pytest

from syncd.jobs.line import Line
from tests.support.facts import NOW

A_MINUTE = timedelta(minutes=1)


class Visitors:
    """Who is inside of a line's room, in the order in which they were let in."""

    def __init__(self, width: int) -> None:
        self.line = Line(width)
        self.entered: list[str] = []
        self._leaving: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, *, age: timedelta = A_MINUTE) -> None:
        """Let somebody stand in the line."""
        self._leaving[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._visit(name, age))
        await _turns()

    async def leave(self, name: str) -> None:
        """Let somebody end a visit."""
        self._leaving[name].set()
        await self._tasks[name]
        await _turns()

    async def give_up(self, name: str) -> None:
        """Let somebody lose patience."""
        self._tasks[name].cancel()
        await _turns()

    async def give_up_when_let_in(self, name: str, *, after: str, turns: int) -> None:
        """Let somebody lose patience so many turns of the loop after another one made up its mind to leave."""
        self._leaving[after].set()
        for _ in range(turns):
            await asyncio.sleep(0)
        self._tasks[name].cancel()
        await _turns()

    async def close(self) -> None:
        """Send everybody away."""
        for task in self._tasks.values():
            task.cancel()
        ends = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        assert [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)] == []

    async def _visit(self, name: str, age: timedelta) -> None:
        await self.line.enter(NOW - age)
        try:
            self.entered.append(name)
            await self._leaving[name].wait()
        finally:
            self.line.leave()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_newest_and_the_oldest_go_in_turns() -> None:
    visitors = Visitors(width=1)
    for name, minutes in {"first": 0, "old": 30, "older": 40, "new": 2, "newer": 1}.items():
        await visitors.come(name, age=minutes * A_MINUTE)

    for number in range(5):
        await visitors.leave(visitors.entered[number])

    assert visitors.entered == ["first", "newer", "older", "new", "old"]


async def test_of_one_age_the_first_who_came_goes_first() -> None:
    visitors = Visitors(width=1)
    for name in "ABCDE":
        await visitors.come(name)

    for number in range(5):
        await visitors.leave(visitors.entered[number])

    assert visitors.entered == list("ABCDE")


async def test_a_wider_room_is_filled_and_a_narrower_one_sends_nobody_away() -> None:
    visitors = Visitors(width=3)
    for name in "ABCDEFGH":
        await visitors.come(name)
    visitors.line.width = 1
    await visitors.leave("A")
    await visitors.leave("B")
    narrow = len(visitors.entered)
    visitors.line.width = 4
    await visitors.leave("C")

    assert narrow == 3
    assert visitors.entered == list("ABCDEFG")
    await visitors.close()


@pytest.mark.parametrize("turns", [None, 0, 1, 2])
async def test_who_loses_patience_takes_no_room_away(turns: int | None) -> None:
    visitors = Visitors(width=1)
    for name in "ABC":
        await visitors.come(name)

    if turns is None:
        await visitors.give_up("B")
        await visitors.leave("A")
    else:
        await visitors.give_up_when_let_in("B", after="A", turns=turns)

    assert [name for name in visitors.entered if name != "B"] == ["A", "C"]
    await visitors.leave("C")
    await visitors.come("D")
    assert visitors.entered[-1] == "D"
    await visitors.close()


async def test_all_may_lose_patience_at_once() -> None:
    visitors = Visitors(width=2)
    for name in "ABCDEFGH":
        await visitors.come(name)

    await visitors.close()
    await visitors.come("Z")

    assert visitors.entered == ["A", "B", "Z"]
    await visitors.close()
