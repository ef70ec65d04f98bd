"""Procrastinate: python -m benchmarks.peers.with_procrastinate REMOTE_URL STORE_URL QUEUE_URL CONCURRENCY"""

import asyncio

import procrastinate

from benchmarks.job import Job, Task


async def main(task: Task) -> None:
    """Queue every mission, and work until the queue is empty."""
    job = await Job.of(task)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=task.queue_url, max_size=20))

    @app.task(name="initialise")
    async def initialise(mission_id: str) -> None:
        await job.initialise(mission_id)

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await initialise.batch_defer_async(*({"mission_id": mission_id} for mission_id in job.missions))
        await app.run_worker_async(concurrency=task.concurrency, wait=False, install_signal_handlers=False)
    await job.aclose()


if __name__ == "__main__":
    asyncio.run(main(Task.asked_for()))
