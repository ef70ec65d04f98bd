"""Who is claimed first: the urgent, then the oldest and the newest in equal parts, and the failing on the side."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from syncd.model import Facts
from syncd.ports.ledger import Amendment, Claimed, Outcome, Settled
from syncd.store import SqlLedger
from tests.store.bench import NO_LIMIT, NOW, Bench, a_mission, claim, outcome, settle, settled

LATER = NOW + timedelta(minutes=5)


async def test_the_urgent_are_claimed_first_then_the_longest_due(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B", programme="urgent"))
    await claim(ledger, settle=_wait)
    await ledger.record_rows([a_mission("C")], now=NOW - timedelta(hours=1))

    order = [name for _ in range(3) for name in names(await claim(ledger, limit=1))]

    assert order == ["B", "C", "A"]


async def test_the_urgent_leave_room_to_the_others(bench: Bench) -> None:
    urgent = [a_mission(f"U-{n}", programme="urgent") for n in range(9)]
    ledger = await bench.prepared(*urgent)
    await claim(ledger, settle=_wait)
    await ledger.record_rows([a_mission("A")], now=NOW)

    claimed = names(await claim(ledger, limit=4))

    assert len(claimed) == 3  # half of the room for the urgent, and the one that is not
    assert "A" in claimed


async def test_q11_of_a_backlog_the_newest_come_with_the_oldest(bench: Bench) -> None:
    backlog = [a_mission(f"M-{n:03}") for n in range(50)]
    ledger = await bench.prepared()
    for age, one in enumerate(reversed(backlog)):
        await ledger.record_rows([one], now=NOW - timedelta(hours=1, seconds=age))
    await ledger.record_rows([a_mission("new")], now=NOW)

    first = names(await claim(ledger, limit=4))

    assert first == ["M-000", "new", "M-001", "M-049"]


async def test_q11_the_one_that_is_sent_ahead_is_new_or_in_turns_the_newest_and_the_oldest(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("sick"))
    await fail(ledger, await claim(ledger))
    for age, name in enumerate(["B", "A", "urgent"]):
        programme = name if name == "urgent" else None
        await ledger.record_rows([a_mission(name, programme=programme)], now=NOW - timedelta(hours=1, seconds=age))
    await ledger.record_rows([a_mission("new")], now=LATER - timedelta(seconds=50))

    order = [names(await claim(ledger, limit=1, probe=number, now=LATER)) for number in (10, 11, 12, 13, 14, 15)]

    assert order == [["new"], ["B"], ["urgent"], ["A"], ["sick"], []]


async def test_q11_a_room_of_one_is_for_the_newest_too(bench: Bench) -> None:
    ledger = await bench.prepared()
    for age, name in enumerate("DCBA"):
        await ledger.record_rows([a_mission(name)], now=NOW - timedelta(minutes=age))

    assert [names(await claim(ledger, limit=1)) for _ in range(4)] == [["A"], ["D"], ["B"], ["C"]]


async def test_q11_who_is_woken_together_stays_in_line(bench: Bench) -> None:
    ledger = await bench.prepared()
    for age, name in enumerate("CBA"):
        await ledger.record_rows([a_mission(name)], now=NOW - timedelta(minutes=age))
    await claim(ledger, settle=_rest)

    await ledger.wake_waiting("await_remote", now=NOW, until=LATER)

    assert names(await claim(ledger, limit=3)) == ["A", "C", "B"]


async def test_what_failed_gets_a_share_of_its_own(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(f"sick-{n}") for n in range(20)))
    await fail(ledger, await claim(ledger))
    await ledger.record_rows([a_mission(f"M-{n:03}") for n in range(20)], now=NOW)

    claimed = names(await claim(ledger, limit=8, now=LATER))

    assert sum(name.startswith("sick") for name in claimed) == 2
    assert len(claimed) == 8


async def test_no_more_of_the_failing_are_claimed_than_there_is_room_for(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(f"sick-{n}") for n in range(20)))
    await fail(ledger, await claim(ledger))

    three = names(await claim(ledger, limit=8, retries=3, now=LATER))
    none = names(await claim(ledger, limit=8, retries=0, now=LATER))
    eight = names(await claim(ledger, limit=8, now=LATER))

    assert (len(three), none, len(eight)) == (3, [], 8)


async def test_a_failing_contract_that_succeeds_is_like_any_other(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("once-sick"))
    await fail(ledger, await claim(ledger))
    (again,) = (await claim(ledger, now=LATER)).claims
    await ledger.record([outcome(again)], now=LATER, settle=_well_again, creations=NO_LIMIT)

    assert (await claim(ledger, retries=0, now=LATER)).settled == 1


async def test_q10_between_two_suspects_the_others_have_their_turn(bench: Bench) -> None:
    dead = await bench.prepared(*(a_mission(f"suspect-{n}") for n in range(3)), lease=timedelta(milliseconds=1))
    await claim(dead)
    await asyncio.sleep(0.01)
    heir = bench.open("r2")
    await heir.record_rows([a_mission("A"), a_mission("B")], now=NOW)

    turns = [await _whole_turn(heir) for _ in range(5)]

    assert [len(turn) for turn in turns] == [1, 2, 1, 1, 0]
    assert turns[1] == ["A", "B"]
    assert all(name.startswith("suspect") for turn in (turns[0], *turns[2:]) for name in turn)


def names(claimed: Claimed) -> list[str]:
    """Return whom one claiming brought."""
    return [c.facts.mission_id for c in claimed.claims]


async def fail(ledger: SqlLedger, claimed: Claimed) -> None:
    """Let every effect fail, to be tried again at once."""
    failures = [Outcome(mission_id=c.facts.mission_id, token=c.token, apply=_in_vain) for c in claimed.claims]
    await ledger.record(failures, now=NOW, settle=_wait, creations=NO_LIMIT)


async def _whole_turn(ledger: SqlLedger) -> Sequence[str]:
    claimed = await claim(ledger, now=LATER)
    assert names(await claim(ledger, now=LATER)) == []  # nothing beside a suspect, no suspect beside others
    await ledger.record([outcome(c) for c in claimed.claims], now=LATER, settle=settle, creations=NO_LIMIT)
    return sorted(names(claimed))


def _in_vain(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, last_error="CACTUS answers 500", attempts=facts.attempts + 1))


def _wait(facts: Facts, *, may_create: bool) -> Settled:
    return settled(facts, due_at=NOW)


def _rest(facts: Facts, *, may_create: bool) -> Settled:
    """Let everybody wait for the remote: the later they came, the later they are due."""
    due_at = LATER - (NOW - facts.discovered_at) / 1000
    return replace(settled(facts, due_at=due_at), next_action="await_remote")


def _well_again(facts: Facts, *, may_create: bool) -> Settled:
    return settled(replace(facts, last_error=None), due_at=NOW)
