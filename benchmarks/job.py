"""The job that every side of a comparison does: ask CACTUS for the contract of one mission."""

import asyncio
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from syncd.adapters.cactus.auth import NoAuthentication
from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.missions.sql import SqlMissionStore
from syncd.clock import SystemClock
from syncd.model import Mission, MissionId


@dataclass(frozen=True, slots=True)
class Task:
    """What an engine is started with."""

    remote_url: str
    store_url: str
    queue_url: str
    concurrency: int

    @classmethod
    def asked_for(cls) -> "Task":
        """Read the command line: REMOTE_URL STORE_URL QUEUE_URL CONCURRENCY."""
        remote_url, store_url, queue_url, concurrency = sys.argv[1:]
        return cls(remote_url, store_url, queue_url, int(concurrency))


class Job:
    """Initialises missions; made inside the event loop that it is used in."""

    def __init__(self, remote_url: str, missions: Mapping[str, Mission], concurrency: int) -> None:
        self.missions = missions
        self.cactus = HttpCactus(
            base_url=remote_url, authentication=NoAuthentication(), timeout=timedelta(seconds=30),
            concurrency=concurrency, clock=SystemClock(),
        )  # fmt: skip

    @classmethod
    async def open(cls, remote_url: str, store_url: str, concurrency: int) -> "Job":
        """Read every mission, so that nobody pays for the store."""
        store, after = SqlMissionStore(store_url), None
        missions: dict[str, Mission] = {}
        while page := await store.page(after, limit=500):
            missions |= {mission.mission_id: mission for mission in page}
            after = page[-1].mission_id
        await store.aclose()
        return cls(remote_url, missions, concurrency)

    @classmethod
    async def of(cls, task: Task) -> "Job":
        """Open the job that an engine was started with."""
        return await cls.open(task.remote_url, task.store_url, task.concurrency)

    async def initialise(self, mission_id: str) -> str:
        """Ask for one contract, under the mission's own key, and return its number."""
        contract = await self.cactus.initialise(self.missions[MissionId(mission_id)], key=mission_id)
        return contract.contract_id

    async def aclose(self) -> None:
        """Close every connection."""
        await self.cactus.aclose()


class ThreadedJob:
    """The same for engines whose workers are threads: they share one client on an event loop of its own."""

    def __init__(self, task: Task) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._job = asyncio.run_coroutine_threadsafe(Job.of(task), self._loop).result()
        self.mission_ids = tuple(self._job.missions)

    def initialise(self, mission_id: str) -> str:
        """Ask for one contract and wait for its number."""
        return asyncio.run_coroutine_threadsafe(self._job.initialise(mission_id), self._loop).result()
