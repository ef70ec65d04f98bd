"""A process that stops itself in the middle of a transaction of the ledger.

    python -m tests.faults.replicas.frozen URL PATIENCE_S DEADLINE_S [batch]

It holds the brake's row, which every creation needs. Either it was about to send its next statement, or it is between
two statements of a batch: the server awaits the next one without counting itself idle.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta

import psycopg
from sqlalchemy import text

from syncd.clock import SystemClock
from syncd.store.engine import Database, Transaction
from syncd.store.patience import Limits


async def freeze(url: str, limits: Limits, *, is_in_batch: bool) -> None:
    """Take the row, and go no further."""

    async def work(tx: Transaction) -> None:
        await tx.connection.execute(text("UPDATE guards SET detail = 'held' WHERE name = 'contracts'"))
        if is_in_batch:
            driver = (await tx.connection.get_raw_connection()).driver_connection
            assert isinstance(driver, psycopg.AsyncConnection)
            driver.pgconn.enter_pipeline_mode()
            driver.pgconn.send_query_params(b"SELECT 1", None)
            driver.pgconn.send_flush_request()
            driver.pgconn.flush()
        os.kill(os.getpid(), signal.SIGSTOP)

    await Database(url, clock=SystemClock(), sqlite_wal=None, limits=limits).write(work)


if __name__ == "__main__":
    its_url, patience_s, deadline_s, *ways = sys.argv[1:]
    its_limits = Limits(patience=timedelta(seconds=float(patience_s)), deadline=timedelta(seconds=float(deadline_s)))
    asyncio.run(freeze(its_url, its_limits, is_in_batch=bool(ways)))
