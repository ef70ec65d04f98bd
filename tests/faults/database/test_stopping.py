"""C06: told to stop while its database says nothing, the service ends in order, long before systemd loses patience."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.faults.database.proxy import Proxy, Way, proxy_before
from tests.faults.database.services import held_by_another, ledger_of
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures
from tests.world.world import World, make_world, mission

PROMISED_S = 10
HOW = (Way.TO_SERVER, Way.TO_CLIENT, None)
"""Which direction falls silent; `None`: the machine is gone, and acknowledges nothing."""


async def test_c06_told_to_stop_before_a_half_open_database_it_ends_within_ten_seconds(
    postgres: PostgresServer, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """In the middle of the work, and so long after the silence began."""
    dice, took, a_pass = random.Random(6), list[float](), asyncio.Lock()  # noqa: S311 - repeatable on purpose
    for number in range(amount(quick=1, deep=6)):
        folders = [tmp_path / f"{number} {way}" for way in HOW]
        silent_s = dice.uniform(0, 12) if number else 1.0
        for folder in folders:
            folder.mkdir()
        took += await asyncio.gather(
            *(_silence_and_stop(postgres, f, way, silent_s, a_pass) for f, way in zip(folders, HOW, strict=True))
        )
    figures.note(
        "SIGTERM before a silent database", signals=len(took), longest_s=round(max(took), 2), promised_s=PROMISED_S
    )
    assert max(took) < PROMISED_S


async def _silence_and_stop(
    postgres: PostgresServer, folder: Path, way: Way | None, silent_s: float, one_at_a_time: asyncio.Lock
) -> float:
    with postgres.fresh_database() as url, make_world(folder) as world:
        async with proxy_before(url) as proxy:
            world.missions.put(*(mission(number) for number in range(1, 6)))
            took = await _stop(world, proxy, url, way, silent_s)
        world.environment["SYNCD_DATABASE__URL"] = url
        async with one_at_a_time:
            await asyncio.to_thread(world.once)
        assert (world.remote.creations(), len(world.remote.posts())) == (5, 5)
        return took


async def _stop(world: World, proxy: Proxy, url: str, way: Way | None, silent_s: float) -> float:
    world.environment["SYNCD_DATABASE__URL"] = proxy.url(url)
    with world.start("run") as process:
        try:
            await _until_created(world, 2)
            proxy.vanish() if way is None else proxy.hush(way)
            await asyncio.sleep(silent_s)
            began = time.monotonic()
            process.terminate()
            _, err = await asyncio.to_thread(process.communicate, timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    return time.monotonic() - began


async def _until_created(world: World, count: int) -> None:
    deadline = time.monotonic() + 30
    while world.remote.creations() < count:
        assert time.monotonic() < deadline, "nothing was created"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("when", ["while it starts", "while a command writes"])
async def test_c06_told_to_stop_when_it_never_got_on_it_ends_within_ten_seconds(
    when: str, postgres_url: str, tmp_path: Path, figures: Figures
) -> None:
    """It cannot reach its database from the beginning on; or another process holds its SQLite file."""
    with make_world(tmp_path) as world:
        world.missions.put(mission(1))
        if when == "while it starts":
            async with proxy_before(postgres_url) as proxy:
                proxy.hush()
                world.environment["SYNCD_DATABASE__URL"] = proxy.url(postgres_url)
                took, asked = await _stop_after(world, 3), len(world.remote.posts())
        else:
            await asyncio.to_thread(world.once)
            world.missions.put(mission(2))
            with held_by_another(ledger_of(world)):
                took, asked = await _stop_after(world, 4), len(world.remote.posts()) - 1
    figures.note("SIGTERM before it got on", when=when, took_s=round(took, 2), promised_s=PROMISED_S)
    assert took < PROMISED_S
    assert asked == 0


async def _stop_after(world: World, seconds: float) -> float:
    with world.start("run") as process:
        try:
            await asyncio.sleep(seconds)
            assert process.poll() is None
            began = time.monotonic()
            process.terminate()
            _, err = await asyncio.to_thread(process.communicate, timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    return time.monotonic() - began
