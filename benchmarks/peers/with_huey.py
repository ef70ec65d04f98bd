"""Huey on SQLite: python -m benchmarks.peers.with_huey REMOTE_URL STORE_URL QUEUE_FILE CONCURRENCY"""

import time

from huey import SqliteHuey

from benchmarks.job import Task, ThreadedJob


def main(task: Task) -> None:
    """Queue every mission, and work until the queue is empty."""
    job = ThreadedJob(task)
    huey = SqliteHuey(filename=task.queue_url, fsync=True, results=False)
    left = set(job.mission_ids)

    @huey.task()
    def initialise(mission_id: str) -> None:
        job.initialise(mission_id)
        left.discard(mission_id)

    for mission_id in job.mission_ids:
        initialise(mission_id)
    consumer = huey.create_consumer(workers=task.concurrency, worker_type="thread", initial_delay=0.01, max_delay=0.1)
    consumer.start()
    while left:
        time.sleep(0.1)
    consumer.stop(graceful=True)


if __name__ == "__main__":
    main(Task.asked_for())
