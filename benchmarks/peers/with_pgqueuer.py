"""PgQueuer: python -m benchmarks.peers.with_pgqueuer REMOTE_URL STORE_URL QUEUE_URL CONCURRENCY"""

import asyncio

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job as Queued
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from benchmarks.job import Job, Task


async def main(task: Task) -> None:
    """Queue every mission, and work until the queue is empty."""
    job = await Job.of(task)
    async with await psycopg.AsyncConnection.connect(task.queue_url, autocommit=True) as connection:
        driver = PsycopgDriver(connection)
        queries, engine = Queries(driver), PgQueuer(driver)
        await queries.install()

        @engine.entrypoint("initialise")
        async def initialise(queued: Queued) -> None:
            assert queued.payload is not None
            await job.initialise(queued.payload.decode())

        ids = list(job.missions)
        await queries.enqueue(["initialise"] * len(ids), [i.encode() for i in ids], [0] * len(ids))
        # No bound on tasks: where it is reached, the next batch is asked for after a rest. The client's connections are
        # the bound, as for everybody here.
        await engine.run(batch_size=task.concurrency, mode=QueueExecutionMode.drain)
    await job.aclose()


if __name__ == "__main__":
    asyncio.run(main(Task.asked_for()))
