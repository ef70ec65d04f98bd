"""The running service: its loops, its signals, its orderly end.

Every loop looks again by itself; none depends on another having run. A loop's trouble with the store, CACTUS, the mail
server or the database is written down and tried again; only an error that nobody foresaw ends the process, which its
service manager starts again.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum

import structlog

from syncd import __version__
from syncd.clock import service_managers_clock_us
from syncd.errors import Misconfigured, OutcomeUnknown, Transient
from syncd.events import Log
from syncd.jobs.digest import queue_digest
from syncd.jobs.discover import FLOW as MISSIONS
from syncd.jobs.discover import discover
from syncd.jobs.keep import beat_of, keep_house, keep_looking
from syncd.jobs.once import ask_feed
from syncd.jobs.purge import DocumentKeeper
from syncd.jobs.sweep import FLOW as SWEEP
from syncd.jobs.sweep import sweep_when_due
from syncd.jobs.works import Works
from syncd.logs import flush_logs
from syncd.service import ServiceManager

log: Log = structlog.get_logger()

_GRACE = timedelta(seconds=6)
"""What is under way may finish for so long after SIGTERM; afterwards it is left safe: its intent is committed."""
_A_QUERY = timedelta(seconds=0.5)
_LAST_WORDS = timedelta(seconds=1)
_STUCK_AFTER = timedelta(minutes=2)
"""A worker that did not look for work for so long hangs: the service manager shall start the process again."""
_CALENDAR = timedelta(seconds=60)
_READING = ("discover", "watch", "sweep", "calendar")


class End(StrEnum):
    """Why a daemon stopped."""

    STOPPED = "stopped"
    RELOAD = "reload"


class Daemon:
    """Runs until a signal says otherwise."""

    def __init__(
        self,
        works: Works,
        *,
        manager: ServiceManager,
        may_reload: Callable[[], bool],
        grace: timedelta = _GRACE,
        tidy_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`tidy_up` is called every minute: what the process does for itself."""
        self._works = works
        self._grace = grace
        self._manager = manager
        self._may_reload = may_reload
        self._tidy_up = tidy_up
        self._documents = DocumentKeeper(works)
        self._end = asyncio.Event()
        self._reason = End.STOPPED
        self._is_told_to_stop = False
        self.is_ready = False

    @property
    def progressed_at(self) -> float:
        """When the worker last looked for work, on the clock's monotonic hand."""
        return self._works.advancer.progressed_at

    async def run(self) -> End:
        """Work until SIGTERM, SIGINT (stopped) or an accepted SIGHUP (reload); until it stands, it can be cancelled.

        Raises:
            Misconfigured: at the start, the mission store lacks what nothing works without.
            Transient: at the start, the ledger cannot be reached.
        """
        await self._check_store()
        await self._move_in()
        self._listen()
        loops = [asyncio.create_task(loop, name=name) for name, loop in self._loops().items()]
        self.is_ready = True
        self._manager.tell("READY=1")
        log.info("daemon.ready", version=__version__)
        try:
            await self._wait_for_end(loops)
        finally:
            await self._stop(loops)
        return self._reason

    def _loops(self) -> dict[str, Coroutine[None, None, None]]:
        works, beat = self._works, beat_of(self._works.rhythm)
        if self._manager.watchdog is not None:
            beat = min(beat, self._manager.watchdog / 4)
        loops: dict[str, Coroutine[None, None, None]] = {
            "discover": self._every(works.rhythm.poll, self._discover),
            "watch": self._every(works.rhythm.poll, self._watch),
            "advance": works.advancer.run(),
            "deliver": works.deliverer.run(),
            "housekeeping": self._always(beat, lambda: keep_house(works)),
            "watchdog": self._always(beat, self._show_life),
            "sweep": self._every(_CALENDAR, self._sweep),
            "calendar": self._every(_CALENDAR, self._follow_calendar),
        }
        if works.presence is not None:
            loops["presence"] = keep_looking(works)
        return loops

    # ----------------------------------------------------------------------------------------------------- the loops

    async def _every(self, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        """Come round for as long as the daemon takes new work."""
        while not self._end.is_set():
            await self._try(work)
            pause, end = asyncio.create_task(self._works.clock.sleep(interval)), asyncio.create_task(self._end.wait())
            await _first_of(pause, end)

    async def _always(self, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        """Come round until all work is done."""
        while True:
            await self._try(work)
            await self._works.clock.sleep(interval)

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (Transient, OutcomeUnknown) as error:
            log.warning("pass.failed", error=error.message)

    async def _discover(self) -> None:
        works = self._works
        try:
            found = await discover(works.missions, works.ledger, works.clock)
        except (Transient, Misconfigured) as error:
            await works.ledger.note_flow(MISSIONS, now=works.clock.now(), error=error.message)
            log.warning("missions.unreachable", error=error.message)
            return
        if found.new or found.changed:
            works.advancer.wake.set()

    async def _watch(self) -> None:
        if await ask_feed(self._works):
            self._works.advancer.wake.set()

    async def _show_life(self) -> None:
        """A ledger that is away is no reason to be started again; a worker that hangs is."""
        if self._works.clock.monotonic() - self.progressed_at < _STUCK_AFTER.total_seconds():
            self._manager.tell("WATCHDOG=1")

    async def _sweep(self) -> None:
        works = self._works
        try:
            await sweep_when_due(
                works.missions, works.ledger, works.clock, works.sweep_limits, every=works.rhythm.sweep
            )
        except (Transient, Misconfigured) as error:
            await works.ledger.note_flow(SWEEP, now=works.clock.now(), error=error.message)
            log.warning("missions.unreachable", error=error.message)

    async def _follow_calendar(self) -> None:
        works = self._works
        self._tidy_up()
        await queue_digest(works.ledger, works.clock, works.policy)
        await self._documents.tidy_when_due()

    # ---------------------------------------------------------------------------------------------- beginning and end

    async def _check_store(self) -> None:
        """A store that cannot be reached may come back; one without its key columns never works."""
        try:
            await self._works.missions.check()
        except Transient as error:
            log.warning("missions.unreachable", error=error.message)

    async def _move_in(self) -> None:
        """Take our place among the other replicas; who is stopped meanwhile leaves it again."""
        try:
            await keep_house(self._works)
            await self._works.cactus_gate.load()
            await self._works.mail_gate.load()
        except asyncio.CancelledError:
            await self._sign_off()
            raise

    async def _sign_off(self) -> None:
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                await self._works.ledger.sign_off()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._ask_to_reload)

    def _ask_to_stop(self) -> None:
        if self._is_told_to_stop:  # asked twice: at once, as safe as a kill
            flush_logs()
            os._exit(1)
        self._is_told_to_stop = True
        self._reason = End.STOPPED
        log.info("daemon.stopping")
        self._manager.tell("STOPPING=1")
        self._begin_nothing_more()

    def _ask_to_reload(self) -> None:
        if self._end.is_set() or not self._may_reload():
            return
        self._manager.tell("RELOADING=1", f"MONOTONIC_USEC={service_managers_clock_us()}")
        self._reason = End.RELOAD
        self._begin_nothing_more()

    def _begin_nothing_more(self) -> None:
        """At once, not when the loops come round."""
        self._end.set()
        self._works.advancer.begin_nothing_more()
        self._works.deliverer.stop()

    async def _wait_for_end(self, loops: list[asyncio.Task[None]]) -> None:
        end = asyncio.create_task(self._end.wait())
        done, _ = await asyncio.wait([end, *loops], return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        for task in done - {end}:
            task.result()  # a loop never ends by itself: its error is ours

    async def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        """No new work; what is under way gets a little time; the rest is cancelled, its intents committed."""
        works, by_name = self._works, {task.get_name(): task for task in loops}
        self.is_ready = False
        self._begin_nothing_more()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace.total_seconds()):
                await asyncio.gather(works.advancer.stop(), _leave(by_name[name] for name in _READING))
                await asyncio.wait([by_name["advance"], by_name["deliver"]])
        for task in loops:
            task.cancel()
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                await asyncio.gather(works.advancer.abandon(), works.deliverer.abandon())
                await asyncio.gather(*loops, return_exceptions=True)
                await works.ledger.sign_off()
        log.info("daemon.stopped")


async def _leave(reading: Iterable[asyncio.Task[None]]) -> None:
    """Let what only reads come to the end of a query, not of all its pages."""
    tasks = list(reading)
    await asyncio.wait(tasks, timeout=_A_QUERY.total_seconds())
    for task in tasks:
        task.cancel()


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Return when one of these has ended, and leave none behind."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
