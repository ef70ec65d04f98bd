"""Leases: kept while one can, believed no longer than they surely last, and nobody else's until then."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from syncd.errors import Transient
from syncd.jobs.keep import look_around
from syncd.model import MissionId, Step
from syncd.ports.ledger import Amendment
from syncd.ports.presence import Sight, Standing
from syncd.store import SqlLedger
from tests.faults.replicas.site import open_site, wait_for
from tests.jobs.remotes import HangingCactus
from tests.jobs.workshop import LEASE, Workshop, id_of, numbered, open_workshop
from tests.store.bench import NOW, Bench, claim, column, link_all, missions, run
from tests.support.clock import FixedClock
from tests.support.postgres import PostgresServer
from tests.world.remote import Answer, Request

A_LEASE = timedelta(minutes=1)


class LedgerThatRenewsNothing:
    """Passes everything on, but no renewal."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def renew(self, *_: object, **__: object) -> frozenset[MissionId]:
        """Fail."""
        raise Transient("the ledger is away", is_general=True)


async def test_l03_who_cannot_renew_its_lease_begins_nothing_after_three_quarters_of_it(
    postgres_url: str, tmp_path: Path
) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    with capture_logs() as lines:
        async with open_workshop(
            postgres_url, tmp_path, clock=clock, cactus=cactus, concurrency=1, wrap=LedgerThatRenewsNothing
        ) as workshop:
            await workshop.discover(numbered(1), numbered(2))
            working = asyncio.create_task(workshop.works.advancer.drain())
            await cactus.arrived.wait()
            clock.advance(LEASE * 3 / 4)
            cactus.may_go_on.set()
            await asyncio.wait_for(working, 10)

            assert cactus.initialisations == 1  # the one that was under way
            assert [line["mission_id"] for line in lines if line["event"] == "contract.unrecorded"] == [id_of(2)]
            assert await workshop.step(1) is Step.AWAITING_STUDENT
            assert (await workshop.view(2)).is_claimed  # until its lease is over


async def test_l03_who_was_taken_for_dead_asks_whose_a_contract_is_before_it_begins(
    postgres_url: str, tmp_path: Path
) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    async with open_workshop(postgres_url, tmp_path, clock=clock, cactus=cactus, concurrency=1) as workshop:
        await workshop.discover(numbered(1), numbered(2), numbered(3))
        working = asyncio.create_task(workshop.works.advancer.drain())
        await cactus.arrived.wait()
        (in_hand,) = await _claimed(workshop) - {id_of(1)}
        await run(workshop.ledger, "UPDATE contracts SET lease_owner = 'heir' WHERE lease_owner IS NOT NULL")
        await run(workshop.ledger, "UPDATE contracts SET lease_owner = 'r1' WHERE mission_id = 'FVMA-2025-0001'")
        workshop.works.advancer.doubt_leases()
        cactus.may_go_on.set()
        await asyncio.wait_for(working, 10)

        assert cactus.initialisations == 2  # not the heir's
        assert await _claimed(workshop) == {in_hand}


class PresenceAsTold:
    """Sees what the test says."""

    def __init__(self, *sights: Sight) -> None:
        self._sights = iter(sights)

    async def look(self) -> Sight:
        """Return the next sight."""
        return next(self._sights)

    async def aclose(self) -> None:
        """Leave."""


