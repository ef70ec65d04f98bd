"""The player plays a whole season by itself."""

import asyncio
from datetime import timedelta
from random import Random

from syncd.adapters.cactus.simulator import Player, Simulator
from tests.adapters.cactus.simulator.samples import a_contract
from tests.support.clock import TickingClock


def _season(seed: int) -> Simulator:
    dice = Random(seed)  # noqa: S311 - a game, not a secret
    clock = TickingClock(throws=[dice.random() for _ in range(997)])
    simulator = Simulator(clock, print_paper=lambda kind, _, version: f"{kind} {version}".encode())
    for number in range(40):
        a_contract(simulator, f"FVMA-2025-{number:04d}")
    player = Player(simulator, clock)
    while player.step() is not None:
        pass
    return simulator


def test_every_contract_is_played_to_an_end_and_a_few_take_a_detour() -> None:
    contracts = _season(3).contracts()

    assert {contract.status for contract in contracts} == {"filed", "refused"}
    assert 0 < sum(contract.status == "refused" for contract in contracts) < 10
    reopened = [contract for contract in contracts if any(paper.version == 2 for paper in contract.papers)]
    assert 0 < len(reopened) < 15
    assert all(paper.version <= 2 for contract in contracts for paper in contract.papers)


def test_the_same_dice_play_the_same_season() -> None:
    assert _season(3).contracts() == _season(3).contracts()
    assert _season(3).contracts() != _season(4).contracts()


def test_with_nothing_to_do_nothing_is_done(simulator: Simulator) -> None:
    assert Player(simulator, TickingClock()).step() is None


async def test_playing_leaves_people_time_to_follow(simulator: Simulator) -> None:
    a_contract(simulator)
    clock = TickingClock(throws=[0.5])
    playing = asyncio.create_task(Player(simulator, clock, pace=timedelta(seconds=4), speed=2).play())
    while simulator.contracts()[0].status != "filed":  # noqa: ASYNC110 - the clock of this test never waits
        await asyncio.sleep(0)
    playing.cancel()

    assert set(clock.slept) == {timedelta(seconds=2)}
    assert len(clock.slept) >= 8
