"""The same client with no durability: initialise every mission of a store, and remember nothing.

python -m benchmarks.bare REMOTE_URL STORE_URL CONCURRENCY
"""

import asyncio
import sys
from collections.abc import Iterator

from benchmarks.job import Job


async def main(remote_url: str, store_url: str, concurrency: int) -> None:
    """Ask for one contract after another, so many at once."""
    job = await Job.open(remote_url, store_url, concurrency)
    mission_ids = iter(job.missions)
    await asyncio.gather(*(_work(job, mission_ids) for _ in range(concurrency)))
    await job.aclose()


async def _work(job: Job, mission_ids: Iterator[str]) -> None:
    for mission_id in mission_ids:
        await job.initialise(mission_id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
