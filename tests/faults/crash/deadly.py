"""Counts the steps of this process's event loop, and does something terrible in the one that was asked for."""

import asyncio
import os
import signal
import time
from collections.abc import Callable


class Steps:
    """How often a task of this process has gone on: whatever was awaited, it goes on in one of these steps.

    What the event loop does in between, such as taking a thread's word that it is done, leaves nothing behind.
    """

    def __init__(self, *, fatal: int | None, fate: Callable[[], object]) -> None:
        self.count = 0
        self._fatal = fatal
        self._fate = fate

    def watch(self) -> None:
        """Count from here on. A timer runs by the same method as any other callback."""
        run, steps = asyncio.Handle._run, self

        def counted(handle: asyncio.Handle) -> None:
            if isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):  # type: ignore[attr-defined]
                steps.count += 1
                if steps.count == steps._fatal:
                    steps._fate()
            run(handle)

        asyncio.Handle._run = counted  # type: ignore[method-assign, assignment]  # nobody else knows


def die() -> None:
    """End like a process that the kernel kills: nothing is closed, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """Keep the event loop from going on, while every other thread of the process lives."""
    time.sleep(3600)
