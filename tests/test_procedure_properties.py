"""What holds whatever is known of a contract, and however its life goes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from syncd.actions import Action, Announce, Initialise, Wait
from syncd.jobs.settle import Settler
from syncd.model import (
    FILLING,
    GENERATED,
    Asked,
    Capabilities,
    DocumentKind,
    Event,
    Facts,
    NotificationState,
    Part,
    PartState,
    Policy,
    RemoteStatus,
    Role,
    Step,
    Track,
)
from syncd.procedure import next_step, visible_step
from syncd.transitions import hold, link, release, resync, want_cancellation
from tests.support.clock import FixedClock
from tests.support.facts import (
    AN_HOUR_AGO,
    CONTRACT,
    INVALID,
    NOW,
    POLICY,
    PROFESSIONNALISATION,
    WITHDRAWN,
    contract,
    known,
    mission,
    offered,
    rival,
    said,
    stored,
)
from tests.support.life import INCIDENTS, Fault, Life

# -------------------------------------------------------------------------------------- whatever is known of a contract

MISSIONS = (
    mission(), mission(level="M1"), PROFESSIONNALISATION, WITHDRAWN, INVALID, mission(status="draft"),
    mission(track=None), mission(contract_ends_on=date(2026, 10, 1)), mission(academic_year="2026-2027"),
    mission(academic_year=None), mission(contract_starts_on=date.min, contract_ends_on=date.max),
    mission(contract_starts_on=date.max, training_ends_on=date.max),
)  # fmt: skip
INSTANTS = st.sampled_from([NOW + timedelta(hours=hours) for hours in (-24 * 30, -24 * 6, -2, -1, 0, 1)])
TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
DOCUMENTS = tuple(offered(kind, version) for kind in DocumentKind for version in (1, 2))
REMOTES = st.builds(
    lambda status, student, company, papers: replace(
        contract(status, papers=tuple(papers)), student_part=Part(state=student), company_part=Part(state=company)
    ),
    st.sampled_from([*RemoteStatus, "scellé"]),
    st.sampled_from([*PartState, "presque"]),
    st.sampled_from(list(PartState)),
    st.lists(st.sampled_from(DOCUMENTS), unique=True),
)
LETTERS = st.lists(
    st.sampled_from([said(event, role, cause=cause)[0] for event in Event for role in Role for cause in ("", "1")]),
    max_size=6,
)
POLICIES = st.builds(lambda flags: replace(POLICY, capabilities=Capabilities(**flags)), st.fixed_dictionaries(
    dict.fromkeys(("idempotency_keys", "look_up", "change_feed", "documents", "cancellation"), st.booleans())
))  # fmt: skip
FACTS = st.builds(
    Facts,
    mission_id=st.just(mission().mission_id),
    mission=st.sampled_from(MISSIONS),
    discovered_at=st.just(AN_HOUR_AGO),
    sweeps_missed=st.integers(0, 3),
    baseline=st.none() | st.sampled_from(MISSIONS),
    baseline_is_gone=st.booleans(),
    scope_waived=st.booleans(),
    decided_at=st.none() | INSTANTS,
    asked=st.sampled_from(Asked),
    asked_at=st.none() | INSTANTS,
    first_asked_at=st.none() | INSTANTS,
    looked_up_at=st.none() | INSTANTS,
    sent=st.none() | st.sampled_from(MISSIONS),
    contract_id=st.none() | st.just(CONTRACT),
    adopted=st.booleans(),
    remote=st.none() | REMOTES,
    remote_read_at=st.none() | INSTANTS,
    reread_wanted=st.booleans(),
    is_missing_remotely=st.booleans(),
    status_since=st.none() | INSTANTS,
    reopenings=st.integers(0, 1),
    student_awaited_since=st.none() | INSTANTS,
    company_awaited_since=st.none() | INSTANTS,
    document_fault=st.none() | st.just("hash_mismatch"),
    document_fault_of=st.none() | st.sampled_from(DocumentKind),
    manual_hold=st.none() | st.just("à vérifier"),
    cancel_wanted=st.none() | st.just("abandon"),
    closed_reason=st.none() | st.just("abandon"),
    quarantined=st.booleans(),
    not_before=st.none() | INSTANTS,
    step=st.sampled_from(Step),
    documents=st.lists(st.sampled_from(stored(*DOCUMENTS)), unique=True).map(tuple),
    notifications=LETTERS.map(tuple),
    rivals=st.sampled_from([(), (rival(1),), (rival(99, days=1, asked=Asked.UNKNOWN, asked_at=NOW),)]),
)
MODEST = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MODEST
@given(facts=FACTS, now=TIMES, policy=POLICIES)
def test_there_is_always_one_next_step_and_one_visible_step(facts: Facts, now: datetime, policy: Policy) -> None:
    action = next_step(facts, now=now, policy=policy)

    assert isinstance(action, get_args(Action))
    assert visible_step(facts, now=now, policy=policy) in set(Step)
    assert not isinstance(action, Wait) or action.until is None or action.until > now


@MODEST
@given(facts=FACTS, now=TIMES, policy=POLICIES)
def test_who_is_held_or_closed_is_told_nothing_but_incidents(facts: Facts, now: datetime, policy: Policy) -> None:
    assume(visible_step(facts, now=now, policy=policy) in (Step.HELD, Step.CLOSED))

    action = next_step(facts, now=now, policy=policy)

    assert not isinstance(action, Announce) or {letter.event for letter in action.letters} <= INCIDENTS
    must_learn_the_id = facts.cancel_wanted is not None and not policy.capabilities.look_up
    assert not isinstance(action, Initialise) or must_learn_the_id


@MODEST
@given(facts=FACTS, now=TIMES, policy=POLICIES)
def test_looking_once_more_changes_nothing(facts: Facts, now: datetime, policy: Policy) -> None:
    settle = Settler(policy=policy, clock=FixedClock(now))
    assume(not isinstance(settle(facts, may_create=True).effect, Initialise))

    once = settle(facts, may_create=True)
    again = settle(once.facts, may_create=True)

    assert "unexpected" not in (once.facts.last_error or ""), "nothing that is known makes it fail"
    assert (again.facts, again.effect, again.due_at) == (once.facts, once.effect, once.due_at)
    letters = [(n.event, n.role, n.cause) for n in once.facts.notifications[len(facts.notifications) :]]
    assert len(letters) == len(set(letters)), "no letter is written twice"


# ------------------------------------------------------------------------------------------------ however its life goes

REMOTE_KINDS = {
    "honours keys, can be looked up": Capabilities(),
    "no keys, can be looked up": Capabilities(idempotency_keys=False),
    "honours keys only": Capabilities(look_up=False),
    "neither": Capabilities(idempotency_keys=False, look_up=False),
    "no feed": Capabilities(change_feed=False),
}
ROWS = {"M2": mission(), "M1": mission(level="M1"), "professionnalisation": PROFESSIONNALISATION}
FAULTS = st.sampled_from(Fault)
DELAYS = st.sampled_from([timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=3), timedelta(days=6)])


TROUBLES = st.lists(
    st.tuples(
        FAULTS,
        st.sampled_from([timedelta(), timedelta(seconds=20), timedelta(minutes=2)]),
        st.sampled_from(["recorded", "recorded", "crash"]),
    ),
    max_size=7,
)


@settings(MODEST, max_examples=400)
@given(remote=st.sampled_from(list(REMOTE_KINDS)), troubles=TROUBLES)
def test_r02_r03_a_mission_is_created_once_whatever_is_lost_or_late(
    remote: str, troubles: list[tuple[Fault, timedelta, str]]
) -> None:
    life = Life(mission(), REMOTE_KINDS[remote])
    for fault, pause, end in troubles:
        life.work(fault)
        (life.crash if end == "crash" else life.record)()
        life.clock.advance(pause)

    settled = life.calm()

    assert life.cactus.creations.total() <= 1
    assert settled.facts.step is Step.DONE or settled.holds


class Beginning(RuleBasedStateMachine):
    """Plays how contracts come to be, at random; `Life` checks each look, the end checks where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(mission(), Capabilities())

    @initialize(remote=st.sampled_from(list(REMOTE_KINDS)), row=st.sampled_from(list(ROWS)))
    def begin(self, remote: str, row: str) -> None:
        self.life = Life(ROWS[row], REMOTE_KINDS[remote])

    @rule(fault=FAULTS, waiting_in_line=st.sampled_from([timedelta(), timedelta(minutes=2)]))
    def work_and_record(self, fault: Fault, waiting_in_line: timedelta) -> None:
        self.life.work(fault, waiting_in_line=waiting_in_line)
        self.life.record()

    @rule(fault=FAULTS)
    def work(self, fault: Fault) -> None:
        self.life.work(fault)

    @rule()
    def record(self) -> None:
        self.life.record()

    @rule()
    def crash(self) -> None:
        self.life.crash()

    @rule(delay=DELAYS)
    def pass_time(self, delay: timedelta) -> None:
        self.life.clock.advance(delay)

    # -- the admin, who looks into CACTUS before answering

    @rule()
    def release(self) -> None:
        facts, codes = self.life.facts, {str(h.code) for h in self.life.settled.holds} if self.life.settled else set()
        is_asked = "REMOTE_OUTCOME_UNKNOWN" in codes and facts.contract_id is None
        is_there = self.life.cactus.live(facts.mission_id) or self.life.cactus.is_creating or self.life.pending
        if not (is_asked and is_there):
            self.life.facts = release(facts, is_known_absent=is_asked)

    @rule()
    def cancel(self) -> None:
        self.life.facts = want_cancellation(self.life.facts, "abandon")

    @precondition(lambda self: self.life.facts.contract_id is None and self.life.facts.decided_at is None)
    @rule()
    def adopt(self) -> None:
        found = self.life.cactus.live(self.life.facts.mission_id) or self.life.cactus.typed_by_hand()
        self.life.facts = link(self.life.facts, found, now=self.life.clock.now(), adopted=True)

    # -- the end

    def teardown(self) -> None:
        settled = self.life.calm()
        facts = settled.facts
        assert facts.step in (Step.DONE, Step.CLOSED) or settled.holds, (facts.step, settled.next_action)
        if facts.step is Step.DONE and facts.decided_at is None:
            assert facts.contract_id in self.life.cactus.contracts, "done means that CACTUS has the contract"
        live = self.life.cactus.live(facts.mission_id)
        if facts.closed_reason is not None and live is not None and not facts.adopted:
            assert live.known_status not in {*FILLING, *GENERATED}, "closed here, open there"


