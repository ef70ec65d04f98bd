"""A daemon as people start it, looked at from outside."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

from benchmarks.sites import Site
from tests.support.environment import allocator_of_the_unit, without_settings

_READY_S, _END_S = 60.0, 30.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running process."""

    pid: int

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Return its resident memory."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def running(site: Site) -> Iterator[Daemon]:
    """Start a daemon of an installation, wait until it is ready, and stop it at the end in order."""
    with create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    own = {"SYNCD_OPS__BIND": f"127.0.0.1:{port}", **allocator_of_the_unit()}
    environment = without_settings() | site.environment | own
    log = site.folder / "daemon.log"
    with log.open("ab") as out, subprocess.Popen(
        [sys.executable, "-m", "syncd", "run"], env=environment, cwd=site.folder, stdout=out, stderr=out,
    ) as process:  # fmt: skip
        try:
            _wait_until_ready(process, port, log)
            yield Daemon(process.pid)
            process.terminate()
            assert process.wait(_END_S) == 0
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the daemon does not get ready: {log.read_text()[-2000:]}")
