"""The brakes: a store that lost its rows, too many new contracts; each stops before the first effect, and says so."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.jobs.discover import discover
from syncd.model import Step
from tests.jobs.workshop import Workshop, numbered, open_workshop
from tests.world.world import Result, World, mission

BRAKE = "SYNCD_GUARD__MAX_NEW_CONTRACTS"


def filled(world: World, count: int) -> World:
    """Bring so many missions to their contract."""
    world.missions.put(*(mission(number) for number in range(1, count + 1)))
    world.once()
    return world


def lose(world: World, *numbers: int) -> None:
    """Delete rows of the store."""
    for number in numbers:
        world.missions.delete(f"FVMA-2025-{number:04d}")


@contextmanager
def unchanged(world: World) -> Iterator[None]:
    """Nothing is asked of CACTUS but readings, no letter leaves, and every contract stands where it stood."""
    steps, mails, asked = world.syncd("status", "--json").json["steps"], len(world.mails()), len(world.remote.requests)
    yield
    assert world.syncd("status", "--json").json["steps"] == steps
    assert len(world.mails()) == mails
    assert {request.method for request in world.remote.requests[asked:]} <= {"GET"}


# ---------------------------------------------------------------------------------------------- the store lost its rows

GONE = [
    (6, range(1, 7), "the mission store is empty, 6 missions are known"),
    (10, range(1, 7), "6 of 10 known missions are gone from the store"),
]


@pytest.mark.parametrize(("known", "gone", "why"), GONE, ids=["emptied", "more than its share"])
def test_a_store_that_lost_its_rows_stops_the_sweep_before_its_first_effect(
    world: World, known: int, gone: range, why: str
) -> None:
    filled(world, known)
    lose(world, *gone)

    with unchanged(world):
        stopped = [world.syncd("reconcile") for _ in range(3)]
        world.once()

    assert {result.code for result in stopped} == {6}
    assert f"the store is not believed: {why}; nothing was changed" in stopped[0].err
    assert "When it is right: syncd guard approve sweep, then syncd reconcile." in stopped[0].err
    assert _guard(world, "sweep") == {"tripped": True, "detail": why}
    assert f"! brake `sweep` is on: {why}. Look, then: syncd guard approve sweep" in world.syncd("status").out
    assert {world.show(f"FVMA-2025-{number:04d}")["holds"] == [] for number in gone} == {True}


def test_an_approval_lets_one_sweep_pass_and_the_next_one_asks_again(world: World) -> None:
    filled(world, 6)
    lose(world, *range(1, 7))
    world.syncd("reconcile")

    approved = world.syncd("guard", "approve", "sweep")
    passed, stopped = world.syncd("reconcile"), world.syncd("reconcile")
    after_one = world.syncd("status", "--json").json["steps"]["held"]
    world.syncd("guard", "approve", "sweep")
    believed = world.syncd("reconcile")
    world.once()

    assert (approved.code, approved.out) == (0, "Approved: sweep.\n")
    assert (passed.code, stopped.code, believed.code) == (0, 6, 0)
    assert after_one == 0
    assert world.codes("FVMA-2025-0001") == {"MISSION_WITHDRAWN"}
    assert world.syncd("status", "--json").json["steps"]["held"] == 6
    assert {contract["status"] for contract in world.remote.contracts.values()} == {"initialised"}


def test_a_store_that_is_back_goes_on_without_anybody(world: World) -> None:
    filled(world, 6)
    lose(world, *range(1, 7))
    world.syncd("reconcile")

    world.missions.put(*(mission(number) for number in range(1, 8)))
    found = world.syncd("reconcile")
    world.once()

    assert found.code == 0
    assert world.syncd("status", "--json").json["steps"]["awaiting_student"] == 7


# ------------------------------------------------------------------------------------------------- too many creations


def test_too_many_new_contracts_stop_before_one_too_many_and_the_log_says_so(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 13)))

    world.environment[BRAKE] = "5"
    passed = world.once()

    why = "more than 5 new contracts in 60 minutes; at least 7 more wait"
    assert _guard(world, "contracts") == {"tripped": True, "detail": why}
    assert len(world.remote.posts()) == world.remote.creations() == 5
    assert not any(request.query.get("external_reference") for request in world.remote.requests)
    assert f"! brake `contracts` is on: {why}. Look, then: syncd guard approve contracts" in world.syncd("status").out
    told = [line for line in _lines(passed) if line["event"] == "guard.tripped"]
    assert [(line["level"], line["guard"], line["limit"]) for line in told] == [("error", "contracts", 5)]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_neither_a_restart_nor_another_replica_nor_a_resync_gets_past_the_brake(
    world: World, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgresql":
        world.environment["SYNCD_DATABASE__URL"] = request.getfixturevalue("postgres_url")
    world.environment[BRAKE] = "5"
    world.missions.put(*(mission(number) for number in range(1, 13)))
    world.once()

    world.missions.put(mission(13))
    world.once()
    world.syncd("resync", "--all", "--yes")
    world.once()
    braked = world.remote.creations()
    approved = world.syncd("guard", "approve")
    world.once()
    again = world.remote.creations(), _guard(world, "contracts")["tripped"]

    assert braked == 5
    assert approved.out == "Approved: contracts.\n"
    assert again == (10, True)


async def test_the_brake_counts_a_sliding_hour_and_stays_on_until_somebody_approves(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, creations=5) as workshop:
        await _create(workshop, 1, 2, 3)
        workshop.clock.advance(timedelta(minutes=40))
        await _create(workshop, 4, 5)
        workshop.clock.advance(timedelta(minutes=20, seconds=1))  # the first three are an hour ago
        await _create(workshop, 6, 7, 8)
        within = workshop.cactus.initialisations, (await workshop.ledger.guard("contracts")).tripped_at

        await _create(workshop, 9)
        workshop.clock.advance(timedelta(days=2))
        await workshop.works.advancer.drain()
        braked = workshop.cactus.initialisations
        await workshop.ledger.approve("contracts", now=workshop.clock.now())
        workshop.clock.advance(timedelta(minutes=1))
        await workshop.works.advancer.drain()

        assert within == (8, None)
        assert braked == 8
        assert workshop.cactus.initialisations == 9
        assert await workshop.step(9) is Step.AWAITING_STUDENT


async def _create(workshop: Workshop, *numbers: int) -> None:
    await workshop.discover(*(numbered(number) for number in numbers))
    await workshop.works.advancer.drain()


async def test_what_waits_at_the_brake_was_not_begun(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path, creations=1) as workshop:
        await _create(workshop, 1, 2)
        waiting = await workshop.view(2)

        assert (waiting.row.next_action, waiting.facts.asked_at, waiting.facts.sent) == ("await_brake", None, None)
        assert not waiting.is_claimed
        assert waiting.letters == ()


async def test_a_discovery_of_an_emptied_store_touches_nothing(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path) as workshop:
        await _create(workshop, 1, 2)
        before = await workshop.view(1)

        found = await discover(workshop.works.missions, workshop.ledger, workshop.clock)

        assert (found.new, found.changed) == (0, 0)
        assert await workshop.view(1) == before


def test_with_no_brake_on_there_is_nothing_to_approve(world: World) -> None:
    result = world.syncd("guard", "approve")

    assert (result.code, result.err.splitlines()[0]) == (4, "syncd: no brake is on")


def _guard(world: World, name: str) -> dict[str, object]:
    shown = world.syncd("guard", "show", "--json").json["guards"][name]
    return {key: shown[key] for key in ("tripped", "detail")}


def _lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.out.splitlines()]
