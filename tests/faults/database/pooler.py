"""A real PgBouncer in transaction mode before the tests' PostgreSQL. Without the program the test fails."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

SERVER_CONNECTIONS = 3
_CONFIGURATION = """
[databases]
* = host={socket_folder} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 200
auth_type = any
admin_users = postgres
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running pooler."""

    port: int

    def url(self, plain: str) -> str:
        """Return the URL of the same database behind the pooler."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{urlsplit(plain).path}?sslmode=disable&gssencmode=disable"

    def show(self, what: str) -> list[dict[str, object]]:
        """Ask its administrator's console."""
        with psycopg.connect(self.url("postgresql:///pgbouncer"), autocommit=True, row_factory=dict_row) as console:
            return console.cursor().execute(f"SHOW {what}".encode()).fetchall()


@contextmanager
def pooler_before(socket_folder: Path, *, servers: int = SERVER_CONNECTIONS) -> Iterator[Pooler]:
    """Run a pooler, as the account that the server runs under: it refuses to be root."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None, "PgBouncer is not installed: apt-get install pgbouncer"
    with tempfile.TemporaryDirectory(prefix="syncd-pooler-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        port, file = _free_port(), Path(folder) / "pgbouncer.ini"
        file.write_text(_CONFIGURATION.format(socket_folder=socket_folder, port=port, servers=servers))
        account = ["-u", socket_folder.owner()] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [program, "-q", *account, str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield _ready(Pooler(port), process)
        finally:
            process.terminate()
            process.wait(10)


def _ready(pooler: Pooler, process: subprocess.Popen[bytes]) -> Pooler:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(psycopg.OperationalError):
            pooler.show("VERSION")
            return pooler
        time.sleep(0.02)
    raise AssertionError("PgBouncer does not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
