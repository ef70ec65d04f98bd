"""B02, B03 and C09: the SQLite file has no room, cannot be used, or is wanted twice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.database.services import is_alive, ledger_of, letters_sent, no_room_in, service, wait_for
from tests.world.world import World, make_world, mission


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ B02: no room


def test_b02_without_room_nothing_is_asked_and_with_room_it_goes_on(world: World) -> None:
    """The intent cannot be written: no request leaves. Nobody has to start it again."""
    world.missions.put(mission(1))
    with service(world) as process:
        wait_for(lambda: letters_sent(world) == 2)
        with no_room_in(process):
            world.missions.put(mission(2), mission(3))
            world.remote.student_done("FVMA-2025-0001")
            time.sleep(2)
            asked = len(world.remote.posts())
            is_running = process.poll() is None
        wait_for(lambda: world.remote.creations() == 3)
        wait_for(lambda: letters_sent(world) == 7)
        process.terminate()
        out, _ = process.communicate(timeout=20)

    assert is_running
    assert asked == 1
    assert len(world.remote.posts()) == 3
    assert "SQLITE_" in out
    assert process.returncode == 0


# ------------------------------------------------------------------------------------------------------- B03: broken


def _remove(ledger: Path) -> None:
    ledger.unlink()


def _damage(ledger: Path) -> None:
    with ledger.open("r+b") as file:
        file.write(os.urandom(4096))


def _close_the_folder(ledger: Path) -> None:
    for found in (*ledger.parent.glob("syncd.sqlite3*"), ledger.parent):
        found.chmod(0o500)


@pytest.mark.parametrize(
    ("harm", "is_running"),
    [(_remove, True), (_damage, True), (_damage, False), (_close_the_folder, True), (_close_the_folder, False)],
    ids=["removed", "damaged", "damaged before it starts", "closed", "closed before it starts"],
)
def test_b03_a_ledger_that_cannot_be_used_ends_the_service_before_anything_is_asked(
    world: World, harm: Callable[[Path], None], is_running: bool
) -> None:
    world.missions.put(mission(1))
    world.once()
    if not is_running:
        harm(ledger_of(world))
    with service(world) as process:
        if is_running:
            wait_for(lambda: is_alive(world))
            harm(ledger_of(world))
        world.missions.put(mission(2))
        _, err = process.communicate(timeout=30)
    (world.folder / "state").chmod(0o700)

    assert process.returncode not in (0, -signal.SIGKILL), err
    assert len(world.remote.posts()) == 1


# -------------------------------------------------------------------------------------------------- C09: wanted twice


def test_c09_of_two_services_on_one_file_the_second_is_refused_under_whatever_name(world: World) -> None:
    """Through a link to the file and to its folder too."""
    world.missions.put(mission(1))
    (world.folder / "elsewhere").symlink_to(world.folder / "state")
    with service(world) as first:
        wait_for(lambda: letters_sent(world) == 2)
        (world.folder / "linked.sqlite3").symlink_to(ledger_of(world))
        asked = len(world.remote.requests)
        names = ("state/syncd.sqlite3", "elsewhere/syncd.sqlite3", "linked.sqlite3")
        seconds = [
            world.syncd("run", "--once", SYNCD_DATABASE__URL=f"sqlite:///{world.folder / name}") for name in names
        ]
        first.terminate()
        first.wait(20)

    assert [(second.code, "another daemon" in second.err) for second in seconds] == [(78, True)] * 3
    assert first.returncode == 0
    assert [r for r in world.remote.requests[asked:] if r.method == "POST"] == []


def test_c09_the_file_is_free_again_the_moment_its_service_is_killed(world: World) -> None:
    world.missions.put(mission(1))
    with service(world) as first:
        wait_for(lambda: letters_sent(world) == 2)
        first.kill()
        first.wait(20)

    world.missions.put(mission(2))
    world.once()

    assert world.remote.creations() == 2
