"""A daemon at work inside the tests' own process: its clock is theirs, and the service manager a socket."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from structlog.typing import EventDict

from syncd.daemon import Daemon, End
from syncd.service import ServiceManager
from tests.jobs.workshop import Workshop, until
from tests.support.service import Manager

A_SECOND, A_MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class Running:
    """A daemon at work."""

    daemon: Daemon
    workshop: Workshop
    manager: Manager
    task: "asyncio.Task[End]"
    lines: Sequence[EventDict] = field(default=())
    tidied: Sequence[int] = ()

    def send(self, number: signal.Signals) -> None:
        """Send this process a signal."""
        os.kill(os.getpid(), number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> End:
        """Send a signal and return how the daemon ended."""
        self.send(number)
        return await asyncio.wait_for(self.task, 10)

    async def pass_time(self, duration: timedelta, *, steps: int = 1) -> None:
        """Let the clock move on, and everybody have a turn."""
        for _ in range(steps):
            self.workshop.clock.advance(duration / steps)
            await asyncio.sleep(0.02)

    async def pass_minutes_until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Let a few minutes pass: who is just looking when one begins looks again a minute later."""
        for _ in range(5):
            await self.pass_time(A_MINUTE)
            with suppress(AssertionError):
                return await until(is_so, within_s=4)
        raise AssertionError("it did not come to that in five minutes")


@asynccontextmanager
async def running(
    manager: Manager, workshop: Workshop, *, may_reload: Callable[[], bool] = lambda: True, grace: timedelta = A_SECOND
) -> AsyncIterator[Running]:
    """Run a daemon; whatever became of it, it has ended afterwards."""
    notified = ServiceManager(address=manager.address, watchdog=A_MINUTE)
    tidied = list[int]()
    daemon = Daemon(
        workshop.works, manager=notified, may_reload=may_reload, grace=grace,
        tidy_up=lambda: tidied.append(len(tidied)),
    )  # fmt: skip
    task = asyncio.create_task(daemon.run())
    try:
        await until(lambda: daemon.is_ready or task.done())
        yield Running(daemon=daemon, workshop=workshop, manager=manager, task=task, tidied=tidied)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
