"""One contract's life with a CACTUS that lies, people who act and admins who decide; effects are performed for real.

What an effect brings is recorded later, so that anything may happen while it is under way, a crash included.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import cast

from syncd.actions import Initialise
from syncd.errors import OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.jobs.effects import Bench, perform
from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.jobs.settle import Settler
from syncd.model import (
    FILLING,
    Capabilities,
    ContractId,
    DocumentKind,
    Event,
    Facts,
    Mission,
    MissionId,
    NotificationState,
    Part,
    Policy,
    RemoteContract,
    RemoteDocument,
    RemoteStatus,
    Step,
)
from syncd.ports.cactus import Cactus, FetchedDocument
from syncd.ports.documents import PdfCheck, Vault
from syncd.ports.ledger import Claim, Outcome, Settled
from syncd.transitions import store_document
from tests.support.clock import FixedClock
from tests.support.facts import NOW, POLICY, offered, stored

INCIDENTS = {Event.CONTRACT_REFUSED, Event.CONTRACT_REOPENED, Event.CONTRACT_CANCELLED, Event.MISSION_WITHDRAWN}
_ORDER: list[Step] = [step for step in Step if step not in (Step.HELD, Step.CLOSED)]
_MOST_IDLE_DAYS = 40
_MOST_LOOKS = 400


class Fault(StrEnum):
    """What becomes of the next request."""

    NONE = "none"
    DOWN = "down"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    APPLIED_LATE = "applied late"
    REFUSED = "refused"
    BAD_DOCUMENT = "bad document"


@dataclass(frozen=True, slots=True)
class _Late:
    at: datetime
    mission: Mission
    key: str


class LyingCactus:
    """Keeps its promise and no more: keys, where it has them, or a longest processing time. References are no keys."""

    def __init__(self, capabilities: Capabilities, clock: FixedClock, processing_time: timedelta) -> None:
        self.capabilities = capabilities
        self.contracts: dict[ContractId, RemoteContract] = {}
        self.creations: Counter[MissionId] = Counter()
        self.fault = Fault.NONE
        self._answers: dict[str, RemoteContract] = {}
        self._numbers = count(1)
        self._late: list[_Late] = []
        self._clock = clock
        self._processing_time = processing_time

    @property
    def is_creating(self) -> bool:
        """Whether a request that got no answer is still on its way."""
        return bool(self._late)

    def catch_up(self) -> None:
        """Apply what has taken its time."""
        due = [late for late in self._late if late.at <= self._clock.now()]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            self._create(late.mission, late.key)

    def live(self, reference: MissionId) -> RemoteContract | None:
        """Return the contract of a mission that is not over."""
        self.catch_up()
        return next((c for c in self.contracts.values() if c.external_reference == reference), None)

    def typed_by_hand(self) -> RemoteContract:
        """Let somebody create a contract without a reference."""
        return self._keep(RemoteContract(contract_id=self._next_id(), external_reference=None, status="initialised"))

    def change(self, contract_id: ContractId, change: Callable[[RemoteContract], RemoteContract]) -> None:
        """Let somebody work on a contract."""
        self._keep(replace(change(self.contracts[contract_id]), updated_at=self._clock.now()))

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        self._meet_trouble()
        if self.fault is Fault.REFUSED and key not in self._answers:
            raise Refused("invalid: student.email", code=RefusalCode.INVALID)
        if self.fault is Fault.APPLIED_LATE:
            self._late.append(_Late(self._clock.now() + self._processing_time * 0.9, mission, key))
        if self.fault in (Fault.REQUEST_LOST, Fault.APPLIED_LATE):
            raise OutcomeUnknown("no answer")
        contract = self._create(mission, key)
        if self.fault is Fault.ANSWER_LOST:
            raise OutcomeUnknown("no answer")
        return contract

    async def find(self, reference: MissionId) -> RemoteContract | None:
        self._meet_trouble()
        return self.live(reference)

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:  # noqa: ARG002
        self._meet_trouble()
        if contract_id not in self.contracts:
            raise Refused("unknown", code=RefusalCode.NOT_FOUND)
        return self.contracts[contract_id]

    async def cancel(self, contract_id: ContractId, reason: str) -> RemoteContract:  # noqa: ARG002
        self._meet_trouble()
        if contract_id not in self.contracts:
            raise Refused("unknown", code=RefusalCode.NOT_FOUND)
        if self.contracts[contract_id].status == "signed":
            raise Refused("past cancelling", code=RefusalCode.PAST_CANCELLING)
        cancelled = self._keep(replace(self.contracts[contract_id], status="cancelled"))
        if self.fault is Fault.ANSWER_LOST:
            raise OutcomeUnknown("no answer")
        return cancelled

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        self._meet_trouble()
        if contract_id not in self.contracts:
            raise Refused("unknown", code=RefusalCode.NOT_FOUND)
        content = b"somebody else's" if self.fault is Fault.BAD_DOCUMENT else _content(kind, version)
        return FetchedDocument(content=content, content_type="application/pdf")

    def _meet_trouble(self) -> None:
        self.catch_up()
        if self.fault is Fault.DOWN:
            raise Transient("down")

    def _create(self, mission: Mission, key: str) -> RemoteContract:
        if self.capabilities.idempotency_keys and key in self._answers:
            answer = self._answers[key]
            return self.contracts.get(answer.contract_id, answer)
        self.creations[mission.mission_id] += 1
        contract = RemoteContract(
            contract_id=self._next_id(), external_reference=mission.mission_id, status="initialised"
        )
        self._answers[key] = contract
        return self._keep(contract)

    def _keep(self, contract: RemoteContract) -> RemoteContract:
        self.contracts[contract.contract_id] = contract
        return contract

    def _next_id(self) -> ContractId:
        return ContractId(f"C-{next(self._numbers)}")


def _content(kind: DocumentKind, version: int) -> bytes:
    return f"{kind} {version}".encode()


def paper(kind: DocumentKind, version: int) -> RemoteDocument:
    """Return a document as CACTUS declares it."""
    content = _content(kind, version)
    return RemoteDocument(kind=kind, version=version, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


class _OpenGate:
    """A gate that is always open: patience towards the whole remote is proven elsewhere."""

    @asynccontextmanager
    async def pass_through(self, *, since: datetime) -> AsyncIterator[bool]:  # noqa: ARG002 - the shape of the gate
        yield True

    async def note_failure(self, _error: object) -> None:
        return

    async def note_success(self) -> None:
        return

    def closed_until(self) -> None:
        return None


class _Shelf:
    """A vault and a check that believe everything."""

    async def store(self, name: object, _content: bytes) -> str:
        return f"{name}"

    async def fault_of(self, _content: bytes) -> str | None:
        return None


def _result_of(work: Coroutine[object, None, Outcome | None]) -> Outcome:
    """Run what never has to wait, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("Outcome", end.value)
    raise AssertionError("no fake ever waits")


