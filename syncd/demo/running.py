"""The demo: simulator, mission store, mail folder and daemon in one process, and people who play along."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from syncd.adapters.cactus.simulator import Player, Simulator, serve
from syncd.clock import SystemClock
from syncd.daemon import Daemon
from syncd.demo.admin import admin_with
from syncd.demo.board import Board, read_board
from syncd.demo.displays import Display
from syncd.demo.folder import DemoFolder, DemoRefused
from syncd.demo.frame import Addresses
from syncd.demo.mission_store import MissionFile
from syncd.demo.preparing import Cast, config_tables, prepare_missions
from syncd.demo.stage import Stage
from syncd.demo.watching import Watcher
from syncd.jobs.works import Works
from syncd.logs import configure_logs, flush_logs
from syncd.ports.clock import Clock
from syncd.service import ServiceManager
from syncd.settings import Places, load_settings
from syncd.store import DaemonLock
from syncd.web import serve_ops
from syncd.wiring.reading import ledger_file
from syncd.wiring.works import open_works

_WHOLE_SEASON = timedelta(seconds=80)
_ACTS_PER_CONTRACT = 8
_SLOWEST_PACE = timedelta(seconds=1)

Play = Coroutine[None, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What can be chosen. `folder_name` is the folder as people type it here; port 0 is any free one."""

    folder: Path
    folder_name: str
    first_command: str = ""
    port: int = 0
    missions: int = 30
    speed: float = 1.0
    is_manual: bool = False
    lasts: timedelta | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a demo came to."""

    board: Board
    letters_written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """Everything that runs."""

    folder: DemoFolder
    simulator: Simulator
    cast: Cast
    works: Works
    daemon: Daemon
    addresses: Addresses
    clock: Clock


async def run_demo(options: DemoOptions, *, display: Display, introduce: Callable[[Addresses], None]) -> Ended:
    """Run until a signal or the chosen time ends it; `introduce` is called once everything can be reached.

    Raises:
        DemoRefused: it cannot start here; nothing was touched.
    """
    async with _world(options) as world:
        introduce(world.addresses)
        with display:
            await _until_stopped(world.daemon, _people(world, options, display))
        return Ended(board=await read_board(world.works.ledger), letters_written=world.folder.count_letters())


@asynccontextmanager
async def _world(options: DemoOptions) -> AsyncIterator[_World]:
    clock, folder = SystemClock(), DemoFolder(root=options.folder)
    simulator = Simulator(clock)
    async with _served(simulator, options.port) as cactus_url:
        with folder.occupied():
            cast = prepare_missions(folder, count=options.missions, now=clock.now(), is_manual=options.is_manual)
            folder.write_config(config_tables(folder, cactus_url=cactus_url, now=clock.now()))
            async with _daemon(folder, clock) as (works, daemon, status_page):
                addresses = Addresses(
                    status_page=f"{status_page}/", cactus=f"{cactus_url}/", folder=options.folder_name
                )
                yield _World(
                    folder=folder, simulator=simulator, cast=cast, works=works, daemon=daemon, addresses=addresses,
                    clock=clock,
                )  # fmt: skip


@asynccontextmanager
async def _served(simulator: Simulator, port: int) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(serve(simulator, port=port))
        except OSError as error:
            reason = str(error.strerror).partition(" (")[0]  # asyncio adds the address
            raise DemoRefused(f"port {port} cannot be listened on ({reason})", hint="Name another --port.") from None
        yield address


@asynccontextmanager
async def _daemon(folder: DemoFolder, clock: Clock) -> AsyncIterator[tuple[Works, Daemon, str]]:
    """Yield the daemon, ready to run as `syncd run` would run it with the demo's configuration alone."""
    settings = load_settings(folder.config, {}, places=Places(config_files=(), secrets=folder.root / "none"))
    with _logs_in(folder.log), DaemonLock(ledger_file(settings)):
        async with open_works(settings, clock=clock) as works:
            daemon = Daemon(works, manager=ServiceManager(), may_reload=lambda: True)  # a closed terminal ends it
            poll, sweep = works.rhythm.poll, works.rhythm.sweep
            async with serve_ops(
                daemon, works.ledger, clock, host=settings.ops.host, port=settings.ops.port, token=None, poll=poll,
                sweep=sweep,
            ) as address:  # fmt: skip
                yield works, daemon, address


@contextmanager
def _logs_in(file: Path) -> Iterator[None]:
    with file.open("w", encoding="utf-8") as stream:
        configure_logs("info", "json", stream)
        try:
            yield
        finally:
            flush_logs()


def _people(world: _World, options: DemoOptions, display: Display) -> list[Play]:
    """Return what everybody does while the daemon works: who watches, who changes missions, who plays CACTUS."""
    clock = world.clock
    watcher = Watcher(
        world.works.ledger, display, simulator=world.simulator, folder=world.folder, addresses=world.addresses,
        first_command=options.first_command, left=world.cast.left, is_manual=options.is_manual, clock=clock,
    )  # fmt: skip
    stage = Stage(
        world.cast, file=MissionFile(world.folder.missions), board=lambda: watcher.board, tell=watcher.tell,
        hand_over=admin_with(world.folder.config, options.environ), clock=clock, speed=options.speed,
    )  # fmt: skip
    people: list[Play] = [watcher.watch(is_story_over=lambda: stage.is_over), stage.play()]
    if not options.is_manual:
        pace = min(_WHOLE_SEASON / max(_ACTS_PER_CONTRACT * world.cast.in_cactus, 1), _SLOWEST_PACE)
        people.append(Player(world.simulator, clock, pace=pace, speed=options.speed).play())
    if options.lasts is not None:
        people.append(_stop_after(options.lasts, clock))
    return people


async def _stop_after(duration: timedelta, clock: Clock) -> None:
    await clock.sleep(duration)
    signal.raise_signal(signal.SIGTERM)  # as a service manager would


async def _until_stopped(daemon: Daemon, people: list[Play]) -> None:
    """Return when the daemon has stopped; an error of anybody stops all and is raised."""
    service = asyncio.create_task(daemon.run(), name="daemon")
    tasks = {service, *(asyncio.create_task(play) for play in people)}
    waiting: set[asyncio.Task[object]] = set(tasks)
    try:
        while not service.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
