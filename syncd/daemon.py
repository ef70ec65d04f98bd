"""The running service: its loops, its signals, its orderly end.

Every loop looks again by itself; none depends on another having run. A loop's trouble with the store, CACTUS, the mail
server or the database is written down and tried again; only an error that nobody foresaw ends the process, which its
service manager starts again.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum

import structlog

from syncd import __version__
from syncd.errors import Misconfigured, OutcomeUnknown, Transient
from syncd.jobs.digest import queue_digest
from syncd.jobs.discover import FLOW as MISSIONS
from syncd.jobs.discover import discover
from syncd.jobs.once import ask_feed
from syncd.jobs.sweep import sweep_when_due
from syncd.jobs.works import Works
from syncd.service import ServiceManager

log = structlog.get_logger()

_GRACE = timedelta(seconds=7)
"""What is under way may finish for so long after SIGTERM; afterwards it is left safe: its intent is committed."""
_HEARTBEAT = timedelta(seconds=2)


class End(StrEnum):
    """Why a daemon stopped."""

    STOPPED = "stopped"
    RELOAD = "reload"


class Daemon:
    """Runs until a signal says otherwise."""

    def __init__(self, works: Works, *, manager: ServiceManager, may_reload: Callable[[], bool]) -> None:
        self._works = works
        self._manager = manager
        self._may_reload = may_reload
        self._end = asyncio.Event()
        self._reason = End.STOPPED
        self.is_ready = False
        self.progressed_at = works.clock.monotonic()

    async def run(self) -> End:
        """Work until SIGTERM, SIGINT (stopped) or an accepted SIGHUP (reload).

        Raises:
            Misconfigured: at the start, the mission store lacks what nothing works without.
        """
        self._listen()
        await self._check_store()
        await self._works.ledger.rescue(now=self._works.clock.now())
        await self._works.ledger.heartbeat(now=self._works.clock.now())
        await self._works.cactus_gate.load()
        await self._works.mail_gate.load()
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
        works = self._works
        return {
            "discover": self._every(works.rhythm.poll, self._discover),
            "watch": self._every(works.rhythm.poll, self._watch),
            "advance": works.advancer.run(),
            "deliver": works.deliverer.run(),
            "housekeeping": self._every(min(_HEARTBEAT, works.rhythm.lease / 4), self._keep_house),
            "calendar": self._every(timedelta(seconds=60), self._follow_calendar),
        }

    # ----------------------------------------------------------------------------------------------------- the loops

    async def _every(self, interval: timedelta, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (Transient, OutcomeUnknown) as error:
                log.warning("pass.failed", error=error.message)
            self.progressed_at = self._works.clock.monotonic()
            await self._works.clock.sleep(interval)

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

    async def _keep_house(self) -> None:
        works, now = self._works, self._works.clock.now()
        await works.ledger.heartbeat(now=now)
        await works.advancer.renew_leases()
        if await works.ledger.rescue(now=now):
            works.advancer.wake.set()
        self._manager.tell("WATCHDOG=1")

    async def _follow_calendar(self) -> None:
        works = self._works
        try:
            await sweep_when_due(
                works.missions, works.ledger, works.clock, works.sweep_limits, every=works.rhythm.sweep
            )
        except Misconfigured as error:
            log.warning("missions.unreachable", error=error.message)
        await queue_digest(works.ledger, works.clock, works.policy)

    # ---------------------------------------------------------------------------------------------- beginning and end

    async def _check_store(self) -> None:
        """A store that cannot be reached may come back; one without its key columns never works."""
        try:
            await self._works.missions.check()
        except Transient as error:
            log.warning("missions.unreachable", error=error.message)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._ask_to_reload)

    def _ask_to_stop(self) -> None:
        if self._end.is_set():  # asked twice: at once, as safe as a kill
            raise SystemExit(1)
        log.info("daemon.stopping")
        self._manager.tell("STOPPING=1")
        self._end.set()

    def _ask_to_reload(self) -> None:
        if self._may_reload():
            self._manager.tell("RELOADING=1")
            self._reason = End.RELOAD
            self._end.set()

    async def _wait_for_end(self, loops: list[asyncio.Task[None]]) -> None:
        end = asyncio.create_task(self._end.wait())
        done, _ = await asyncio.wait([end, *loops], return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        for task in done - {end}:
            task.result()  # a loop never ends by itself: its error is ours

    async def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        """No new work; what is under way gets a little time; the rest is cancelled, its intents committed."""
        works = self._works
        self.is_ready = False
        works.deliverer.stop()
        by_name = {task.get_name(): task for task in loops}
        for name in ("discover", "watch", "calendar"):
            by_name[name].cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE.total_seconds()):
                await works.advancer.stop()
                await asyncio.wait([by_name["advance"], by_name["deliver"]])
        for task in loops:
            task.cancel()
        works.advancer.abandon()
        await asyncio.gather(*loops, return_exceptions=True)
        with suppress(Transient, TimeoutError):
            async with asyncio.timeout(1):
                await works.ledger.sign_off()
        log.info("daemon.stopped")
