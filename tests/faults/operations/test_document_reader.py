"""C08: the process that reads a document is killed for its hunger; the contract says so, and the service lives."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from tests.adapters.documents.papers import slow_to_unpack
from tests.adapters.documents.processes import children_of
from tests.faults.operations.processes import until
from tests.world.world import World, mission, paper

A, B = "FVMA-2025-0001", "FVMA-2025-0002"


def generated(world: World, mission_id: str, cerfa: bytes) -> None:
    """Bring a contract to where its documents can be fetched."""
    world.remote.student_done(mission_id)
    world.remote.company_done(mission_id)
    world.remote.generate(mission_id, cerfa, paper("convention"))


def kill_readers_of(service: int, ended: threading.Event, killed: list[int]) -> None:
    """Kill every process that a helper of the service forks, as the kernel does when memory runs out."""
    while not ended.is_set():
        for helper in children_of(service):
            for reader in children_of(helper):
                with suppress(ProcessLookupError):
                    os.kill(reader, signal.SIGKILL)
                    killed.append(reader)
        time.sleep(0.05)


@pytest.mark.slow
def test_c08_a_reader_that_is_killed_is_a_document_that_is_not_accepted_and_the_service_lives(world: World) -> None:
    world.missions.put(mission(1), mission(2))
    world.once()
    generated(world, A, slow_to_unpack(6_000_000))
    killed, ended = list[int](), threading.Event()
    with world.start("run") as service:
        killer = threading.Thread(target=kill_readers_of, args=(service.pid, ended, killed))
        killer.start()
        try:
            until(lambda: world.codes(A) == {"DOCUMENT_INVALID"}, what="it is not held")
            held = world.show(A)
            ended.set()
            generated(world, B, paper("cerfa"))
            until(lambda: world.step(B) == "done", what="the others do not flow on")
            still_runs = service.poll() is None
        finally:
            ended.set()
            killer.join()
            service.terminate()
            _, err = service.communicate(timeout=15)

    assert killed
    assert still_runs
    assert service.returncode == 0, err
    assert "too_costly" in held["holds"][0]["message"]
    assert not any(document["kind"] == "cerfa" for document in held["documents"])
