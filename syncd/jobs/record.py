"""Group commit: whatever came to an end while the last transaction ran is recorded by the next one, together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from syncd.errors import Transient

Item = TypeVar("Item")
Result = TypeVar("Result")
_Waiting = tuple[Item, asyncio.Future[Result]]


class GroupCommit(Generic[Item, Result]):
    """Collects items and hands them in batches to one writing at a time; each caller gets its own result or error."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, most: int = 500) -> None:
        self._write = write
        self._most = most
        self._waiting: list[_Waiting[Item, Result]] = []
        self._writer: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once its batch is committed; a caller who leaves does not stop the batch."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="group commit")
        return await future

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._write_batch(batch)
        except BaseException:  # cancelled: nobody may wait for ever
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()
            raise

    async def _write_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except Transient as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one item must not cost the others their result
            if len(batch) == 1:
                _fail(batch, error)
                return
            for one in batch:
                await self._write_batch([one])
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[_Waiting[Item, Result]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
