"""Claiming, recording, leases and the brake: what several replicas may do to one contract."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.actions import Initialise, LookUp
from syncd.model import Asked, Facts, MissionId, Step
from syncd.ports.ledger import Amendment, CreationLimit, Outcome, Settled
from syncd.ports.reading import ContractFilter
from tests.store.bench import (
    NO_LIMIT,
    NOW,
    Bench,
    a_mission,
    bench_on,
    claim,
    column,
    missions,
    outcome,
    run,
    settle,
)

EVERYTHING = ContractFilter()
M1 = MissionId("M-001")
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(params=["postgresql"])
async def server_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(request, tmp_path) as opened:
        yield opened


async def test_l01_two_replicas_never_claim_the_same_contract(bench: Bench) -> None:
    first = await bench.prepared(*missions(60))
    second = bench.open("r2")

    claimed = await asyncio.gather(*(claim(ledger, limit=5) for ledger in (first, second) * 8))

    ids = [c.facts.mission_id for some in claimed for c in some.claims]
    assert len(ids) == len(set(ids)) == 60


async def test_an_intent_is_committed_when_claim_returns(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(1))

    claimed = await claim(ledger)

    seen = await bench.open("r2").view(M1)
    assert seen is not None
    assert isinstance(claimed.claims[0].effect, Initialise)
    assert (seen.facts.asked, seen.is_claimed) == (Asked.UNDER_WAY, True)


async def test_a_contract_that_rests_is_written_and_freed(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await ledger.amend([MissionId("A")], lambda facts: Amendment(facts=replace(facts, manual_hold="wait")), now=NOW)

    claimed = await claim(ledger)

    view = await ledger.view(MissionId("A"))
    assert (claimed.claims, claimed.settled) == ((), 1)
    assert view is not None
    assert (view.row.step, view.is_claimed, view.row.due_at) == (Step.HELD, False, None)
    assert (await claim(ledger)).settled == 0


async def test_an_outcome_is_applied_and_the_contract_freed(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(1))
    claimed = await claim(ledger)

    following = await ledger.record([outcome(claimed.claims[0])], now=NOW, settle=settle, creations=NO_LIMIT)

    view = await ledger.view(M1)
    assert following == (None,)
    assert view is not None
    assert (view.row.step, view.row.contract_id, view.is_claimed) == (Step.AWAITING_STUDENT, "C-M-001", False)
    assert [letter.event for letter in view.letters] == ["contract.initialised"]


async def test_a_recording_that_leads_on_keeps_the_lease_under_a_new_token(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(1))
    (first,) = (await claim(ledger)).claims
    unknown = Outcome(mission_id=M1, token=first.token, apply=lambda _: None)

    (second,) = await ledger.record([unknown], now=NOW, settle=settle, creations=NO_LIMIT)

    assert second is not None
    assert isinstance(second.effect, LookUp)
    assert second.token > first.token
    assert await ledger.renew({M1: second.token}, now=NOW) == {M1}
    assert await ledger.renew({M1: first.token}, now=NOW) == frozenset()


async def test_l02_a_stale_token_never_writes(bench: Bench) -> None:
    sleeper = await bench.prepared(*missions(2), lease=timedelta(milliseconds=1))
    taker = bench.open("r2")
    stale = (await claim(sleeper)).claims
    await asyncio.sleep(0.01)
    taken = (await claim(taker, now=LATER)).claims

    results = await sleeper.record([outcome(c) for c in stale], now=LATER, settle=settle, creations=NO_LIMIT)

    assert len(taken) == 1
    assert results == (None, None)
    ids = [c.facts.mission_id for c in stale]
    assert [v.facts.contract_id for i in ids if (v := await taker.view(i))] == [None, None]


async def test_q10_what_a_dead_replica_held_is_tried_one_at_a_time(bench: Bench) -> None:
    dead = await bench.prepared(*missions(3), lease=timedelta(milliseconds=1))
    await claim(dead)
    await asyncio.sleep(0.01)
    heir = bench.open("r2")
    await dead.record_rows([a_mission("fresh")], now=NOW)

    first = (await claim(heir, now=LATER)).claims
    meanwhile = await claim(heir, now=LATER)
    await heir.record([outcome(first[0])], now=LATER, settle=settle, creations=NO_LIMIT)
    second = (await claim(heir, now=LATER)).claims

    assert (len(first), len(second)) == (1, 1)
    assert isinstance(first[0].effect, LookUp)
    assert (meanwhile.claims, meanwhile.settled) == ((), 0)
    assert first[0].facts.mission_id != second[0].facts.mission_id


async def test_q10_a_contract_that_crashes_alone_three_times_is_quarantined(bench: Bench) -> None:
    await bench.prepared(*missions(1))
    for crash in range(4):  # the first crash was in company
        doomed = bench.open(f"d{crash}", lease=timedelta(milliseconds=1))
        assert len((await claim(doomed, now=NOW + timedelta(minutes=crash))).claims) == 1
        await asyncio.sleep(0.01)
    survivor = bench.open("survivor")

    claimed = await claim(survivor, now=LATER)

    view = await survivor.view(M1)
    assert (claimed.claims, claimed.settled) == ((), 1)
    assert view is not None
    assert (view.facts.quarantined, view.row.step) == (True, Step.HELD)
    assert "contract.quarantined" in [entry.event for entry in view.timeline]


async def test_a_recording_clears_the_suspicion(bench: Bench) -> None:
    doomed = await bench.prepared(*missions(1), lease=timedelta(milliseconds=1))
    await claim(doomed)
    await asyncio.sleep(0.01)
    heir = bench.open("r2")

    (suspect,) = (await claim(heir, now=LATER)).claims
    await heir.record([outcome(suspect)], now=LATER, settle=settle, creations=NO_LIMIT)

    assert await column(heir, "SELECT crashes FROM contracts") == [0]


async def test_rescue_frees_what_a_silent_replica_held(bench: Bench) -> None:
    dead = await bench.prepared(*missions(2))
    await dead.heartbeat(now=NOW)
    await claim(dead)
    if bench.is_postgres:  # the database's clock counts there
        await run(dead, "UPDATE replicas SET heartbeat_at = heartbeat_at - interval '1 minute'")
    heir = bench.open("r2")
    await heir.heartbeat(now=LATER)

    freed = await heir.rescue(now=LATER)

    assert freed == 2
    assert len((await claim(heir, now=LATER)).claims) == 1


async def test_on_sqlite_a_daemon_that_starts_is_the_only_one_and_frees_what_the_last_one_held(bench: Bench) -> None:
    last = await bench.prepared(*missions(2))
    await last.heartbeat(now=NOW)
    await claim(last)

    freed = await bench.open("r2").rescue(now=NOW)

    assert freed == (0 if bench.is_postgres else 2)


async def test_rescue_leaves_what_a_living_replica_holds(bench: Bench) -> None:
    living = await bench.prepared(*missions(2))
    await living.heartbeat(now=NOW)
    await living.rescue(now=NOW)
    await claim(living)

    freed = await (bench.open("r2") if bench.is_postgres else living).rescue(now=NOW)

    assert freed == 0


async def test_t01_t04_a_replica_whose_clock_is_wrong_takes_nothing_from_a_living_one(server_bench: Bench) -> None:
    living = await server_bench.prepared(*missions(2))
    await living.heartbeat(now=NOW)
    await claim(living)
    hasty, an_hour_ahead = server_bench.open("r2"), NOW + timedelta(hours=1)

    freed = await hasty.rescue(now=an_hour_ahead)
    claimed = await claim(hasty, now=an_hour_ahead)

    assert (freed, claimed.claims) == (0, ())


async def test_signing_off_frees_everything_and_suspects_nobody(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(2))
    await ledger.heartbeat(now=NOW)
    await claim(ledger)

    await ledger.sign_off()

    other = bench.open("r2")
    assert await other.replicas() == ()
    assert len((await claim(other, now=LATER)).claims) == 2


async def test_these_contracts_are_claimed_due_or_not(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    await claim(ledger, settle=_wait)

    nothing, these = await claim(ledger), await claim(ledger, only=[M1])

    assert nothing.claims == ()
    assert [c.facts.mission_id for c in these.claims] == [M1]


async def test_new_contracts_beyond_the_limit_trip_the_brake_and_wait(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(10))
    limit = CreationLimit(limit=4)

    first = await claim(ledger, limit=3, creations=limit)
    second = await claim(ledger, limit=7, creations=limit)

    guard = await ledger.guard("contracts")
    assert (len(first.claims), len(second.claims), second.settled) == (3, 1, 6)
    assert guard.tripped_at == NOW
    assert guard.detail is not None
    assert "4" in guard.detail


async def test_a_tripped_brake_lets_nobody_pass_until_it_is_approved(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(6), lease=timedelta(hours=1))
    limit = CreationLimit(limit=2)
    await claim(ledger, creations=limit)
    stopped = await claim(ledger, creations=limit, now=LATER)

    await ledger.approve("contracts", now=LATER)
    passed = await claim(ledger, creations=limit, now=LATER + timedelta(minutes=5))

    assert stopped.claims == ()
    assert len(passed.claims) == 2


async def test_replicas_together_do_not_overshoot_the_brake(bench: Bench) -> None:
    first = await bench.prepared(*missions(40))
    second, limit = bench.open("r2"), CreationLimit(limit=7)

    claimed = await asyncio.gather(*(claim(ledger, limit=5, creations=limit) for ledger in (first, second) * 4))

    assert sum(len(some.claims) for some in claimed) == 7


async def test_l06_a_newer_versions_words_are_left_alone(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(2))
    await run(ledger, "UPDATE contracts SET step = 'a_new_step' WHERE mission_id = 'M-001'")

    claimed = await claim(ledger)
    amended = await ledger.amend([M1], lambda facts: Amendment(facts=replace(facts, attempts=9)), now=NOW)

    assert [c.facts.mission_id for c in claimed.claims] == ["M-002"]
    assert amended == frozenset()
    assert await column(ledger, "SELECT step FROM contracts WHERE mission_id = 'M-001'") == ["a_new_step"]
    assert await ledger.count_by_step() == {Step.TO_INITIALISE: 1}
    assert [row.mission_id for row in await ledger.list_contracts(EVERYTHING)] == ["M-002"]


async def test_a_row_that_cannot_be_read_stops_nobody(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(2))
    await run(ledger, "UPDATE contracts SET mission = '{\"mission_id\": 7}' WHERE mission_id = 'M-001'")

    claimed = await claim(ledger)

    assert [c.facts.mission_id for c in claimed.claims] == ["M-002"]
    assert (await claim(ledger)).settled == 0
    assert await column(ledger, "SELECT lease_owner FROM contracts WHERE mission_id = 'M-001'") == [None]


async def test_what_was_amended_meanwhile_is_there_when_the_holder_records(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(1))
    claims = (await claim(ledger)).claims

    await bench.open("cli").amend([M1], _hold, now=NOW)
    await ledger.record([outcome(claims[0])], now=NOW, settle=settle, creations=NO_LIMIT)

    view = await ledger.view(M1)
    assert view is not None
    assert (view.facts.manual_hold, view.facts.contract_id) == ("by hand", "C-M-001")
    assert view.row.step is Step.HELD


def _hold(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, manual_hold="by hand"))


def _wait(facts: Facts, *, may_create: bool) -> Settled:
    return settle(facts, may_create=False)


def _wait_until_now(facts: Facts, *, may_create: bool) -> Settled:
    return replace(settle(facts, may_create=False), due_at=NOW)
