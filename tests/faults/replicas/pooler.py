"""A real PgBouncer in transaction mode: each transaction may be served by another session of the database."""

import getpass
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.replicas.site import wait_for
from tests.support.postgres import PostgresServer

_INI = """
[databases]
* = host={server} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
server_round_robin = 1
ignore_startup_parameters = extra_float_digits
logfile = {folder}/pgbouncer.log
pidfile =
"""


@contextmanager
def serve_pooler(postgres: PostgresServer, url: str, *, size: int) -> Iterator[str]:
    """Give the URL of the same database behind a pooler that keeps so many sessions."""
    with tempfile.TemporaryDirectory(prefix="syncd-pooler-", dir="/tmp") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o777)  # it gives up root, for the account that may come to the server's socket
        config = folder / "pgbouncer.ini"
        config.write_text(_INI.format(server=postgres.socket_folder, port=port, size=size, folder=folder))
        account = ["-u", postgres.socket_path.owner()] if getpass.getuser() == "root" else []
        process = subprocess.Popen(
            ["pgbouncer", "--quiet", *account, str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(lambda: _listens(port), within_s=20)
            yield f"postgresql://postgres@127.0.0.1:{port}{urlsplit(url).path}"
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


def _listens(port: int) -> bool:
    with closing(socket.socket()) as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0