async def test_l03_who_is_not_seen_any_more_doubts_its_leases_and_says_so_in_the_registry(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = HangingCactus(clock)
    cactus.hang_on(id_of(1))
    told = PresenceAsTold(
        Sight(standing=Standing.SHOWN, is_news=True),
        Sight(standing=Standing.SHOWN, is_news=False),
        Sight(standing=Standing.LOST, is_news=True, error="OperationalError 57P01"),
        Sight(standing=Standing.GIVEN_UP, is_news=True),
    )
    with capture_logs() as lines:
        async with open_workshop(
            tmp_path, tmp_path, clock=clock, cactus=cactus, concurrency=1, wrap=LedgerThatRenewsNothing
        ) as workshop:
            works = replace(workshop.works, presence=told)
            await workshop.discover(numbered(1), numbered(2))
            working = asyncio.create_task(works.advancer.drain())
            await cactus.arrived.wait()
            for _ in range(4):
                clock.advance(timedelta(seconds=1))
                await look_around(works)
            cactus.may_go_on.set()
            await asyncio.wait_for(working, 10)

            assert cactus.initialisations == 1  # the second was only claimed, and nobody could say whether it still is
            assert [line["event"] for line in lines if line["event"].startswith("presence.")] == [
                "presence.shown", "presence.lost", "presence.given_up",
            ]  # fmt: skip
            assert [row.heartbeat_at for row in await workshop.ledger.replicas()] == [clock.now()]


async def test_l02_whoever_sees_a_departure_rescues_and_wakes_the_worker_at_once(tmp_path: Path) -> None:
    told = PresenceAsTold(Sight(standing=Standing.SHOWN, is_news=False, has_departed=True))
    with capture_logs() as lines:
        async with open_workshop(tmp_path, tmp_path) as workshop:
            works = replace(workshop.works, presence=told)
            await workshop.discover(numbered(1))
            await claim(workshop.ledger)

            await look_around(works)

            assert [(line["event"], line["count"]) for line in lines if line["event"] == "replica.rescued"] == [
                ("replica.rescued", 1)
            ]
            assert works.advancer.wake.is_set()


async def test_who_is_alone_looks_around_less_often_than_who_has_company(tmp_path: Path) -> None:
    told = PresenceAsTold(
        Sight(standing=Standing.SHOWN, is_news=False),
        Sight(standing=Standing.SHOWN, is_news=False, has_company=True),
        Sight(standing=Standing.LOST, is_news=False),
    )
    async with open_workshop(tmp_path, tmp_path) as workshop:
        works = replace(workshop.works, presence=told)

        alone, in_company, unseen = [await look_around(works) for _ in range(3)]

        assert alone <= timedelta(seconds=1)
        assert in_company == unseen < alone


async def _claimed(workshop: Workshop) -> set[object]:
    return set(await column(workshop.ledger, "SELECT mission_id FROM contracts WHERE lease_owner IS NOT NULL"))


def test_l05_a_resync_of_a_contract_that_is_being_worked_on_starts_nothing_twice(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    arrived, may_answer = threading.Event(), threading.Event()

    def trap(request: Request, honest: Callable[[], Answer]) -> Answer:
        if request.method == "POST":
            arrived.set()
            may_answer.wait(60)
        return honest()

    with open_site(postgres, tmp_path) as site:
        site.remote.trap = trap
        site.discover(1)
        (replica,) = site.start_all(1)
        assert arrived.wait(30)
        admin = site.admin()

        resynced = admin.syncd("resync", "FVMA-2025-0001", "--reason", "essai")
        cancelled = admin.syncd("cancel", "FVMA-2025-0001", "--reason", "essai")
        resumed = admin.syncd("release", "FVMA-2025-0001")
        time.sleep(1.2)  # the service looks for work every second
        while_it_works = len(site.remote.posts())
        may_answer.set()
        wait_for(lambda: site.missions_of(replica) == set(), within_s=30)

        assert (resynced.code, cancelled.code) == (0, 75)
        assert resumed.code in (0, 1)
        assert while_it_works == 1
        assert len([r for r in site.remote.posts() if r.path == "/contracts"]) == site.remote.creations() == 1
        assert site.stale_writes() == []
        assert replica.end() == 0


async def test_l06_what_an_unknown_newer_version_held_is_freed_and_not_rewritten(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    newer = bench.open("newer")
    await claim(newer)
    await newer.heartbeat(now=NOW)
    await run(ledger, "UPDATE contracts SET step = 'a_new_step', asked = 'in_a_new_way' WHERE mission_id = 'M-001'")
    await run(ledger, "UPDATE replicas SET heartbeat_at = heartbeat_at - interval '1 minute'")
    known = "SELECT row_to_json(c)::jsonb - '{due_at,lane,lease_owner,lease_until}'::text[] FROM contracts c"
    before = await column(ledger, f"{known} WHERE mission_id = 'M-001'")

    freed = await ledger.rescue(now=NOW)
    claimed = [await claim(ledger) for _ in range(3)]
    await link_all(ledger)
    amended = await ledger.amend(
        [MissionId("M-001")], lambda facts: Amendment(facts=replace(facts, attempts=9)), now=NOW
    )

    assert freed == 3
    assert sum(len(some.claims) for some in claimed) >= 1
    assert amended == frozenset()
    assert await column(ledger, f"{known} WHERE mission_id = 'M-001'") == before
    assert await column(ledger, "SELECT lease_owner FROM contracts WHERE mission_id = 'M-001'") == [None]