class Life:
    """What is known of one contract, played through; each look is checked against the promises of the procedure."""

    def __init__(self, row: Mission, capabilities: Capabilities) -> None:
        self.clock = FixedClock(NOW)
        self.policy: Policy = replace(POLICY, capabilities=capabilities)
        self.cactus = LyingCactus(capabilities, self.clock, self.policy.patience.processing_time)
        self.row = row
        self.facts = Facts(mission_id=row.mission_id, mission=row, discovered_at=NOW)
        self.pending: Outcome | None = None
        self.settled: Settled | None = None
        self._highest: tuple[Step, object] = (Step.TO_INITIALISE, None)
        cactus, gate, shelf = cast("Cactus", self.cactus), cast("Gate", _OpenGate()), _Shelf()
        fetcher = DocumentFetcher(
            cactus=cactus, vault=cast("Vault", shelf), check=cast("PdfCheck", shelf), clock=self.clock
        )
        self._bench = Bench(cactus=cactus, documents=fetcher, gate=gate, clock=self.clock, policy=self.policy)
        self._settle = Settler(policy=self.policy, clock=self.clock)

    # ------------------------------------------------------------------------------------------------- the service

    def look(self) -> Settled:
        """Look at the contract as a claim does, and keep what was decided."""
        before, self.settled = self.facts, self._settle(self.facts, may_create=True)
        self.facts = self.settled.facts
        self._check(before, self.settled)
        return self.settled

    def work(self, fault: Fault = Fault.NONE, *, waiting_in_line: timedelta = timedelta()) -> bool:
        """Look, and begin what is to be done; return whether there is anything for `record` to record."""
        if self.pending is not None:
            return True
        effect = self.look().effect
        if effect is None:
            return False
        self.clock.advance(waiting_in_line)
        self.cactus.fault = fault
        claim = Claim(facts=self.facts, token=1, effect=effect)
        self.pending = _result_of(perform(claim, self._bench))
        self.cactus.fault = Fault.NONE
        return True

    def record(self) -> None:
        """Record what came of the effect that is under way."""
        outcome, self.pending = self.pending, None
        amendment = outcome.apply(self.facts) if outcome is not None else None
        if amendment is not None:
            self.facts = amendment.facts

    def crash(self) -> None:
        """Lose what came of it."""
        self.pending = None

    def deliver(self, state: NotificationState = NotificationState.SENT) -> bool:
        """Let the mail server answer for every letter that waits; return whether there was any."""
        letters = self.facts.notifications
        answered = tuple(n if n.state is NotificationState.SENT else replace(n, state=state) for n in letters)
        self.facts = replace(self.facts, notifications=answered)
        return answered != letters

    def tell_of_a_change(self) -> None:
        """Let the feed say that CACTUS may have changed."""
        if self.facts.contract_id is not None:
            self.facts = replace(self.facts, reread_wanted=True)

    # ------------------------------------------------------------------------------------------------ everybody acts

    def act(self) -> bool:
        """Let whoever is awaited do their part; return whether anybody was."""
        if self.facts.decided_at is not None:
            return self._hand_papers_over()
        contract = self.cactus.contracts.get(self.facts.contract_id or ContractId(""))
        if contract is None or contract.known_status not in {*FILLING, None}:
            return False
        self.cactus.change(contract.contract_id, _next_hand)
        self.tell_of_a_change()
        return True

    def _hand_papers_over(self) -> bool:
        missing = [kind for kind in DocumentKind if self.facts.current_document(kind) is None]
        for kind in missing:
            document = replace(stored(offered(kind))[0], remote_version=None)
            self.facts = store_document(self.facts, document, now=self.clock.now())
        return bool(missing)

    def calm(self) -> Settled:
        """Let the world make no trouble any more and everybody do their part; return what it comes to."""
        idle_days = 0
        for _ in range(_MOST_LOOKS):
            if self.work():
                self.record()
            elif self.act():
                idle_days = 0
            elif not self.deliver():
                due_at = self.settled.due_at if self.settled is not None else None
                if due_at is None or idle_days > _MOST_IDLE_DAYS:
                    return self.look()
                self.clock.advance(due_at - self.clock.now())
                idle_days += 1
        raise AssertionError(f"it goes in circles at {self.facts.step}")

    # ---------------------------------------------------------------------------------------------------- the promises

    def _check(self, before: Facts, settled: Settled) -> None:
        facts, now = settled.facts, self.clock.now()
        letters = Counter((n.event, n.role, n.cause) for n in facts.notifications)
        registrations = Counter((n.event, n.role) for n in facts.notifications if n.event.startswith("registration"))
        new = {n.event for n in facts.notifications[len(before.notifications) :]}
        is_stopped = bool(settled.holds) or facts.step is Step.CLOSED
        must_learn_the_id = facts.cancel_wanted is not None and not self.policy.capabilities.look_up
        assert not facts.quarantined, f"looking at it failed: {facts.last_error}"
        assert max(letters.values(), default=1) == 1, "a letter is written once"
        assert max(registrations.values(), default=1) == 1, "registration is asked for once"
        assert not is_stopped or new <= INCIDENTS, "who is held or closed is written nothing but incidents"
        assert not is_stopped or must_learn_the_id or not isinstance(settled.effect, Initialise)
        assert (facts.step is Step.HELD) == bool(settled.holds), "held is held with a reason"
        assert settled.effect is not None or settled.due_at is None or settled.due_at > now, "waiting is until later"
        assert max(self.cactus.creations.values(), default=0) <= 1, "a mission is created once"
        self._check_order(facts)

    def _check_order(self, facts: Facts) -> None:
        """Only a reopening, another offer of documents, or a word that nobody knows leads back."""
        if facts.step in (Step.HELD, Step.CLOSED):
            return
        remote = facts.remote
        cause = (facts.reopenings, facts.ask_round, facts.contract_id, remote.documents if remote else ())
        highest, its_cause = self._highest
        if remote is not None and remote.known_status is None:
            self._highest = (Step.TO_INITIALISE, cause)
            return
        if cause == its_cause:
            assert _ORDER.index(facts.step) >= _ORDER.index(highest), f"{highest} went back to {facts.step}"
        self._highest = (facts.step, cause)


def _next_hand(contract: RemoteContract) -> RemoteContract:
    """Return the contract after the next hand's work: student, company, CFA."""
    done = Part(state="done")
    if not contract.student_part.is_done:
        return replace(contract, status="in_progress", student_part=done)
    if not contract.company_part.is_done:
        return replace(contract, status="completed", company_part=done)
    version = 1 + max((d.version for d in contract.documents), default=0)
    papers = tuple(paper(kind, version) for kind in DocumentKind)
    return replace(contract, status=RemoteStatus.GENERATED, documents=(*contract.documents, *papers))
