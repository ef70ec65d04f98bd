"""What the ledger tells to people: lists, pages, counts, and the small shared facts."""

from dataclasses import replace
from datetime import timedelta

from syncd.model import (
    ContractId,
    Event,
    Facts,
    HoldCode,
    HoldReason,
    MissionId,
    NotificationState,
    Step,
    Track,
    Warned,
    WarningCode,
)
from syncd.ports.ledger import Amendment, GateState, GuardState, LetterOutcome, Settled, TimelineEntry
from syncd.ports.reading import ContractFilter
from tests.store.bench import NOW, Bench, a_mission, claim, link_all, missions, settle, with_letter

A = MissionId("A")
ALL = ContractFilter()
LATER = NOW + timedelta(minutes=5)


async def test_late_requests_come_first_on_every_page(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(name, level="late" if name in "BD" else "M2") for name in "ABCDE"))
    await link_all(ledger)

    pages, after = [], None
    while page := await ledger.list_contracts(ALL, after=after, limit=2):
        pages.append("".join(row.mission_id for row in page))
        after = page[-1].mission_id

    assert pages == ["BD", "AC", "E"]
    assert await ledger.ids_of(ALL, after=MissionId("B"), limit=2) == ("C", "D")


async def test_every_condition_of_a_filter_holds(bench: Bench) -> None:
    ledger = await bench.prepared(
        a_mission("A"),
        a_mission("B", campus="marseille", level="late"),
        a_mission("C", track=Track.PROFESSIONNALISATION),
    )
    await link_all(ledger)
    await ledger.record_rows([a_mission("D")], now=LATER)

    async def ids(**conditions: object) -> str:
        return "".join(await ledger.ids_of(ContractFilter(**conditions), after=None, limit=9))  # type: ignore[arg-type]

    assert await ids(step=Step.AWAITING_STUDENT) == "ABC"
    assert await ids(late=True) == "B"
    assert await ids(held=True) == ""
    assert await ids(campus="aix", step=Step.AWAITING_STUDENT) == "AC"
    assert await ids(track=Track.PROFESSIONNALISATION) == "C"
    assert await ids(discovered_since=LATER) == "D"
    assert await ids(changed_since=LATER) == "D"


async def test_steps_are_counted(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    await link_all(ledger)
    await ledger.record_rows([a_mission("new")], now=NOW)

    assert await ledger.count_by_step() == {Step.AWAITING_STUDENT: 3, Step.TO_INITIALISE: 1}


async def test_a_contract_is_shown_as_it_was_last_settled(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))
    await claim(ledger, settle=_held)

    view = await ledger.view(A)

    assert view is not None
    assert view.holds == _HOLDS
    assert view.warnings == (_WARNING,)
    assert view.row.hold_codes == (HoldCode.DATES_MISSING, HoldCode.SIRET_INVALID)
    assert view.row.next_action == "await_person"
    assert await ledger.view(MissionId("nobody")) is None


async def test_who_needs_a_person_is_named(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(name) for name in "ABC"))
    await ledger.amend([MissionId("B")], _with_a_letter, now=NOW)
    (letter,) = await ledger.take_letters(limit=1, now=NOW)
    failed = LetterOutcome(letter_id=letter.letter_id, token=letter.token, state=NotificationState.FAILED)
    await ledger.record_letters([failed], now=NOW)
    await claim(ledger, settle=_held, only=[A])

    assert [row.mission_id for row in await ledger.needs_person()] == ["A", "B"]
    assert [row.state for row in await ledger.letters(state=NotificationState.FAILED)] == [NotificationState.FAILED]


