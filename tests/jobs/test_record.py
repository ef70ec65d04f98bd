"""Group commit: one transaction for whatever came to an end while the last one ran."""

import asyncio
from collections.abc import Sequence

import pytest

from syncd.errors import Transient
from syncd.jobs.record import GroupCommit


class Book:
    """A slow writer that keeps its batches; `faults` are raised by the next writings."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.faults: list[Exception] = []
        self.poison: str | None = None
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def write(self, items: Sequence[str]) -> Sequence[str]:
        """Write a batch, once it is open."""
        await self.is_open.wait()
        if self.faults:
            raise self.faults.pop(0)
        if self.poison in items:
            raise ValueError("poison")
        self.batches.append(list(items))
        return [item.upper() for item in items]


async def test_what_ends_while_a_batch_is_written_is_written_together() -> None:
    book = Book()
    commit = GroupCommit(book.write)
    book.is_open.clear()

    first = asyncio.create_task(commit("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(commit(item)) for item in "bcd"]
    await asyncio.sleep(0)
    book.is_open.set()

    assert [await first, *[await other for other in others]] == ["A", "B", "C", "D"]
    assert book.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_is_not_longer_than_it_may_be() -> None:
    book = Book()
    commit = GroupCommit(book.write, most=2)

    results = await asyncio.gather(*(commit(item) for item in "abcde"))

    assert results == list("ABCDE")
    assert book.batches == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_ledger_that_is_away_fails_the_batch_and_not_the_next_one() -> None:
    book = Book()
    commit = GroupCommit(book.write)
    book.faults = [Transient("away")]

    failed = await asyncio.gather(commit("a"), commit("b"), return_exceptions=True)
    after = await commit("c")

    assert [type(result) for result in failed] == [Transient, Transient]
    assert after == "C"
    assert book.batches == [["c"]]


async def test_a_mistake_in_one_item_costs_the_others_nothing() -> None:
    book = Book()
    commit = GroupCommit(book.write)
    book.poison = "b"

    results = await asyncio.gather(*(commit(item) for item in "abc"), return_exceptions=True)

    assert results[::2] == ["A", "C"]
    assert isinstance(results[1], ValueError)
    assert book.batches == [["a"], ["c"]]


async def test_a_caller_who_leaves_does_not_stop_the_batch() -> None:
    book = Book()
    commit = GroupCommit(book.write)
    book.is_open.clear()
    impatient, patient = asyncio.create_task(commit("a")), asyncio.create_task(commit("b"))
    await asyncio.sleep(0)

    impatient.cancel()
    await asyncio.sleep(0)
    book.is_open.set()

    assert await patient == "B"
    assert book.batches == [["a", "b"]]
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_nobody_waits_for_ever_for_a_writer_that_was_cancelled() -> None:
    book = Book()
    commit = GroupCommit(book.write, most=1)
    book.is_open.clear()
    callers = [asyncio.create_task(commit(item)) for item in "ab"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    for task in asyncio.all_tasks() - {asyncio.current_task(), *callers}:
        task.cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError, asyncio.CancelledError]
