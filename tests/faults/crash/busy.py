"""A daemon as its service manager starts it, in a town where there is plenty to do, told to stop at any moment."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

from tests.faults.crash.ledgers import Ledger
from tests.faults.crash.town import Town, environment_of
from tests.support.environment import without_settings
from tests.world.missions import mission
from tests.world.remote import Answer, Request

CONCURRENCY = 4
_THINKS_FOR_S = 0.2
_LONGEST_S = 60
"""Whatever is waited for comes sooner, on a machine that does much else too."""
_CATCHES_SIGTERM = 1 << (signal.SIGTERM - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How a daemon ended that was told to stop."""

    code: int
    took_s: float
    heard: str
    """What the service manager was told."""
    stopping_s: float | None
    """When it said that it stops, in seconds since 1970; `None`: it had begun nothing."""
    posted_s: tuple[float, ...]
    """When each initialisation that was asked for arrived in CACTUS."""
    output: str


@dataclass
class BusyTown:
    """New missions come all the time, and CACTUS thinks about each; some it forgets to answer."""

    town: Town
    ledger: Ledger
    folder: Path
    stands_after_s: float = 0.0
    """How long a daemon takes from its first line until it stands."""
    _missions: int = 3
    _posted_s: list[float] = field(default_factory=list)
    _may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._may_answer.set()
        self._honest, self.town.remote.trap = self.town.remote.trap, self._answer

    def finish(self) -> None:
        """Let passes do what is left, until nothing waits for another try, or for the second that a stop puts off."""
        for _ in range(20):
            with self._start("run", "--once") as process:
                if process.wait(_LONGEST_S) == 0 and not self._is_any_put_off():
                    return
        raise AssertionError((self.folder / "output").read_text()[-2000:])

    def _is_any_put_off(self) -> bool:
        return any(row["step"] == "to_initialise" for row in self.ledger.read()["contracts"])

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command; what it says goes into a file, for nobody reads it meanwhile."""
        usual = without_settings()
        ours = environment_of(self.town, self.ledger.url, self.folder / "state") | {
            "SYNCD_CACTUS__CONCURRENCY": str(CONCURRENCY),
            "SYNCD_CACTUS__TIMEOUT_S": "60",
            "SYNCD_CACTUS__PROCESSING_TIME_S": "2",
            "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
            "SYNCD_JOBS__POLL_INTERVAL_S": "0.2",
            "SYNCD_LOGS__FORMAT": "json",
            "SYNCD_OPS__BIND": "127.0.0.1:0",
            "NOTIFY_SOCKET": str(self.folder / "notify"),
        }
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "syncd", *arguments], env=usual | ours, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def stop_one(self, dice: Random, *, hangs: bool = False, twice_within_s: float | None = None) -> Stopped:
        """Start a daemon and stop it at any moment from its first line on."""
        self._new_missions(6)
        self._posted_s.clear()
        if hangs:
            self._may_answer.clear()
        with self._manager() as ear, self._start("run") as process:
            try:
                _until(lambda: _hears_signals(process.pid))
                if hangs:
                    _until(lambda: bool(self._posted_s))
                else:
                    time.sleep(dice.uniform(0, 2 * self._time_to_stand(ear)))
                return self._stop(process, ear, twice_within_s=twice_within_s)
            finally:
                process.kill()
                self._may_answer.set()

    def reload_and_stop(self) -> Stopped:
        """Start a daemon, let it read its settings again, and stop it while it takes itself down for that."""
        self._new_missions(1)
        with self._manager() as ear, self._start("run") as process:
            try:
                _await_ready(ear)
                _until(lambda: bool(self.town.box.letters))
                self.town.box.says_goodbye.clear()
                process.send_signal(signal.SIGHUP)
                _until(lambda: _said_at("daemon.stopped", (self.folder / "output").read_text()) is not None)
                return self._stop(process, ear, twice_within_s=None)
            finally:
                process.kill()
                self.town.box.says_goodbye.set()

    def _time_to_stand(self, ear: socket.socket) -> float:
        """Return how long a daemon takes until it stands; the first one shows it."""
        if not self.stands_after_s:
            self.stands_after_s = _await_ready(ear)
        return self.stands_after_s

    def _stop(self, process: "subprocess.Popen[bytes]", ear: socket.socket, *, twice_within_s: float | None) -> Stopped:
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        if twice_within_s is not None:
            time.sleep(twice_within_s)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
        process.wait(_LONGEST_S)
        took_s, output = time.monotonic() - begun, (self.folder / "output").read_text()
        self._may_answer.set()
        self.town.box.says_goodbye.set()
        self.town.settle_down()
        return Stopped(
            code=process.returncode,
            took_s=took_s,
            heard=_everything(ear),
            stopping_s=_said_at("daemon.stopping", output),
            posted_s=tuple(self._posted_s),
            output=output,
        )

    def _new_missions(self, count: int) -> None:
        for _ in range(count):
            self._missions += 1
            self.town.missions.put(mission(self._missions))

    def _answer(self, request: Request, honest: Callable[[], Answer]) -> Answer | None:
        if request.method != "POST":
            return self._honest(request, honest) if self._honest is not None else honest()
        self._posted_s.append(time.time())
        time.sleep(_THINKS_FOR_S)
        answer = self._honest(request, honest) if self._honest is not None else honest()
        self._may_answer.wait(_LONGEST_S)
        return answer

    @contextmanager
    def _manager(self) -> Iterator[socket.socket]:
        address = self.folder / "notify"
        address.unlink(missing_ok=True)
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear:
            ear.bind(str(address))
            yield ear


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.002)


def _hears_signals(pid: int) -> bool:
    """Whether the process hears SIGTERM by itself: before, it is the interpreter's, which knows nothing of us."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & _CATCHES_SIGTERM)


def _await_ready(ear: socket.socket) -> float:
    begun = time.monotonic()
    ear.settimeout(_LONGEST_S)
    while b"READY=1" not in ear.recv(1000):
        pass
    return time.monotonic() - begun


def _everything(ear: socket.socket) -> str:
    ear.setblocking(False)
    heard = []
    while True:
        try:
            heard.append(ear.recv(1000).decode())
        except BlockingIOError:
            return "\n".join(heard)


def _said_at(event: str, output: str) -> float | None:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    times = [line["timestamp"] for line in lines if line["event"] == event]
    return datetime.fromisoformat(times[0]).timestamp() if times else None
