"""An event loop in which nobody waits: its time is virtual, and among what could run next the seed chooses."""

import asyncio
import heapq
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from itertools import count
from random import Random
from typing import Any

from tests.faults.simulation.processes import WORLD, Process, owner_of, this_process

_WINDOW = 6
"""Among so many callbacks that are ready the seed chooses: nobody waits for ever, hardly any order is impossible."""
_A_LONG_WAIT_S = 1.0

_Timer = tuple[float, int, Process, TimerHandle]


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set follows from the seed, and not from where it lies in memory."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks one by one; when none is ready, time goes to the next timer at once.

    `lateness_s`: a process's timer of a second or more rings late by up to so much.
    """

    def __init__(self, dice: Random, *, see_step: Callable[[Process, Handle], None] | None = None) -> None:
        super().__init__()
        self.now = 0.0
        self.steps = 0
        self.lateness_s = 0.0
        self._dice = dice
        self.see_step = see_step
        self._numbers = count(1)
        self._waiting: list[tuple[Process, Handle]] = []
        self._timers: list[_Timer] = []
        self._held: dict[Process, list[tuple[Process, Handle]]] = {}

    # -------------------------------------------------------------------------------------------- what asyncio asks

    def time(self) -> float:
        """Return the monotonic time of whoever asks."""
        return self.now - this_process().hands_stood_s

    def call_soon(  # type: ignore[override]  # as it is called here
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Run a callback as one of the next."""
        context = context if context is not None else copy_context()
        handle = Handle(callback, args, self, context)
        self._queue(owner_of(context), handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # as above

    def call_later(  # type: ignore[override]  # as it is called here
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run a callback after a delay, perhaps a little later."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # as it is called here
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run a callback at an instant of its process's monotonic time, perhaps a little later."""
        context = context if context is not None else copy_context()
        owner = owner_of(context)
        handle = TimerHandle(when, callback, args, self, context)
        at = when + owner.hands_stood_s
        if owner.is_machine and at - self.now >= _A_LONG_WAIT_S:
            at += self._dice.random() * self.lateness_s
        if not owner.is_dead:
            heapq.heappush(self._timers, (at, next(self._numbers), owner, handle))
        return handle

    def create_task(self, coro: Any, *, name: object = None, context: Context | None = None, **options: Any) -> Any:
        """Begin a coroutine in the process that asks."""
        number = next(self._numbers)
        owner = owner_of(context) if context is not None else this_process()
        label = str(name) if name is not None else f"{getattr(coro, '__qualname__', 'task')}-{number}"
        task = NumberedTask(coro, number=number, loop=self, name=label, context=context, **options)
        owner.tasks[number] = task
        task.add_done_callback(lambda done: owner.tasks.pop(done.number, None), context=owner.context)
        return task

    def add_signal_handler(  # type: ignore[override]  # as it is called here
        self, number: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Remember what a process does at a signal."""
        this_process().handlers[number] = lambda: callback(*args)

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Leave it: it is passed over when its time comes."""

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """Leave an unfinished generator to its process's end."""
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]  # asyncio's own

    # -------------------------------------------------------------------------------------------- running

    def _run_once(self) -> None:
        self._ring()
        while not self._waiting:
            self._pass_time()
            self._ring()
        index = self._dice.randrange(min(len(self._waiting), _WINDOW))
        owner, handle = self._waiting.pop(index)
        if handle.cancelled():
            return
        self.steps += 1
        if self.see_step is not None:
            self.see_step(owner, handle)
        handle._run()
        if owner.fuse is not None:
            self._burn(owner)

    def _queue(self, owner: Process, handle: Handle) -> None:
        if owner.is_dead:
            return
        if owner.stopped_until is not None:
            self._held.setdefault(owner, []).append((owner, handle))
        else:
            self._waiting.append((owner, handle))

    def _ring(self) -> None:
        while self._timers and (self._timers[0][0] <= self.now or self._timers[0][3].cancelled()):
            _, _, owner, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                self._queue(owner, handle)

    def _pass_time(self) -> None:
        if not self._timers:
            raise RuntimeError("nobody will ever do anything again")
        self.now = self._timers[0][0]

    def _burn(self, owner: Process) -> None:
        assert owner.fuse is not None
        owner.fuse -= 1
        if owner.fuse <= 0 and owner.at_fuse is not None:
            happen, owner.fuse, owner.at_fuse = owner.at_fuse, None, None
            happen()

    # -------------------------------------------------------------------------------- what befalls a process

    def stop_process(self, owner: Process, seconds: float, *, hands_too: bool) -> None:
        """Let a process stand still (SIGSTOP); with `hands_too` its machine sleeps, and so does its monotonic clock."""
        owner.stopped_until = self.now + seconds
        ours = [entry for entry in self._waiting if entry[0] is owner]
        self._waiting = [entry for entry in self._waiting if entry[0] is not owner]
        self._held.setdefault(owner, []).extend(ours)
        if hands_too:
            owner.hands_stood_s += seconds
            self._timers = [
                (at + seconds if whose is owner else at, n, whose, handle) for at, n, whose, handle in self._timers
            ]
            heapq.heapify(self._timers)
        WORLD.context.run(self.call_later, seconds, self.resume_process, owner)

    def resume_process(self, owner: Process) -> None:
        """Let it go on (SIGCONT)."""
        owner.stopped_until = None
        if not owner.is_dead:
            self._waiting.extend(self._held.pop(owner, ()))

    def kill_process(self, owner: Process) -> None:
        """End a process at once (SIGKILL): none of its callbacks ever runs again."""
        owner.is_dead = True
        owner.fuse = owner.at_fuse = None
        self._waiting = [entry for entry in self._waiting if entry[0] is not owner]
        self._timers = [timer for timer in self._timers if timer[2] is not owner]
        heapq.heapify(self._timers)
        self._held.pop(owner, None)
        owner.bury()


def come_to_pass(moment: asyncio.Future[None]) -> None:
    """End a wait, unless nobody waits any more."""
    if not moment.done():
        moment.set_result(None)
