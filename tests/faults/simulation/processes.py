"""Processes of a simulation: who runs a callback, who is stopped, who is dead."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from types import AsyncGeneratorType, CoroutineType
from typing import Any

_MOST_LAST_WORDS = 50


@dataclass(slots=True, eq=False)
class Process:
    """One process: every callback that its code begins is its own, for as long as it lives."""

    name: str
    is_machine: bool = True
    """Its timers may ring late, as on any busy machine; those of the world around it never do."""
    is_dead: bool = False
    stopped_until: float | None = None
    hands_stood_s: float = 0.0
    """For how long its timers stood still while its machine slept."""
    fuse: int | None = None
    """After so many of its steps, what was planned for it happens."""
    at_fuse: Callable[[], None] | None = None
    handlers: dict[int, Callable[[], object]] = field(default_factory=dict)
    """What it does at a signal."""
    tasks: dict[int, "asyncio.Task[Any]"] = field(default_factory=dict)
    context: Context = field(default_factory=copy_context)

    def __post_init__(self) -> None:
        self.context.run(_OWNER.set, self)

    def spawn(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], *, name: str) -> None:
        """Begin something in this process."""
        self.context.run(loop.create_task, work, name=name)

    def bury(self) -> None:
        """Forget the memory of a dead process: what it was about to do is thrown away where it stands.

        Python runs `finally` blocks even then. Whatever they try reaches nobody: no callback of the dead is run, and
        their connections are cut.
        """
        while self.tasks:
            _, task = self.tasks.popitem()
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # as asyncio.gather does
            for coroutine in reversed(list(_awaited_by(task.get_coro()))):
                self.context.run(_end, coroutine)


def _awaited_by(awaitable: object) -> Iterator[Coroutine[Any, Any, Any]]:
    """Return a coroutine and what it waits for, down to the last, through asynchronous generators too."""
    while awaitable is not None:
        if isinstance(awaitable, CoroutineType):
            yield awaitable
            awaitable = awaitable.cr_await
        else:
            generators = (one for one in gc.get_referents(awaitable) if isinstance(one, AsyncGeneratorType))
            awaitable = next((generator.ag_await for generator in generators), None)


def _end(coroutine: Coroutine[Any, Any, Any]) -> None:
    for _ in range(_MOST_LAST_WORDS):  # a `finally` that waits for something must be ended again
        with suppress(BaseException):
            coroutine.close()
            return


_OWNER: ContextVar[Process] = ContextVar("owner")
WORLD = Process("world", is_machine=False)
"""Everything that is not one of our processes."""


def owner_of(context: Context) -> Process:
    """Return whose callback this is."""
    return context.get(_OWNER, WORLD)


def this_process() -> Process:
    """Return whose code is running."""
    return _OWNER.get(WORLD)
