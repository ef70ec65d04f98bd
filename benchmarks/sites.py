"""What a comparison runs on: a mission store, a remote in its own process, and syncd as people start it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.environment import without_settings
from tests.world.missions import Missions, mission

ROOT = Path(__file__).parents[1]


def write_missions(file: Path, count: int) -> str:
    """Write a store of so many missions that nothing speaks against; return its address."""
    missions = Missions(file)
    missions.index()
    missions.put_all(mission(number) for number in range(1, count + 1))
    return f"sqlite:///{file}"


@dataclass(frozen=True, slots=True)
class Posts:
    """What the remote saw of the requests for contracts."""

    contracts: int
    posts: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Contracts between the first request and the last."""
        return self.contracts / self.seconds


@dataclass(frozen=True, slots=True)
class RemoteSite:
    """A remote that answers after so long."""

    url: str

    def posts(self) -> Posts:
        """Return what it saw."""
        said = self._clock()
        return Posts(said["contracts"], said["posts"], said["to"] - said["from"])

    def contracts(self) -> int:
        """Return how many contracts it created."""
        return int(self._clock()["contracts"])

    def first_post_at(self) -> float:
        """Return when the first request for a contract arrived: seconds of the wall clock."""
        return float(self._clock()["from"]) + time.time() - time.monotonic()

    def change(self, contract: dict[str, Any]) -> None:
        """Let a contract stand in the change feed as it is now; for a remote that has one."""
        with urllib.request.urlopen(f"{self.url}/feed", data=json.dumps(contract).encode()):  # noqa: S310 - our own
            pass

    def _clock(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/clock") as answer:  # noqa: S310 - our own
            said: dict[str, Any] = json.load(answer)
            return said


@contextmanager
def remote_site(latency_ms: float, *, module: str = "benchmarks.remote") -> Iterator[RemoteSite]:
    """Run a remote in a process of its own."""
    command = [sys.executable, "-m", module, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdin is not None
        yield RemoteSite(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()


@dataclass(frozen=True, slots=True)
class Run:
    """How a process ended. `cpu_s`: of itself and of what it started; `peak_mb`: the most memory it had at once."""

    seconds: float
    cpu_s: float
    peak_mb: float
    out: str


def run(command: list[str], *, environment: dict[str, str] | None = None, folder: Path = ROOT) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it did not end well; what it said last is in the message.
    """
    plain = without_settings()
    since = time.monotonic()
    with subprocess.Popen(  # noqa: S603
        command,
        env=plain | (environment or {}),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {out[-2000:]}")
    return Run(time.monotonic() - since, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out)


@dataclass(frozen=True, slots=True)
class Site:
    """An installation of syncd in a folder of its own, whose brakes are off."""

    folder: Path
    missions_url: str
    remote_url: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """How it is configured."""
        plain = {
            "STATE_DIRECTORY": self.folder / "state", "MISSIONS__URL": self.missions_url, "CACTUS__ADAPTER": "http",
            "CACTUS__BASE_URL": self.remote_url, "CACTUS__CONCURRENCY": 50, "CACTUS__REQUESTS_PER_SECOND": 0,
            "GUARD__MAX_NEW_CONTRACTS": 0, "GUARD__MAX_MAILS_PER_HOUR": 0, "MAIL__MAILS_PER_MINUTE": 0,
            "MAIL__ADAPTER": "folder", "MAIL__FOLDER": self.folder / "mails", "MAIL__SENDER": "alternance@example.org",
            "MAIL__ADDRESSES__SUPERVISOR": "responsable@example.org",
            "MAIL__ADDRESSES__SECRETARIAT_AIX": "aix@example.org",
            "MAIL__ADDRESSES__SECRETARIAT_MARSEILLE": "marseille@example.org",
            "MAIL__ADDRESSES__CONTINUING_EDUCATION": "sfc@example.org", "DOCUMENTS__KEY": "A" * 43 + "=",
            "OPS__BIND": "127.0.0.1:0", "LOGS__FORMAT": "json",
        }  # fmt: skip
        return {f"SYNCD_{name}": str(value) for name, value in (plain | self.settings).items()}

    def syncd(self, *arguments: str) -> Run:
        """Run a command of syncd."""
        return run([sys.executable, "-m", "syncd", *arguments], environment=self.environment, folder=self.folder)
