"""What the service manager hears, on a real socket."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.service import ServiceManager


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear:
        ear.bind("\0" + address[1:] if address.startswith("@") else address)
        ear.settimeout(5)
        yield ear


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket's name has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="syncd-") as name:
        yield Path(name)


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, folder: Path) -> str:
    """An address as `$NOTIFY_SOCKET` has it."""
    return f"@syncd-{uuid4().hex}" if request.param == "abstract" else str(folder / "notify")


def test_what_is_told_arrives_line_by_line(address: str) -> None:
    with listening(address) as ear:
        ServiceManager(address=address).tell("READY=1", "STATUS=Prêt")

        assert ear.recv(1000) == "READY=1\nSTATUS=Prêt".encode()


def test_without_a_service_manager_nothing_is_told() -> None:
    ServiceManager().tell("READY=1")


def test_a_service_manager_that_is_gone_is_no_trouble_of_ours(folder: Path) -> None:
    ServiceManager(address=str(folder / "nobody")).tell("READY=1")


def test_a_service_manager_that_does_not_read_keeps_nobody_waiting(folder: Path) -> None:
    address, begun = str(folder / "notify"), time.monotonic()
    with listening(address):
        for _ in range(2000):
            ServiceManager(address=address).tell("WATCHDOG=1")

    assert time.monotonic() - begun < 5
