"""What is written is what was decided from the row as it is: discovery, amendments, rivals, and nothing lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from syncd.model import Asked, ContractId, DocumentKind, Event, Facts, MissionId, Step, StoredDocument
from syncd.ports.ledger import Amendment, CursorMove, KnownMission, RowsRecorded, TimelineEntry
from tests.store.bench import (
    NO_LIMIT,
    NOW,
    Bench,
    a_mission,
    claim,
    column,
    link_all,
    missions,
    outcome,
    run,
    settle,
    statements_of,
    with_letter,
)

A, B = MissionId("A"), MissionId("B")
LATER = NOW + timedelta(minutes=5)


# ---------------------------------------------------------------------------------------------------------- discovery


async def test_new_rows_are_due_now_and_unchanged_ones_cost_no_write(bench: Bench) -> None:
    ledger = await bench.prepared()

    first = await ledger.record_rows(missions(3), now=NOW, move=CursorMove(flow="missions", value="here"))
    with statements_of(ledger) as sent:
        second = await ledger.record_rows(missions(3), now=LATER)

    assert (first, second) == (
        RowsRecorded(new=3, changed=0, unchanged=0),
        RowsRecorded(new=0, changed=0, unchanged=3),
    )
    assert await ledger.cursor("missions") == "here"
    assert len(sent) == 1
    assert await ledger.next_due_at() == NOW


async def test_a_changed_row_replaces_the_mission_and_is_due_now(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await link_all(ledger)

    recorded = await ledger.record_rows([a_mission("A", campus="marseille", level="M1")], now=LATER)

    view = await ledger.view(A)
    assert recorded.changed == 1
    assert view is not None
    assert (view.facts.mission.campus, view.row.campus, view.row.due_at) == ("marseille", "marseille", LATER)
    assert [(e.event, e.detail) for e in view.timeline] == [
        ("mission.discovered", {}),
        ("mission.changed", {"fields": "level,campus"}),
    ]


async def test_a_row_that_was_only_touched_has_not_changed(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))

    recorded = await ledger.record_rows([a_mission("A", updated_at=LATER)], now=LATER)

    assert recorded.unchanged == 1


async def test_a_row_that_was_missing_and_is_there_again_is_a_change(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await ledger.amend([A], lambda facts: Amendment(facts=replace(facts, sweeps_missed=2)), now=NOW)

    recorded = await ledger.record_rows([a_mission("A")], now=LATER)

    assert recorded.changed == 1
    assert await ledger.known_page(None, limit=9) == (KnownMission(mission_id=A, sweeps_missed=0),)


async def test_two_replicas_that_discover_the_same_rows_record_each_once(bench: Bench) -> None:
    first, rows = await bench.prepared(), missions(20)
    second = bench.open("r2")

    counts = await asyncio.gather(*(ledger.record_rows(rows, now=NOW) for ledger in (first, second) * 3))

    assert sum(count.new for count in counts) == 20
    assert await column(first, "SELECT count(*) FROM timeline") == [20]


async def test_a_cursor_moves_with_the_rows_it_has_passed_or_not_at_all(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))

    def fail(facts: Facts) -> Amendment:
        raise LookupError

    with pytest.raises(LookupError):
        await ledger.amend([A], fail, now=NOW, move=CursorMove(flow="feed", value="beyond"))
    await ledger.amend([A], lambda _: None, now=NOW, move=CursorMove(flow="other", value="here"))

    assert (await ledger.cursor("feed"), await ledger.cursor("other")) == (None, "here")


async def test_odd_text_stops_no_batch(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", campus="a\x00b\ud800", programme="É𝄞"), a_mission("B"))

    claimed = await claim(ledger)

    assert [c.facts.mission_id for c in claimed.claims] == [A, B]
    assert claimed.claims[0].facts.mission.campus == "a\x00b\ud800"


# --------------------------------------------------------------------------------------------------------- amendments


async def test_concurrent_amendments_lose_nothing(bench: Bench) -> None:
    ledgers = [await bench.prepared(a_mission("A")), bench.open("r2")]

    def count(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, ask_round=facts.ask_round + 1))

    async def count_often(number: int) -> None:
        for _ in range(25):
            await ledgers[number % 2].amend([A], count, now=NOW)

    await asyncio.gather(*(count_often(number) for number in range(5)))

    view = await ledgers[0].view(A)
    assert view is not None
    assert view.facts.ask_round == 125


async def test_an_amendment_wakes_the_contract_unless_it_is_to_rest(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B"))
    await link_all(ledger)

    woken = await ledger.amend([A], lambda f: Amendment(facts=replace(f, attempts=1)), now=LATER)
    quiet = await ledger.amend([B], lambda f: Amendment(facts=replace(f, sweeps_missed=1)), now=LATER, resting=True)
    same = await ledger.amend([A, MissionId("nobody")], lambda f: Amendment(facts=f), now=LATER)

    assert (set(woken), set(quiet), set(same)) == ({A}, {B}, set())
    assert [c.facts.mission_id for c in (await claim(ledger, now=LATER, only=[A])).claims] == []
    assert await ledger.next_due_at() is None


async def test_letters_and_timeline_are_written_with_the_fact_that_causes_them(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    entry = TimelineEntry(event="contract.released", detail={"reason": "checked"})

    await ledger.amend(
        [A], lambda f: Amendment(facts=with_letter(f, Event.DECISION_FAVOURABLE), entries=(entry,)), now=NOW
    )

    view = await ledger.view(A)
    assert view is not None
    assert [(n.event, n.state) for n in view.facts.notifications] == [("decision.favourable", "queued")]
    assert view.timeline[-1].detail == {"reason": "checked"}


async def test_the_same_letter_is_queued_once_for_ever(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    twice = [lambda f: Amendment(facts=with_letter(f, Event.STUDENT_PART_DONE))] * 2

    for amend in twice:
        await ledger.amend([A], amend, now=NOW)

    assert len(await ledger.letters(mission_id=A)) == 1


async def test_documents_are_kept_and_superseded(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    cerfa = StoredDocument(
        kind=DocumentKind.CERFA, version=1, remote_version=3, sha256="ab", size=7, stored_at=NOW, file_id="f1"
    )

    await ledger.amend([A], lambda f: Amendment(facts=replace(f, documents=(cerfa,))), now=NOW)
    gone = replace(cerfa, superseded_at=LATER)
    newer = replace(cerfa, version=2, file_id="f2")
    await ledger.amend([A], lambda f: Amendment(facts=replace(f, documents=(gone, newer))), now=LATER)

    view = await ledger.view(A)
    assert view is not None
    assert view.facts.documents == (gone, newer)
    assert await ledger.document_files() == {"f1", "f2"}


async def test_only_missions_of_which_a_file_is_kept_are_looked_through_for_it(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(name) for name in "ABCD"))
    cerfa = StoredDocument(
        kind=DocumentKind.CERFA, version=1, remote_version=3, sha256="ab", size=7, stored_at=NOW, file_id="f"
    )
    pair = (cerfa, replace(cerfa, kind=DocumentKind.CONVENTION))
    purged = tuple(replace(document, file_id="") for document in pair)
    for mission_id, kept in (("A", pair), ("B", purged), ("D", (purged[0], pair[1]))):
        await ledger.amend([MissionId(mission_id)], partial(_with_documents, kept=kept), now=NOW)

    pages = [await ledger.missions_with_files(after=after, limit=1) for after in (None, A, MissionId("D"))]

    assert pages == [((A, "2025-2026"),), (("D", "2025-2026"),), ()]
    assert [facts.documents for facts in await ledger.facts_of([A])] == [pair]
    assert await ledger.facts_of([MissionId("nobody")]) == ()


# ------------------------------------------------------------------------------------------------------------- rivals


async def test_a_sent_contract_takes_its_students_place_and_holds_its_rival(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number="s1"), a_mission("B", student_number="s1"))

    claimed = await claim(ledger)

    held = await ledger.view(B)
    assert [c.facts.mission_id for c in claimed.claims] == [A]
    assert held is not None
    assert (held.row.step, [rival.mission_id for rival in held.facts.rivals]) == (Step.HELD, [A])
    assert await column(ledger, "SELECT active_key FROM contracts ORDER BY mission_id") == ["s1|2025-2026", None]


async def test_l01_of_two_replicas_with_one_rival_each_only_one_sends(bench: Bench) -> None:
    rows = [a_mission(f"{side}{number:02}", student_number=f"s{number}") for side in ("A", "B") for number in range(12)]
    first = await bench.prepared(*rows)
    second = bench.open("r2")

    claimed = await asyncio.gather(*(claim(ledger, limit=4) for ledger in (first, second) * 4))

    asked = [c.facts.mission.student_number for some in claimed for c in some.claims]
    assert len(asked) == len(set(asked)) == 12


async def test_two_contracts_that_both_exist_are_recorded_as_they_are(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number="s1"), a_mission("B", student_number="s1"))

    def adopted(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, asked=Asked.ANSWERED, contract_id=ContractId(f"C-{facts.mission_id}")))

    await ledger.amend([A, B], adopted, now=NOW)
    settled = await claim(ledger)

    assert settled.settled == 2
    assert await ledger.count_by_step() == {Step.AWAITING_STUDENT: 2}


async def test_a_contract_that_gives_way_wakes_its_rival(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number="s1"), a_mission("B", student_number="s1"))
    await link_all(ledger)
    await claim(ledger)
    assert await ledger.next_due_at() is None

    await ledger.amend([A], lambda f: Amendment(facts=replace(f, manual_hold="stop")), now=LATER)
    await claim(ledger, now=LATER, only=[A])

    rival = await ledger.view(B)
    assert rival is not None
    assert rival.row.due_at == LATER


async def test_l06_a_rival_in_a_newer_versions_words_is_woken_too(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number="s1"), a_mission("B", student_number="s1"))
    await link_all(ledger)
    await claim(ledger)
    await run(ledger, "UPDATE contracts SET step = 'a_new_step' WHERE mission_id = 'B'")

    await ledger.amend([A], lambda f: Amendment(facts=replace(f, manual_hold="stop")), now=LATER)
    await claim(ledger, now=LATER, only=[A])

    assert await column(ledger, "SELECT due_at IS NOT NULL FROM contracts WHERE mission_id = 'B'") == [True]
    assert await column(ledger, "SELECT step FROM contracts WHERE mission_id = 'B'") == ["a_new_step"]


async def test_a_remote_contract_of_another_mission_is_a_conflict_not_a_crash(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B"))
    claims = (await claim(ledger)).claims

    def same(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, asked=Asked.ANSWERED, contract_id=ContractId("C-1")))

    await ledger.record([replace(outcome(c), apply=same) for c in claims], now=NOW, settle=settle, creations=NO_LIMIT)

    views = [await ledger.view(mission_id) for mission_id in (A, B)]
    assert [view.facts.contract_id for view in views if view] == ["C-1", None]
    assert [view.facts.asked for view in views if view] == [Asked.ANSWERED, Asked.CONFLICT]


async def test_a_batch_costs_the_same_statements_as_one(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(100))
    with statements_of(ledger) as one:
        await claim(ledger, limit=1)

    with statements_of(ledger) as many:
        claimed = await claim(ledger, limit=99)
    with statements_of(ledger) as recorded:
        await ledger.record([outcome(c) for c in claimed.claims], now=NOW, settle=settle, creations=NO_LIMIT)

    assert len(claimed.claims) == 99
    assert len(many) <= len(one) + 1
    assert len(recorded) <= 10


async def test_a_row_that_came_back_after_its_loss_was_accepted_can_be_lost_again(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await ledger.amend([A], lambda f: Amendment(facts=replace(f, sweeps_missed=2, baseline_is_gone=True)), now=NOW)

    await ledger.record_rows([a_mission("A")], now=LATER)

    view = await ledger.view(A)
    assert view is not None
    assert (view.facts.sweeps_missed, view.facts.baseline_is_gone) == (0, False)


def _with_documents(facts: Facts, *, kept: tuple[StoredDocument, ...]) -> Amendment:
    return Amendment(facts=replace(facts, documents=kept))
