"""One installation and its world: a daemon, its ledger, a mission store, a CACTUS, a mail server, and people."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.adapters.mail.post_office import serve
from tests.faults.soak.databases import Database
from tests.faults.soak.door import Door
from tests.faults.soak.office import Office
from tests.faults.soak.sampling import ask_page
from tests.faults.soak.traffic import Traffic
from tests.support.environment import allocator_of_the_unit, without_settings
from tests.world.missions import Missions
from tests.world.remote import Answer, Remote, Request, Trap, serve_remote
from tests.world.world import KEY

_READY_S = 30.0
_END_S = 15.0


@dataclass(kw_only=True)
class Site:
    """Everything of one installation. `mood` twists what CACTUS answers."""

    name: str
    folder: Path
    database: Database
    missions: Missions
    remote: Remote
    remote_door: Door
    office: Office
    office_door: Door
    traffic: Traffic
    ops_port: int
    environment: dict[str, str]
    mood: Trap | None = None
    keys: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Under which keys each mission's contract was asked for."""
    process: Process | None = None

    @property
    def log_file(self) -> Path:
        """Where the daemon's lines go."""
        return self.folder / "syncd.log"

    @property
    def pid(self) -> int:
        """The daemon's number."""
        assert self.process is not None, "the daemon was not started"
        return self.process.pid

    async def start(self) -> None:
        """Start the daemon and return when it is ready."""
        with self.log_file.open("ab") as log:
            self.process = await self._run("run", log)
        deadline = time.monotonic() + _READY_S
        while b'"ready":true' not in await ask_page(self.ops_port, "/readyz"):
            assert self.process.returncode is None, self.log_file.read_text()[-2000:]
            assert time.monotonic() < deadline, "the daemon does not get ready"
            await asyncio.sleep(0.1)

    def send(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        os.kill(self.pid, number)

    async def end(self) -> tuple[int, float]:
        """Stop the daemon in order; return its exit code and how many seconds that took."""
        assert self.process is not None
        begun = time.monotonic()
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(_END_S):
                code = await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
        return code, time.monotonic() - begun

    async def count_by_step(self) -> Counter[str]:
        """Return how many missions stand at each step, as the metrics tell it."""
        page = (await ask_page(self.ops_port, "/metrics")).decode()
        found = re.findall(r'^syncd_contracts{step="(\w+)"} (\d+)', page, flags=re.MULTILINE)
        return Counter({step: int(count) for step, count in found if int(count)})

    async def steps(self) -> dict[str, str]:
        """Return the step of every mission, as the command line tells it."""
        process = await self._run("list", asyncio.subprocess.PIPE, "--json")
        out, _ = await process.communicate()
        assert process.returncode == 0, out
        return {str(row["mission_id"]): str(row["step"]) for row in json.loads(out)["contracts"]}

    async def _run(self, command: str, out: IO[bytes] | int, *options: str) -> Process:
        plain = without_settings()
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "syncd", command, *options,
            env=plain | self.environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip

    def answer(self, request: Request, honest: Callable[[], Answer]) -> Answer | None:
        """Note what is asked, and answer in today's mood."""
        if request.method == "POST" and request.path == "/contracts":
            reference = str(json.loads(request.body)["external_reference"])
            with self.remote.lock:
                self.keys[reference].add(request.headers["idempotency-key"])
        with self.remote.lock:
            self.remote.requests.clear()
        return self.mood(request, honest) if self.mood is not None else honest()


@asynccontextmanager
async def open_site(name: str, folder: Path, database: Database, *, thinking_s: float) -> AsyncIterator[Site]:
    """Yield a world around an installation whose daemon is not started yet; at the end nothing of it runs."""
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(folder.mkdir, parents=True)
        missions, remote = Missions(folder / "fvma.sqlite3"), stack.enter_context(serve_remote())
        office = Office()
        remote_door = Door(int(remote.url.rpartition(":")[2]))
        office_door = Door(await stack.enter_async_context(serve(office)))
        for door in (remote_door, office_door):
            await door.open()
            stack.push_async_callback(door.shut)
        ops_port = _free_port()
        site = Site(
            name=name, folder=folder, database=database, missions=missions, remote=remote, remote_door=remote_door,
            office=office, office_door=office_door, traffic=Traffic(missions, remote, thinking_s=thinking_s),
            ops_port=ops_port,
            environment=_environment(folder, database.url, missions, remote_door.port, office_door.port, ops_port),
        )  # fmt: skip
        remote.trap = site.answer
        stack.push_async_callback(_leave_nothing, site)
        yield site


async def _leave_nothing(site: Site) -> None:
    if site.process is not None and site.process.returncode is None:
        site.send(signal.SIGCONT)
        await site.end()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _environment(
    folder: Path, ledger: str, missions: Missions, remote_port: int, office_port: int, ops_port: int
) -> dict[str, str]:
    offices = {
        "SUPERVISOR": "responsable", "SECRETARIAT_AIX": "aix", "SECRETARIAT_MARSEILLE": "marseille",
        "CONTINUING_EDUCATION": "sfc",
    }  # fmt: skip
    return {
        **allocator_of_the_unit(),
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_DATABASE__URL": ledger,
        "SYNCD_MISSIONS__URL": f"sqlite:///{missions.file}",
        "SYNCD_CACTUS__ADAPTER": "http",
        "SYNCD_CACTUS__BASE_URL": f"http://127.0.0.1:{remote_port}",
        "SYNCD_CACTUS__TIMEOUT_S": "2",
        "SYNCD_MAIL__ADAPTER": "smtp",
        "SYNCD_MAIL__HOST": "127.0.0.1",
        "SYNCD_MAIL__PORT": str(office_port),
        "SYNCD_MAIL__SECURITY": "none",
        "SYNCD_MAIL__SENDER": "alternance@example.org",
        "SYNCD_MAIL__MAILS_PER_MINUTE": "0",
        "SYNCD_DOCUMENTS__KEY": KEY,
        "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
        "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
        "SYNCD_RETRY__FIRST_DELAY_S": "0.2",
        "SYNCD_RETRY__LONGEST_DELAY_S": "3",
        "SYNCD_JOBS__POLL_INTERVAL_S": "1",
        "SYNCD_JOBS__LEASE_S": "20",
        "SYNCD_JOBS__SWEEP_INTERVAL_H": "0.05",
        "SYNCD_OPS__BIND": f"127.0.0.1:{ops_port}",
        "SYNCD_LOGS__FORMAT": "json",
        **{f"SYNCD_MAIL__ADDRESSES__{name}": f"{who}@example.org" for name, who in offices.items()},
    }  # fmt: skip
