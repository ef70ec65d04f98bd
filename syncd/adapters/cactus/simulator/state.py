"""The simulated CACTUS itself: its contracts in memory, and the hands of the people who work on them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from syncd.adapters.cactus.simulator import hands
from syncd.adapters.cactus.simulator.bodies import ContractBody, read_body
from syncd.adapters.cactus.simulator.contracts import Contract, Happening, Paper
from syncd.adapters.cactus.simulator.faults import Faults
from syncd.adapters.cactus.simulator.forms import Side, invented_answers
from syncd.adapters.cactus.simulator.papers import print_paper
from syncd.adapters.cactus.simulator.problems import Declined, key_reused, not_found, past_cancelling
from syncd.adapters.cactus.simulator.shelf import ContractPage, Shelf
from syncd.model import ContractId, DocumentKind, RemoteStatus
from syncd.ports.clock import Clock

PaperPress = Callable[[DocumentKind, Contract, int], bytes]
"""Prints one version of one document of a contract."""

Typing = Callable[[Contract, Side, Mapping[str, str], datetime], Contract]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The answer to an initialisation: the contract, and whether this request made it."""

    contract: Contract
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyUse:
    """What an idempotency key was first used for."""

    fingerprint: bytes
    contract_id: ContractId


class Simulator:
    """Keeps contracts in memory and answers as CACTUS does; for one event loop.

    `base_url` is where the people's pages are; without one each answer names the host it was asked at.
    `honours_keys=False` plays a remote that ignores `Idempotency-Key`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        base_url: str | None = None,
        honours_keys: bool = True,
        print_paper: PaperPress = print_paper,
    ) -> None:
        self.clock = clock
        self.base_url = base_url
        self.faults = Faults()
        self._honours_keys = honours_keys
        self._print_paper = print_paper
        self._name = f"{int(clock.throw() * 0x1_0000_0000):08x}"
        self._shelf = Shelf(self._name)
        self._keys: dict[str, _KeyUse] = {}
        self._count = 0

    # What the interface asks

    def initialise(self, document: object, *, key: str | None = None) -> Created:
        """Create a contract from a body, once per key and once per external reference.

        Raises:
            Problem: 422 `invalid` or `key-reused`, 409 `reference-exists`.
        """
        fingerprint = _fingerprint(document)
        use = self._keys.get(key) if key is not None and self._honours_keys else None
        if use is not None and use.contract_id in self._shelf:
            if use.fingerprint != fingerprint:
                raise key_reused()
            return Created(contract=self.read(use.contract_id), is_new=False)
        contract = self._create(read_body(document))
        if key is not None:
            self._keys[key] = _KeyUse(fingerprint=fingerprint, contract_id=contract.contract_id)
        return Created(contract=contract, is_new=True)

    def type_by_hand(self, document: object) -> Contract:
        """Create a contract as a person of the CFA does: perhaps without an external reference."""
        return self._create(read_body(document, typed_by_hand=True))

    def find(self, external_reference: str) -> Contract | None:
        """Return the contract with this reference."""
        return self._shelf.find(external_reference)

    def read(self, contract_id: str) -> Contract:
        """Return a contract as it is now.

        Raises:
            Problem: 404.
        """
        return self._shelf.read(contract_id)

    def changes(self, after: str | None, *, limit: int) -> ContractPage:
        """Return the contracts that changed after a cursor, oldest change first.

        Raises:
            Problem: 410, start over.
        """
        return self._shelf.changes(after, limit)

    def document(self, contract_id: str, kind: str, version: int | None = None) -> Paper:
        """Return a generated document, the newest version when none is named.

        Raises:
            Problem: 404.
        """
        paper = self.read(contract_id).paper(kind, version)
        if paper is None:
            raise not_found("document")
        return paper

    def request_cancellation(self, contract_id: str, reason: str) -> Contract:
        """Cancel a contract; repeating is harmless.

        Raises:
            Problem: 404, or 409 when the contract is past cancelling.
        """
        try:
            return self.cancel(contract_id, reason)
        except Declined as declined:
            raise past_cancelling(self.read(contract_id).status) from declined

    # What people do; what they type is invented where it is not given

    def contracts(self) -> tuple[Contract, ...]:
        """Return every contract, oldest first."""
        return self._shelf.all()

    def start_student(self, contract_id: str, typed: Mapping[str, str] | None = None) -> Contract:
        """The student types something."""
        return self._type(hands.start_part, contract_id, "student", typed)

    def fill_student(self, contract_id: str, typed: Mapping[str, str] | None = None) -> Contract:
        """The student finishes the student part."""
        return self._type(hands.fill_part, contract_id, "student", typed)

    def start_company(self, contract_id: str, typed: Mapping[str, str] | None = None) -> Contract:
        """The company's HR contact types something."""
        return self._type(hands.start_part, contract_id, "company", typed)

    def fill_company(self, contract_id: str, typed: Mapping[str, str] | None = None) -> Contract:
        """The company's HR contact finishes the company part."""
        return self._type(hands.fill_part, contract_id, "company", typed)

    def generate(self, contract_id: str) -> Contract:
        """The CFA generates the Cerfa and the convention, each time as a new version."""
        contract = self.read(contract_id)
        hands.check_generation(contract)
        return self._shelf.keep(hands.generate(contract, self._print_papers(contract), self.clock.now()))

    def reopen(self, contract_id: str, *, student: bool = True, company: bool = True) -> Contract:
        """The CFA has one part or both filled again: the documents no longer hold."""
        return self._shelf.keep(
            hands.reopen(self.read(contract_id), student=student, company=company, now=self.clock.now())
        )

    def refuse(self, contract_id: str, reason: str) -> Contract:
        """The CFA or the OPCO refuses the contract."""
        return self._shelf.keep(hands.refuse(self.read(contract_id), reason, self.clock.now()))

    def cancel(self, contract_id: str, reason: str) -> Contract:
        """The contract is cancelled before it is signed."""
        return self._shelf.keep(hands.cancel(self.read(contract_id), reason, self.clock.now()))

    def sign(self, contract_id: str) -> Contract:
        """Everybody has signed."""
        return self._advance(contract_id, RemoteStatus.SIGNED)

    def transmit(self, contract_id: str) -> Contract:
        """The signed contract goes to the OPCO."""
        return self._advance(contract_id, RemoteStatus.TRANSMITTED)

    def file(self, contract_id: str) -> Contract:
        """The OPCO has filed the contract."""
        return self._advance(contract_id, RemoteStatus.FILED)

    def terminate(self, contract_id: str) -> Contract:
        """The contract ends before its time."""
        return self._advance(contract_id, RemoteStatus.TERMINATED)

    def close(self, contract_id: str) -> Contract:
        """The contract is over."""
        return self._advance(contract_id, RemoteStatus.CLOSED)

    # What goes wrong

    def say_status(self, contract_id: str, word: str) -> Contract:
        """CACTUS uses any word for the status of a contract, one that nobody knows included."""
        return self._shelf.keep(hands.say_status(self.read(contract_id), word, self.clock.now()))

    def forget(self, contract_id: str) -> None:
        """CACTUS no longer knows a contract."""
        self._shelf.forget(contract_id)

    def expire_cursors(self) -> None:
        """Every cursor of the change feed given so far becomes too old."""
        self._shelf.expire_cursors()

    def _create(self, body: ContractBody) -> Contract:
        self._shelf.check_reference(body.external_reference)
        self._count += 1
        now = self.clock.now()
        contract = Contract(
            contract_id=ContractId(f"CT-{self._name[:4]}-{self._count:06d}"),
            body=body,
            created_at=now,
            updated_at=now,
            history=(Happening(at=now, sentence="Contrat initialisé."),),
        )
        return self._shelf.keep(contract)

    def _type(self, act: Typing, contract_id: str, side: Side, typed: Mapping[str, str] | None) -> Contract:
        contract = self.read(contract_id)
        answers = invented_answers(side, contract) if typed is None else typed
        return self._shelf.keep(act(contract, side, answers, self.clock.now()))

    def _advance(self, contract_id: str, to: RemoteStatus) -> Contract:
        return self._shelf.keep(hands.advance(self.read(contract_id), to, self.clock.now()))

    def _print_papers(self, contract: Contract) -> tuple[Paper, ...]:
        now = self.clock.now()
        version = max((paper.version for paper in contract.papers), default=0) + 1
        contents = {kind: self._print_paper(kind, contract, version) for kind in DocumentKind}
        return tuple(
            Paper(
                kind=kind,
                version=version,
                sha256=hashlib.sha256(content).hexdigest(),
                available_at=now,
                content=content,
            )
            for kind, content in contents.items()
        )


def _fingerprint(document: object) -> bytes:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
