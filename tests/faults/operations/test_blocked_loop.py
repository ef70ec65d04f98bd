"""C07: an event loop that is blocked falls silent, although its process has threads that still run."""

import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.operations.processes import until, write_site
from tests.world.world import World, mission

WATCHDOG_S = 1.5
BLOCKER = """
import os, signal, socket, threading, time

def beat():
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    while True:
        try:
            ear.sendto(b"THREAD=1", os.environ["NOTIFY_SOCKET"])
        except OSError:
            pass
        time.sleep(0.2)

signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
threading.Thread(target=beat, daemon=True).start()
"""
"""A signal that blocks whatever the main thread does, the event loop; and a thread's heartbeat, to compare with."""


class ServiceManager:
    """Hears what its service says, and starts it again when it falls silent for longer than it may."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(self.address)
        self._ear.settimeout(0.05)

    def hear(self, seconds: float, *, until_heard: str = "") -> list[str]:
        """Return what is said within this time, or until something is."""
        heard: list[str] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end and (not until_heard or until_heard not in heard):
            try:
                heard += self._ear.recv(1000).decode().split("\n")
            except TimeoutError:
                continue
        return heard

    def close(self) -> None:
        """Hear nothing more."""
        self._ear.close()


@pytest.fixture
def manager() -> Iterator[ServiceManager]:
    """A manager that listens on a short path."""
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder, closing(ServiceManager(Path(folder))) as listening:
        yield listening


def test_c07_a_blocked_loop_falls_silent_and_the_process_that_follows_ends_the_work(
    world: World, manager: ServiceManager, tmp_path: Path
) -> None:
    watched = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1_000_000))}
    with world.start("run", **watched, **write_site(tmp_path / "site", BLOCKER)) as process:
        try:
            begins = manager.hear(20, until_heard="WATCHDOG=1")
            alive = manager.hear(WATCHDOG_S)

            process.send_signal(signal.SIGUSR2)
            manager.hear(WATCHDOG_S / 4)  # what was said before
            blocked = manager.hear(WATCHDOG_S)
            world.missions.put(mission(1))
        finally:
            process.send_signal(signal.SIGABRT)  # as systemd does
            process.communicate(timeout=10)
    with world.start("run", **watched) as following:
        try:
            until(lambda: world.remote.creations() == 1)
            manager.hear(20, until_heard="WATCHDOG=1")
        finally:
            following.kill()
            following.communicate()

    assert "READY=1" in begins
    assert alive.count("WATCHDOG=1") >= 3
    assert "WATCHDOG=1" not in blocked
    assert blocked.count("THREAD=1") >= 3, "a heartbeat of a thread would have gone on"
    assert process.returncode == -signal.SIGABRT
