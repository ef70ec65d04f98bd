"""`syncd run`: the daemon, or one whole pass."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta

import click
import structlog

from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import Exit, print_json
from syncd.daemon import Daemon, End
from syncd.errors import SyncdError
from syncd.jobs.once import PassReport, run_once
from syncd.logs import configure_logs, flush_logs
from syncd.memory import clear_out, give_back_memory, settle_in
from syncd.service import ServiceManager
from syncd.settings import Settings
from syncd.store import DaemonLock
from syncd.wiring.reading import is_embedded, ledger_file, make_state_directory
from syncd.wiring.works import open_works

log = structlog.get_logger()


@click.command(cls=SyncdCommand)
@click.option("--once", is_flag=True, help="One whole pass, until nothing is due; then exit.")
@json_option
@click.pass_obj
def run(invocation: Invocation, once: bool) -> None:
    """Do the work: the daemon in the foreground, or with --once one whole pass.

    \b
    Exit codes of --once: 0 done; 3 something failed and waits for its next attempt; 69 the store or CACTUS could not
    be reached at all; 77 CACTUS refused the credentials; 78 the configuration is wrong.
    """
    settings = invocation.load_settings()
    settings.require_for_run()
    configure_logs(settings.logs.level, settings.logs.format, stream=sys.stderr if invocation.as_json else None)
    try:
        if once:
            _end_of_pass(asyncio.run(_one_pass(settings)), as_json=invocation.as_json)
        else:
            asyncio.run(_serve(invocation, settings))
    finally:
        flush_logs()


def _lock(settings: Settings, stack: AsyncExitStack) -> None:
    """One daemon at a time on a SQLite ledger; PostgreSQL's replicas share theirs."""
    if is_embedded(settings):
        make_state_directory(settings)
        stack.enter_context(DaemonLock(ledger_file(settings)))


async def _one_pass(settings: Settings) -> PassReport:
    async with AsyncExitStack() as stack:
        _lock(settings, stack)
        works = await stack.enter_async_context(open_works(settings))
        settle_in()
        await works.ledger.rescue(now=works.clock.now())
        await works.ledger.heartbeat(now=works.clock.now())
        try:
            report = await run_once(works)
        finally:
            await works.ledger.sign_off()
        log.info("pass.finished", performed=report.performed, delivered=report.delivered, retrying=report.retrying)
        return report


def _end_of_pass(report: PassReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
    raise click.exceptions.Exit(_exit_code(report))


def _exit_code(report: PassReport) -> Exit:
    if report.are_credentials_refused:
        return Exit.CREDENTIALS_REFUSED
    if report.is_store_unreachable or report.is_cactus_unreachable:
        return Exit.UNAVAILABLE
    return Exit.PARTLY_DONE if report.retrying else Exit.OK


# ---------------------------------------------------------------------------------------------------- the daemon


async def _serve(invocation: Invocation, settings: Settings) -> None:
    """Run until told to stop; after an accepted SIGHUP, begin again with the new settings."""
    manager = _manager(invocation.environ)
    signals = _Signals(manager)
    while not signals.have_ended_it:
        following = _Following(invocation, settings)
        await _run_daemon(settings, following, manager, signals)
        settings = following.settings
        configure_logs(settings.logs.level, settings.logs.format)
        if not signals.have_ended_it:
            clear_out()


class _Signals:
    """Hears SIGTERM and SIGINT while no daemon does: before it stands, and while it is taken down again."""

    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager
        self._starting: asyncio.Task[None] | None = None
        self.have_ended_it = False

    def listen(self, *, starting: asyncio.Task[None] | None = None) -> None:
        """Hear them from here on; what is still starting need not come to its end."""
        self._starting = starting
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._hear)

    def _hear(self) -> None:
        if self.have_ended_it:  # asked twice: at once, as safe as a kill
            flush_logs()
            os._exit(1)
        self.have_ended_it = True
        log.info("daemon.stopping")
        self._manager.tell("STOPPING=1")
        if self._starting is not None:
            self._starting.cancel()


class _Following:
    """The settings that a reload would run with: read whole, or not at all."""

    def __init__(self, invocation: Invocation, settings: Settings) -> None:
        self._invocation = invocation
        self.settings = settings

    def read_again(self) -> bool:
        try:
            settings = self._invocation.load_settings()
            settings.require_for_run()
        except SyncdError as error:
            log.error("config.rejected", error=error.message)
            return False
        self.settings = settings
        log.info("config.reloaded")
        return True


async def _run_daemon(settings: Settings, following: _Following, manager: ServiceManager, signals: _Signals) -> None:
    """Run one daemon to its end; asked to stop before it stands, it ends in order too."""
    starting = asyncio.create_task(_start_and_run(settings, following, manager, signals))
    signals.listen(starting=starting)
    try:
        await starting
    except asyncio.CancelledError:
        log.info("daemon.stopped")


async def _start_and_run(settings: Settings, following: _Following, manager: ServiceManager, signals: _Signals) -> None:
    from syncd.web import serve_ops  # a single pass serves no pages

    async with AsyncExitStack() as stack:
        _lock(settings, stack)
        works = await stack.enter_async_context(open_works(settings))
        daemon = Daemon(works, manager=manager, may_reload=following.read_again, tidy_up=give_back_memory)
        pages = serve_ops(
            daemon,
            works.ledger,
            works.clock,
            host=settings.ops.host,
            port=settings.ops.port,
            token=settings.secret("ops.token"),
            poll=works.rhythm.poll,
            sweep=works.rhythm.sweep,
        )
        await stack.enter_async_context(pages)
        log.info("daemon.started")
        settle_in()
        signals.have_ended_it = await daemon.run() is End.STOPPED
        signals.listen()


def _manager(environ: Mapping[str, str]) -> ServiceManager:
    watchdog = environ.get("WATCHDOG_USEC", "")
    return ServiceManager(
        address=environ.get("NOTIFY_SOCKET"),
        watchdog=timedelta(microseconds=int(watchdog)) if watchdog.isdecimal() else None,
    )
