"""Celery on Redis: python -m benchmarks.peers.with_celery REMOTE_URL STORE_URL REDIS_URL CONCURRENCY"""

import threading
import time

from celery import Celery

from benchmarks.job import Task, ThreadedJob


def main(task: Task) -> None:
    """Queue every mission, and work until all are done; acknowledged late, so that a killed worker's come again."""
    job = ThreadedJob(task)
    app = Celery("peers", broker=task.queue_url)
    app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, task_ignore_result=True)
    left = set(job.mission_ids)

    @app.task(name="initialise")
    def initialise(mission_id: str) -> None:
        job.initialise(mission_id)
        left.discard(mission_id)

    for mission_id in job.mission_ids:
        initialise.delay(mission_id)
    worker = app.Worker(pool="threads", concurrency=task.concurrency, loglevel="ERROR", without_gossip=True,
                        without_mingle=True, without_heartbeat=True)  # fmt: skip
    threading.Thread(target=worker.start, daemon=True).start()
    while left:
        time.sleep(0.1)
    worker.stop()


if __name__ == "__main__":
    main(Task.asked_for())