async def test_missions_are_found_by_both_names(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"), a_mission("B"))
    await link_all(ledger)

    found = await ledger.missions_of(contract_ids=[ContractId("C-A"), ContractId("x")], references=[MissionId("B")])

    assert found == {"C-A": "A", "B": "B"}
    assert await ledger.known_ids([A, MissionId("x")]) == {"A"}
    assert await ledger.list_linked(after=A, limit=9) == (("B", "C-B"),)


async def test_what_waits_is_counted_with_its_oldest(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    await ledger.amend([MissionId("M-001")], _with_a_letter, now=NOW)
    await ledger.amend([MissionId("M-002")], lambda f: Amendment(facts=replace(f, attempts=2)), now=NOW)

    backlog = await ledger.backlog(now=LATER)

    assert (backlog.contracts_due, backlog.oldest_due_at) == (3, NOW)
    assert (backlog.letters_queued, backlog.oldest_letter_at) == (1, NOW)
    assert (backlog.contracts_retrying, backlog.letters_retrying) == (1, 0)


async def test_facts_are_given_with_their_rivals(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A", student_number="s"), a_mission("B", student_number="s"))

    facts = await ledger.waiting_facts(ALL, limit=1)

    assert [(one.mission_id, [rival.mission_id for rival in one.rivals]) for one in facts] == [("A", ["B"])]


async def test_flows_remember_their_last_success_row_and_change(bench: Bench) -> None:
    ledger = await bench.prepared()
    await ledger.note_flow("feed", now=NOW, rows=2, changes=1)
    await ledger.note_flow("feed", now=LATER, rows=1)

    await ledger.note_flow("feed", now=LATER, error="unreachable")

    (flow,) = await ledger.flows()
    assert (flow.last_success_at, flow.last_failure_at, flow.last_error) == (LATER, LATER, "unreachable")
    assert (flow.last_row_at, flow.last_change_at) == (LATER, NOW)


async def test_gates_guards_and_marks_are_shared(bench: Bench) -> None:
    ledger, other = await bench.prepared(), bench.open("r2")
    closed = GateState(failures=3, closed_until=LATER, reason="503", is_credentials=True)

    await ledger.set_gate("cactus", closed)
    await ledger.trip("sweep", "first", now=NOW)
    await ledger.trip("sweep", "second", now=LATER)
    await ledger.set_mark("key", "k1")

    assert await other.gate("cactus") == closed
    assert await other.gate("mail") == GateState()
    assert await other.guard("sweep") == GuardState(tripped_at=NOW, detail="first")
    assert (await other.mark("key"), await other.mark("none")) == ("k1", None)
    await other.approve("sweep", now=LATER)
    assert await ledger.guard("sweep") == GuardState(approved_at=LATER)


async def test_a_note_is_added_to_the_timeline_and_a_heartbeat_to_the_registry(bench: Bench) -> None:
    ledger = await bench.prepared(a_mission("A"))

    await ledger.note(A, TimelineEntry(event="document.exported", detail={"kind": "cerfa"}), now=NOW)
    for _ in range(2):
        await ledger.heartbeat(now=NOW)

    view = await ledger.view(A)
    assert view is not None
    assert (view.timeline[-1].at, view.timeline[-1].event) == (NOW, "document.exported")
    assert [(row.replica, row.version) for row in await ledger.replicas()] == [("r1", "1")]


_HOLDS = tuple(
    HoldReason(code=code, field=field, message="À corriger.")
    for code, field in (
        (HoldCode.DATES_MISSING, "contract_starts_on"),
        (HoldCode.DATES_MISSING, "contract_ends_on"),
        (HoldCode.SIRET_INVALID, None),
    )
)
_WARNING = Warned(code=WarningCode.START_IN_PAST, message="Déjà commencé.")


def _held(facts: Facts, *, may_create: bool) -> Settled:
    return replace(
        settle(replace(facts, manual_hold="stop"), may_create=may_create),
        holds=_HOLDS,
        warnings=(_WARNING,),
        next_action="await_person",
    )


def _with_a_letter(facts: Facts) -> Amendment:
    return Amendment(facts=with_letter(facts, Event.CONTRACT_INITIALISED))
