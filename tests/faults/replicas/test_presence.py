"""A replica's sign of life: what the others see of it, and what they make of it."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from syncd.model import Asked, MissionId
from syncd.ports.presence import Standing
from syncd.store import SqlLedger, open_ledger
from tests.faults.replicas.pooler import serve_pooler
from tests.faults.replicas.street import A_LEASE, LONG_ENOUGH, Street, a_street
from tests.store.bench import NO_LIMIT, NOW, claim, column, missions, outcome, run, settle
from tests.support.postgres import PostgresServer

M1 = MissionId("M-001")


@pytest.fixture
async def street(postgres_url: str) -> AsyncIterator[Street]:
    """A street whose database is prepared."""
    async with a_street(postgres_url) as opened:
        await opened.move_in("first", 0.1).ledger.migrate()
        yield opened


async def test_l02_who_is_missing_twice_has_departed_and_what_it_held_is_free(street: Street) -> None:
    living, dead, third = street.first, street.move_in("dead", 0.2), street.move_in("third", 0.3)
    await living.ledger.record_rows(missions(3), now=NOW)
    for neighbour in (living, dead, third):
        await neighbour.show()
    await claim(third.ledger, limit=1)
    held = await claim(dead.ledger)
    await living.presence.look()

    street.bury(dead)
    first, second = await living.presence.look(), await living.presence.look()
    freed = await living.ledger.rescue(now=NOW)
    afterwards = await living.presence.look()

    assert [first.has_departed, second.has_departed, afterwards.has_departed] == [False, True, False]
    assert freed == len(held.claims) == 2
    assert street.locks()["dead"] is None
    assert await column(living.ledger, "SELECT count(*) FROM contracts WHERE lease_owner = 'third'") == [1]


async def test_l02_a_look_tells_whether_there_is_company(street: Street) -> None:
    before = await street.first.presence.look()
    await street.move_in("second", 0.2).show()

    assert (before.has_company, (await street.first.presence.look()).has_company) == (False, True)


async def test_l02_a_replica_that_is_only_slow_is_not_taken_for_dead(street: Street) -> None:
    living, slow = street.first, street.move_in("slow", 0.2)
    await living.ledger.record_rows(missions(2), now=NOW)
    await living.show()
    await slow.show()
    await claim(slow.ledger)

    seen = [await living.presence.look() for _ in range(20)]

    assert not any(sight.has_departed for sight in seen)
    assert await living.ledger.rescue(now=NOW) == 0


async def test_l02_who_lives_but_is_taken_for_dead_writes_nothing_and_is_seen_again(street: Street) -> None:
    heir, living = street.first, street.move_in("living", 0.2, 0.3)
    await heir.ledger.record_rows(missions(1), now=NOW)
    await heir.show()
    await living.show()
    (late,) = (await claim(living.ledger)).claims
    street.bury(living)

    for _ in range(2):
        await heir.presence.look()
    await heir.ledger.rescue(now=NOW)
    (taken,) = (await claim(heir.ledger)).claims
    refused = await living.ledger.record([outcome(late)], now=NOW, settle=settle, creations=NO_LIMIT)
    kept = await living.ledger.renew({M1: late.token}, now=NOW)
    lost = await living.presence.look()
    await living.ledger.heartbeat(now=NOW)
    while_lost = street.locks()
    again = await living.presence.look()
    await living.ledger.heartbeat(now=NOW)

    assert refused == (None,)
    assert kept == frozenset()
    view = await heir.ledger.view(M1)
    assert view is not None
    assert view.facts.asked is Asked.UNKNOWN  # the heir looks it up, it does not ask twice
    assert view.is_claimed
    assert taken.token == late.token + 1
    assert [(sight.standing, sight.is_news) for sight in (lost, again)] == [
        (Standing.LOST, True), (Standing.SHOWN, True),
    ]  # fmt: skip
    assert while_lost["living"] is None
    assert street.locks()["living"] == living.presence.lock_number is not None


async def test_l02_who_shows_itself_again_before_the_rescue_keeps_what_it_holds(street: Street) -> None:
    heir, living = street.first, street.move_in("living", 0.2, 0.3)
    await heir.ledger.record_rows(missions(2), now=NOW)
    for neighbour in (heir, living):
        await neighbour.show()
    await claim(living.ledger)
    street.bury(living)
    seen = [await heir.presence.look() for _ in range(2)]

    for _ in range(2):  # lost, and made anew
        await living.presence.look()
    await living.ledger.heartbeat(now=NOW)

    assert seen[-1].has_departed
    assert await heir.ledger.rescue(now=NOW) == 0
    assert not (await heir.presence.look()).has_departed


async def test_l02_who_has_just_come_back_judges_nobody(street: Street) -> None:
    early, late = street.first, street.move_in("late", 0.2)
    await late.show()
    street.bury(late)

    await early.presence.look()
    too_early = [await early.presence.look() for _ in range(3)]
    early.clock.advance(LONG_ENOUGH)

    assert not any(sight.has_departed for sight in too_early)
    assert (await early.presence.look()).has_departed


async def test_l02_a_rescue_does_not_wait_for_what_somebody_is_just_writing_and_comes_back_for_it(
    street: Street,
) -> None:
    heir, dead = street.first, street.move_in("dead", 0.2)
    await heir.ledger.record_rows(missions(3), now=NOW)
    for neighbour in (heir, dead):
        await neighbour.show()
    await claim(dead.ledger)
    street.bury(dead)
    for _ in range(2):
        await heir.presence.look()

    with psycopg.connect(street.url) as writing:
        writing.execute("SELECT FROM contracts WHERE mission_id = 'M-001' FOR UPDATE")
        first = await asyncio.wait_for(heir.ledger.rescue(now=NOW), 2)
        taken = await asyncio.wait_for(claim(heir.ledger), 2)
    still_departed = (await heir.presence.look()).has_departed
    second = await heir.ledger.rescue(now=NOW)

    assert (first, still_departed, second) == (2, True, 1)
    assert len(taken.claims) == 1  # what a dead replica held is tried one at a time
    assert street.locks()["dead"] is None


async def test_l02_a_death_that_two_see_is_rescued_from_once(street: Street) -> None:
    one, other, dead = street.first, street.move_in("other", 0.2), street.move_in("dead", 0.3)
    await one.ledger.record_rows(missions(5), now=NOW)
    for neighbour in (one, other, dead):
        await neighbour.show()
    await claim(dead.ledger)
    street.bury(dead)
    for neighbour in (one, other) * 2:
        await neighbour.presence.look()

    freed = await asyncio.gather(*(neighbour.ledger.rescue(now=NOW) for neighbour in (one, other)))

    assert sorted(freed) == [0, 5]


async def test_two_replicas_that_throw_the_same_number_show_different_locks(street: Street) -> None:
    one, other = street.first, street.move_in("other", 0.1, 0.4)

    await one.show()
    await other.show()

    assert None not in {one.presence.lock_number, other.presence.lock_number}
    assert one.presence.lock_number != other.presence.lock_number


async def test_l06_a_replica_of_an_older_version_is_judged_by_its_heartbeat_alone(street: Street) -> None:
    new = street.first
    await new.ledger.record_rows(missions(2), now=NOW)
    await new.show()
    old = open_ledger(
        street.url, replica="old", version="0", lease=A_LEASE, message_domain="example.org", clock=new.clock
    )
    try:
        await claim(old)
        await _beat_as_before_presence(new.ledger)
        seen = [await new.presence.look() for _ in range(3)]
        early = await new.ledger.rescue(now=NOW)
        await run(new.ledger, "UPDATE replicas SET heartbeat_at = heartbeat_at - interval '16 seconds'")
        late = await new.ledger.rescue(now=NOW)
        await _beat_as_before_presence(new.ledger)  # it goes on with the schema that a newer one has extended
    finally:
        await old.aclose()

    assert not any(sight.has_departed for sight in seen)
    assert (early, late) == (0, 2)
    assert {row.replica for row in await new.ledger.replicas()} == {"first", "old"}


async def _beat_as_before_presence(ledger: SqlLedger) -> None:
    await run(
        ledger,
        "INSERT INTO replicas (replica, host, pid, version, started_at, heartbeat_at) "
        "VALUES ('old', 'host', 1, '0', clock_timestamp(), clock_timestamp()) "
        "ON CONFLICT (replica) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
    )


@pytest.mark.parametrize("sessions", [1, 3], ids=["all share a session", "each look may have another session"])
async def test_b10_behind_a_pooler_presence_is_given_up_and_nobody_is_taken_for_dead(
    postgres: PostgresServer, street: Street, sessions: int
) -> None:
    direct = street.first
    await direct.show()
    with serve_pooler(postgres, street.url, size=sessions) as url:
        pooled = [street.move_in("pooled 1", 0.2, url=url), street.move_in("pooled 2", 0.3, url=url)]
        await direct.ledger.record_rows(missions(2), now=NOW)
        for neighbour in pooled:
            await neighbour.show()
            await claim(neighbour.ledger, limit=1)

        seen = []
        for _ in range(4):
            for neighbour in pooled:
                seen.append(await neighbour.presence.look())
                await neighbour.ledger.heartbeat(now=NOW)
            await direct.presence.look()

    assert [sight.standing for sight in seen[-2:]] == [Standing.GIVEN_UP] * 2
    assert {name: lock is None for name, lock in street.locks().items()} == {
        "first": False, "pooled 1": True, "pooled 2": True,
    }  # fmt: skip
    assert await direct.ledger.rescue(now=NOW) == 0