class WholeLife(Beginning):
    """And everything that comes after."""

    @rule(state=st.sampled_from([NotificationState.SENT, NotificationState.FAILED, NotificationState.UNKNOWN]))
    def deliver(self, state: NotificationState) -> None:
        self.life.deliver(state)

    @rule(hands=st.integers(1, 3))
    def somebody_does_their_part(self, hands: int) -> None:
        for _ in range(hands):
            self.life.act()

    @rule(hands=st.integers(1, 4))
    def everything_goes_well_for_a_while(self, hands: int) -> None:
        for _ in range(hands):
            while self.life.work():
                self.life.record()
            self.life.act()

    @precondition(lambda self: self.life.facts.contract_id in self.life.cactus.contracts)
    @rule(status=st.sampled_from(["reopened", "reopened", "refused", "signed", "cancelled", "terminated", "scellé"]))
    def the_cfa_decides(self, status: str) -> None:
        assert self.life.facts.contract_id is not None
        if status == "signed" and self.life.cactus.contracts[self.life.facts.contract_id].status != "generated":
            return
        parts = Part() if status == "reopened" else None
        self.life.cactus.change(self.life.facts.contract_id, lambda c: replace(
            c, status=status, student_part=parts or c.student_part, company_part=parts or c.company_part
        ))  # fmt: skip
        self.life.tell_of_a_change()

    @precondition(lambda self: self.life.facts.contract_id in self.life.cactus.contracts)
    @rule()
    def cactus_forgets(self) -> None:
        assert self.life.facts.contract_id is not None
        del self.life.cactus.contracts[self.life.facts.contract_id]
        self.life.tell_of_a_change()

    # -- the store

    @rule(
        changed=st.sampled_from([{"mission_title": "Un autre intitulé"}, {"track": Track.PROFESSIONNALISATION}, {}]),
        status=st.sampled_from(["validated", "validated", "withdrawn", "draft"]),
    )
    def the_row_changes(self, changed: dict[str, str], status: str) -> None:
        row = replace(self.life.row, status=status, **changed)  # type: ignore[arg-type]
        self.life.facts = replace(self.life.facts, mission=row, sweeps_missed=0)

    @rule()
    def a_sweep_does_not_find_it(self) -> None:
        self.life.facts = replace(self.life.facts, sweeps_missed=self.life.facts.sweeps_missed + 1)

    # -- the admin

    @rule()
    def hold(self) -> None:
        self.life.facts = hold(self.life.facts, "à vérifier")

    @rule()
    def resync(self) -> None:
        self.life.facts = resync(self.life.facts)


MODEST_LIVES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestBeginning = Beginning.TestCase
TestBeginning.settings = settings(MODEST_LIVES, max_examples=200, stateful_step_count=12)
TestWholeLife = WholeLife.TestCase
TestWholeLife.settings = settings(MODEST_LIVES, max_examples=100, stateful_step_count=25)


def test_a_troubled_life_ends_well_when_the_trouble_ends() -> None:
    life = Life(known().mission, Capabilities(idempotency_keys=False))
    for fault in (Fault.DOWN, Fault.NONE, Fault.APPLIED_LATE, Fault.DOWN, Fault.NONE):
        life.work(fault)
        life.record()
        life.clock.advance(timedelta(seconds=20))

    settled = life.calm()

    assert settled.facts.step is Step.DONE
    assert life.cactus.creations.total() == 1
