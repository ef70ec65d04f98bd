"""Other engines at the same durable job: one request to CACTUS per mission, with the same client.

Each is written as its own documentation recommends for a durable job at this concurrency. All jobs are queued before
the clock starts; it runs from the first request that CACTUS sees to the last. What each keeps when a worker is killed:

| engine | kept in | a job whose worker was killed |
| --- | --- | --- |
| DBOS | PostgreSQL, every step checkpointed | runs again when its executor is started again |
| Procrastinate | PostgreSQL | stays "doing" until somebody retries stalled jobs |
| PgQueuer | PostgreSQL | taken again after its heartbeat has lapsed |
| Celery | Redis, appended to its log at every write, acknowledged late | delivered again after the visibility timeout |
| Huey | SQLite | lost: it was taken out of the queue |

They are installed into an environment of their own, by `make bench` alone.
"""
