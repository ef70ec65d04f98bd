"""The service as its manager sees it: a real process, real signals, a real notify socket."""

import json
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.world.remote import Answer, Request
from tests.world.world import World, make_world, mission

A = "FVMA-2025-0001"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An installation with one mission."""
    with make_world(tmp_path) as made:
        made.missions.put(mission(1))
        yield made


@contextmanager
def daemon(world: World, **environment: str) -> Iterator[Popen[str]]:
    """Run the service; whatever became of it, it has ended afterwards."""
    with world.start("run", **environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(is_so: Callable[[], bool], *, within_s: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def hang(world: World) -> tuple[threading.Event, threading.Event]:
    """Let CACTUS do what a creation asks, and not answer until it is told to."""
    arrived, may_answer = threading.Event(), threading.Event()

    def trap(request: Request, honest: Callable[[], Answer]) -> Answer:
        answer = honest()
        if request.method == "POST":
            arrived.set()
            may_answer.wait(30)
        return answer

    world.remote.trap = trap
    return arrived, may_answer


def events(out: str) -> list[str]:
    """Return the names of what was logged."""
    return [json.loads(line)["event"] for line in out.splitlines()]


@pytest.mark.slow
def test_c04_a_signal_ends_it_within_ten_seconds_although_cactus_does_not_answer(world: World) -> None:
    arrived, may_answer = hang(world)
    with daemon(world, SYNCD_CACTUS__TIMEOUT_S="60") as process:
        assert arrived.wait(20)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        out, err = process.communicate(timeout=15)
        took_s = time.monotonic() - begun
    may_answer.set()
    world.remote.trap = None

    world.once()

    assert process.returncode == 0, err
    assert took_s < 10
    assert events(out)[-1] == "daemon.stopped"
    assert world.step(A) == "awaiting_student"
    assert world.remote.creations() == len(world.remote.posts()) == 1


def test_c05_the_second_signal_ends_it_at_once(world: World) -> None:
    arrived, may_answer = hang(world)
    with daemon(world, SYNCD_CACTUS__TIMEOUT_S="60") as process:
        assert arrived.wait(20)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        still_waits = process.poll() is None
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        out, _ = process.communicate(timeout=5)
        took_s = time.monotonic() - begun
    may_answer.set()

    assert still_waits
    assert process.returncode == 1
    assert took_s < 1
    assert "daemon.stopping" in events(out)


def test_the_service_manager_hears_that_it_is_ready_reloads_lives_and_stops(world: World) -> None:
    config = world.folder / "syncd.toml"
    config.write_text('[logs]\nlevel = "info"\n')
    with (
        tempfile.TemporaryDirectory(prefix="syncd-") as folder,
        closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear,
    ):
        ear.bind(f"{folder}/notify")
        ear.settimeout(20)
        watched = {"SYNCD_CONFIG": str(config), "NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "2000000"}
        with daemon(world, **watched) as process:
            begins = _hear_until(ear, "WATCHDOG=1")

            config.write_text("[logs]\nlevel = 3\n")
            process.send_signal(signal.SIGHUP)
            wait_for(lambda: world.remote.creations() == 1)
            config.write_text('[logs]\nlevel = "info"\n')
            time.sleep(0.3)
            process.send_signal(signal.SIGHUP)
            reloads = _hear_until(ear, "RELOADING=1")
            begins_again = _hear_until(ear, "READY=1")
            process.send_signal(signal.SIGTERM)
            ends = _hear_until(ear, "STOPPING=1")
            out, err = process.communicate(timeout=15)

    assert begins[0] == "READY=1"
    assert set(reloads) <= {"WATCHDOG=1", "RELOADING=1"}
    assert set(begins_again) <= {"WATCHDOG=1", "READY=1"}
    assert ends[-1] == "STOPPING=1"
    assert process.returncode == 0, err
    told = events(out)
    assert [e for e in told if e.startswith("config.")] == ["config.rejected", "config.reloaded"]
    assert [told.count(e) for e in ("daemon.ready", "daemon.stopped")] == [2, 2]


def _hear_until(ear: socket.socket, last: str) -> list[str]:
    heard: list[str] = []
    while last not in heard:
        heard += [line for line in ear.recv(1000).decode().split("\n") if "USEC" not in line]
    return heard


@pytest.mark.slow
def test_c04_a_signal_at_any_moment_ends_it_in_order_and_nothing_is_done_twice(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(2, 13)))
    for tenths in (6, 9, 12, 15, 20):
        with daemon(world) as process:
            time.sleep(tenths / 10)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=15)
            assert process.returncode in (0, -signal.SIGTERM)  # before it listens to signals, it has begun nothing

    for _ in range(3):
        world.once()

    assert world.remote.creations() == 12
    steps = world.syncd("status", "--json").json["steps"]
    assert {step: count for step, count in steps.items() if count} == {"awaiting_student": 12}
    sent = [str(message["Message-ID"]) for message in world.mails() if message["X-Syncd-Event"] != "digest.daily"]
    assert len(sent) == len(set(sent)) == 24
