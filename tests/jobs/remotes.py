"""Remotes with a character: a CACTUS in memory that hangs, applies late, stumbles or is watched."""

import asyncio
from collections.abc import Callable

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import OutcomeUnknown
from syncd.model import Mission, MissionId, RemoteContract


class WatchedCactus(MockCactus):
    """Counts how many initialisations are under way at once, each of which takes a few turns of the loop."""

    under_way = 0
    most = 0
    asked: list[MissionId]
    refuse_all: Callable[[], Exception] | None = None
    spared: MissionId | None = None
    """Is never refused."""

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract, slowly, unless all are refused."""
        self.asked = [*getattr(self, "asked", []), mission.mission_id]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(5):
                await asyncio.sleep(0)
            if self.refuse_all is not None and mission.mission_id != self.spared:
                raise self.refuse_all()
            return await super().initialise(mission, key=key)
        finally:
            self.under_way -= 1


class HangingCactus(MockCactus):
    """Does not answer for some missions until it is let go; `applies_first`: it has done the work by then."""

    def hang_on(self, *missions: MissionId, applies_first: bool = False) -> None:
        """Hang at these missions."""
        self.hanging = frozenset(missions)
        self.applies_first = applies_first
        self.arrived, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract, now or when the test says so."""
        if mission.mission_id not in self.hanging:
            return await super().initialise(mission, key=key)
        done = await super().initialise(mission, key=key) if self.applies_first else None
        self.arrived.set()
        await self.may_go_on.wait()
        return done or await super().initialise(mission, key=key)


class LateCactus(MockCactus):
    """Answers nothing to the first request and applies it only when the test says so."""

    late: tuple[Mission, str] | None = None
    is_first = True

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Keep the first request for later."""
        if not self.is_first:
            return await super().initialise(mission, key=key)
        self.is_first, self.late = False, (mission, key)
        self.initialisations += 1
        raise OutcomeUnknown("no answer in time")

    def apply_at_last(self) -> None:
        """Do what was asked."""
        assert self.late is not None
        self._create(*self.late)


class StumblingCactus(MockCactus):
    """Meets a mistake of ours at one mission."""

    stumbles_at: MissionId | None = None

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract, but for one."""
        if mission.mission_id == self.stumbles_at:
            raise ZeroDivisionError("a secret in a text")
        return await super().initialise(mission, key=key)
