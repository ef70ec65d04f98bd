"""A department around replicas whose database is broken: its missions, CACTUS, its mail server, and people at work.

The replicas are whole daemons, wired as in production, in this process; CACTUS is `tests.world.remote`, the mail server
a real one on loopback.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from structlog.testing import capture_logs
from structlog.typing import EventDict

from syncd.daemon import Daemon
from syncd.jobs.works import Works
from syncd.service import ServiceManager
from syncd.settings import Settings, load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works
from tests.adapters.mail.post_office import PostOffice, serve
from tests.faults.database.looking import stand, unsent, unsettled
from tests.world.missions import Missions, mission
from tests.world.remote import Remote, serve_remote
from tests.world.world import KEY, paper

_OFFICES = {
    "SUPERVISOR": "responsable", "SECRETARIAT_AIX": "aix", "SECRETARIAT_MARSEILLE": "marseille",
    "CONTINUING_EDUCATION": "sfc",
}  # fmt: skip


def name_of(number: int) -> str:
    """Return the id of a numbered mission."""
    return f"FVMA-2025-{number:04d}"


def is_apprentice(number: int) -> bool:
    """Three of four missions are for CACTUS."""
    return number % 4 != 0


def is_generated(number: int) -> bool:
    """One of eight contracts gets its documents: to check them costs more than all the rest."""
    return number % 8 == 1


def letters_of(number: int) -> set[tuple[str, str, str]]:
    """Return which letters a mission calls for in the end: mission, event, role."""
    told = {
        ("contract.initialised", "student"),
        ("contract.initialised", "hr_contact"),
        ("student_part.done", "hr_contact"),
    }
    if not is_apprentice(number):
        told = {("decision.favourable", role) for role in ("student", "hr_contact", "continuing_education")}
    if is_generated(number):
        told |= {("documents.available", role) for role in ("student", "hr_contact", "supervisor")}
        told |= {("registration.requested", "secretariat"), ("registration.invited", "student")}
    return {(name_of(number), event, role) for event, role in told}


def step_of(number: int) -> str:
    """Return where a mission stands when everybody has done their part."""
    return "done" if is_generated(number) else "awaiting_documents"


@dataclass
class Site:
    """One department."""

    folder: Path
    remote: Remote
    missions: Missions
    office: PostOffice
    mail_port: int
    numbers: list[int] = field(default_factory=list)
    lines: list[EventDict] = field(default_factory=list)
    """Everything that was logged."""
    _read: int = 0
    _told: set[tuple[str, str]] = field(default_factory=set)

    def settings(self, ledger_url: str, **changed: str) -> Settings:
        """Return the settings of every replica."""
        environ = {
            "SYNCD_DATABASE__URL": ledger_url,
            "SYNCD_STATE_DIRECTORY": str(self.folder / "state"),
            "SYNCD_MISSIONS__URL": f"sqlite:///{self.missions.file}",
            "SYNCD_CACTUS__ADAPTER": "http",
            "SYNCD_CACTUS__BASE_URL": self.remote.url,
            "SYNCD_CACTUS__CONCURRENCY": "8",
            "SYNCD_MAIL__ADAPTER": "smtp",
            "SYNCD_MAIL__HOST": "127.0.0.1",
            "SYNCD_MAIL__PORT": str(self.mail_port),
            "SYNCD_MAIL__SECURITY": "none",
            "SYNCD_MAIL__SENDER": "alternance@example.org",
            "SYNCD_MAIL__MAILS_PER_MINUTE": "0",
            "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
            "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
            "SYNCD_RETRY__FIRST_DELAY_S": "0.1",
            "SYNCD_RETRY__LONGEST_DELAY_S": "0.5",
            "SYNCD_JOBS__POLL_INTERVAL_S": "0.3",
            "SYNCD_JOBS__LEASE_S": "5",
            "SYNCD_DOCUMENTS__KEY": KEY,
            "SYNCD_OPS__BIND": "127.0.0.1:0",
            **{f"SYNCD_MAIL__ADDRESSES__{name}": f"{who}@example.org" for name, who in _OFFICES.items()},
        }  # fmt: skip
        return load_settings(None, environ | changed, places=Places(config_files=()))

    async def validate(self, count: int) -> list[int]:
        """Validate so many more missions; return their numbers."""
        new = list(range(len(self.numbers) + 1, len(self.numbers) + count + 1))
        tracks = {True: "apprentissage", False: "professionnalisation"}
        rows = [mission(number, track=tracks[is_apprentice(number)]) for number in new]
        await asyncio.to_thread(self.missions.put, *rows)  # a reader that waits for this loop would keep it waiting
        self.numbers += new
        return new

    def people_act(self) -> None:
        """Let students and companies fill their part once a letter asked them to, and the CFA generate."""
        for letter in self.office.letters[self._read :]:
            self._read += 1
            self._told.add((str(letter["X-Syncd-Mission"]), str(letter["X-Syncd-Event"])))
        with self.remote.lock:
            for contract in list(self.remote.contracts.values()):
                self._move(contract["external_reference"], contract["status"])

    def _move(self, name: str, status: str) -> None:
        if status == "initialised" and (name, "contract.initialised") in self._told:
            self.remote.student_done(name)
        elif status == "in_progress" and (name, "student_part.done") in self._told:
            self.remote.company_done(name)
        elif status == "completed" and is_generated(int(name[-4:])):
            self.remote.generate(name, paper(f"cerfa {name}"), paper(f"convention {name}"))

    async def work_for(self, seconds: float) -> None:
        """Let people act for a while."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            self.people_act()
            await asyncio.sleep(0.05)

    async def everybody_works(self, ledger_url: str, *, within_s: float = 60) -> None:
        """Let people act until every mission is where it rests, and every letter was sent."""

        async def is_there() -> bool:
            self.people_act()
            return await asyncio.to_thread(is_settled, self, ledger_url)

        try:
            await eventually(is_there, within_s=within_s, what="everything settled")
        except AssertionError as error:
            raise AssertionError(f"{error}; {unsettled(ledger_url)}") from None

    @asynccontextmanager
    async def replicas(self, settings: Settings, count: int) -> AsyncIterator[list[Works]]:
        """Run so many daemons; each must end in order, and none by itself."""
        async with AsyncExitStack() as stack:
            works = [await stack.enter_async_context(open_works(settings)) for _ in range(count)]
            daemons = [Daemon(each, manager=ServiceManager(), may_reload=lambda: False) for each in works]
            running = [asyncio.create_task(daemon.run()) for daemon in daemons]
            try:
                await eventually(
                    lambda: all(daemon.is_ready for daemon in daemons) or any(task.done() for task in running),
                    within_s=20, what="daemons ready",
                )  # fmt: skip
                yield works
            finally:
                for daemon, task in zip(daemons, running, strict=True):
                    if not task.done():
                        daemon._ask_to_stop()
                await asyncio.wait_for(asyncio.gather(*running), 30)


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[Site]:
    """Open a department in an empty folder; what its replicas log is kept."""
    office = PostOffice()
    async with serve(office) as port:
        with serve_remote() as remote, capture_logs() as lines:
            yield Site(folder, remote, Missions(folder / "fvma.sqlite3"), office, port, lines=lines)


async def eventually(is_so: Callable[[], bool] | Callable[[], Awaitable[bool]], *, within_s: float, what: str) -> None:
    """Wait for something that takes its time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        assert asyncio.get_running_loop().time() < deadline, f"it never came to that: {what}"
        await asyncio.sleep(0.05)


def is_settled(site: Site, ledger_url: str) -> bool:
    """Whether every mission is where it waits for people, and nothing waits to be sent."""
    return stand(ledger_url) == {name_of(n): step_of(n) for n in site.numbers} and unsent(ledger_url) == 0


def all_letters(numbers: Iterable[int]) -> set[tuple[str, str, str]]:
    """Return every letter that these missions call for."""
    return {letter for number in numbers for letter in letters_of(number)}
