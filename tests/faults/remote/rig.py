"""The jobs of one process or more on a real ledger, with the real HTTP adapter, before a remote on a real socket.

The clock is the test's: a minute passes when it says so. Only a request's total deadline is counted in real seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from syncd.adapters.cactus.auth import Authentication, NoAuthentication
from syncd.adapters.cactus.http import HttpCactus
from syncd.jobs.keep import keep_house
from syncd.jobs.once import ask_feed
from syncd.model import Capabilities, Patience, Policy, Step
from tests.faults.remote.counter import HONEST, Decide, Desk, open_counter
from tests.faults.remote.registry import Registry
from tests.jobs.workshop import POLICY, Workshop, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW

PROCESSING_TIME = POLICY.patience.processing_time
KINDS = {True: "keys", False: "no keys"}
SOON_OVER, PATIENT = timedelta(milliseconds=400), timedelta(seconds=10)
"""Total deadlines: where the remote is silent on purpose, and where only a busy machine could be late."""
A_MOMENT, AN_HOUR = timedelta(milliseconds=100), timedelta(hours=1)


class PromptClock(FixedClock):
    """Makes nobody wait: who sleeps wakes at once, and no time has passed."""

    async def sleep(self, duration: timedelta) -> None:
        """Let others have their turn."""
        self.slept.append(duration)
        await asyncio.sleep(0)


@dataclass(slots=True, kw_only=True)
class Rig:
    """A remote, and the replicas that work with it."""

    clock: PromptClock
    registry: Registry
    desk: Desk
    replicas: list[Workshop]

    @property
    def first(self) -> Workshop:
        """The only replica, or one of them."""
        return self.replicas[0]

    async def discover(self, *numbers: int) -> None:
        """Let the ledger know missions."""
        await self.first.discover(*(numbered(number) for number in numbers))

    async def work(self) -> None:
        """Let every replica do what is due, all at once."""
        await asyncio.gather(*(one.works.advancer.drain() for one in self.replicas))

    async def live(
        self, duration: timedelta, *, feed: bool = False, shortest: timedelta = A_MOMENT, longest: timedelta = AN_HOUR
    ) -> None:
        """Let time pass, from one moment at which something is due to the next, in steps between these two."""
        end = self.clock.now() + duration
        while (now := self.clock.now()) < end:
            due = await self.first.ledger.next_due_at() or end
            self.clock.advance(min(max(due, now + shortest), now + longest, end) - now)
            for one in self.replicas:
                await keep_house(one.works)
                if feed:
                    await ask_feed(one.works)
            await self.work()

    async def are_initialised(self, count: int) -> bool:
        """Whether so many contracts, and no others, wait for their students."""
        return await self.first.ledger.count_by_step() == {Step.AWAITING_STUDENT: count}


@asynccontextmanager
async def open_rig(
    folder: Path,
    decide: Decide = lambda _request, _nth: HONEST,
    *,
    honours_keys: bool = True,
    url: str | None = None,
    replicas: int = 1,
    concurrency: int = 8,
    patience: Patience = POLICY.patience,
    authentication: Authentication | None = None,
    takes_s: float = 0.0,
    deadline: timedelta = PATIENT,
) -> AsyncIterator[Rig]:
    """Open a remote and so many replicas on one ledger (`url`: where, when not on SQLite)."""
    clock = PromptClock(NOW, throws=[number / 17 for number in range(17)])
    registry = Registry(clock.monotonic, honours_keys=honours_keys)
    policy = replace(POLICY, capabilities=Capabilities(idempotency_keys=honours_keys), patience=patience)
    async with open_counter(registry, decide, takes_s=takes_s) as desk, AsyncExitStack() as stack:
        opened = []
        for number in range(replicas):
            cactus = await stack.enter_async_context(
                _adapter(desk.url, clock, policy, concurrency, authentication or NoAuthentication(), deadline)
            )
            shop = open_workshop(
                url or folder, folder, replica=f"r{number}", clock=clock, cactus=cactus, policy=policy,
                concurrency=concurrency,
            )  # fmt: skip
            opened.append(await stack.enter_async_context(shop))
        yield Rig(clock=clock, registry=registry, desk=desk, replicas=opened)


@asynccontextmanager
async def _adapter(
    url: str, clock: FixedClock, policy: Policy, concurrency: int, authentication: Authentication, deadline: timedelta
) -> AsyncIterator[HttpCactus]:
    cactus = HttpCactus(
        base_url=url, authentication=authentication, timeout=deadline, concurrency=concurrency, clock=clock,
        capabilities=policy.capabilities,
    )  # fmt: skip
    try:
        yield cactus
    finally:
        await cactus.aclose()
