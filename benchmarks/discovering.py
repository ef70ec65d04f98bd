"""Discovers a mission store into an empty ledger: python -m benchmarks.discovering STORE_URL LEDGER_URL"""

import asyncio
import sys
from datetime import timedelta

from syncd.adapters.missions.sql import SqlMissionStore
from syncd.clock import SystemClock
from syncd.jobs.discover import discover
from syncd.store import open_ledger


async def main(store_url: str, ledger_url: str) -> None:
    """Read every mission, page by page, as the daemon does."""
    clock = SystemClock()
    ledger = open_ledger(
        ledger_url, replica="bench", version="1", lease=timedelta(minutes=1), message_domain="example.org", clock=clock
    )
    await ledger.migrate()
    missions = SqlMissionStore(store_url)
    await discover(missions, ledger, clock)
    await missions.aclose()
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
