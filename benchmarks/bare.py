"""The same client with no durability: initialise every mission of a store, and remember nothing.

python -m benchmarks.bare REMOTE_URL STORE_URL CONCURRENCY
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from syncd.adapters.cactus.auth import NoAuthentication
from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.missions.sql import SqlMissionStore
from syncd.clock import SystemClock
from syncd.model import Mission


async def main(remote_url: str, store_url: str, concurrency: int) -> None:
    """Ask for one contract after another, so many at once."""
    cactus = HttpCactus(
        base_url=remote_url, authentication=NoAuthentication(), timeout=timedelta(seconds=30), concurrency=concurrency,
        clock=SystemClock(),
    )  # fmt: skip
    missions = iter([mission async for mission in _all(store_url)])
    await asyncio.gather(*(_work(cactus, missions) for _ in range(concurrency)))
    await cactus.aclose()


async def _all(store_url: str) -> AsyncIterator[Mission]:
    store, after = SqlMissionStore(store_url), None
    while page := await store.page(after, limit=500):
        for mission in page:
            yield mission
        after = page[-1].mission_id
    await store.aclose()


async def _work(cactus: HttpCactus, missions: Iterator[Mission]) -> None:
    for mission in missions:
        await cactus.initialise(mission, key=mission.mission_id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
