"""DBOS: python -m benchmarks.peers.with_dbos REMOTE_URL STORE_URL QUEUE_URL CONCURRENCY"""

import asyncio

from dbos import DBOS

from benchmarks.job import Job, Task


async def main(task: Task) -> None:
    """Queue every mission as a workflow of one step, and wait for all of them."""
    job = await Job.of(task)

    @DBOS.step()
    async def ask(mission_id: str) -> str:
        return await job.initialise(mission_id)

    @DBOS.workflow()
    async def initialise(mission_id: str) -> str:
        return await ask(mission_id)

    DBOS(
        config={"name": "peers", "system_database_url": task.queue_url, "run_admin_server": False, "log_level": "ERROR"}
    )
    DBOS.launch()
    queue = await DBOS.register_queue_async(
        "initialise", worker_concurrency=task.concurrency, polling_interval_sec=0.05
    )
    handles = [await queue.enqueue_async(initialise, mission_id) for mission_id in job.missions]
    for handle in handles:
        await handle.get_result(polling_interval_sec=0.5)
    DBOS.destroy()
    await job.aclose()


if __name__ == "__main__":
    asyncio.run(main(Task.asked_for()))
