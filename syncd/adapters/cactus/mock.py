"""CACTUS in memory: the adapter `mock`, and the remote of most tests. Alone, its contracts stay as they were created.

The same object has the port's methods, the hands of the people who work in CACTUS, and switches for what goes wrong.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.adapters.cactus.mapping import to_cactus
from syncd.errors import CursorExpired, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from syncd.model import (
    Capabilities,
    ContractId,
    DocumentKind,
    Mission,
    MissionId,
    Part,
    PartState,
    RemoteContract,
    RemoteDocument,
    RemoteStatus,
)
from syncd.ports.cactus import FeedPage, FetchedDocument
from syncd.ports.clock import Clock

_PAST_CANCELLING = frozenset(
    {RemoteStatus.SIGNED, RemoteStatus.TRANSMITTED, RemoteStatus.FILED, RemoteStatus.TERMINATED, RemoteStatus.CLOSED}
)


@dataclass(slots=True, kw_only=True)
class MockFaults:
    """Switches for what goes wrong."""

    is_unavailable: bool = False
    """Every call is `Transient`, and nothing is done."""
    failure: SyncdError | None = None
    """Every call raises this, and nothing is done."""
    refusal: Refused | None = None
    """Every initialisation is refused so."""
    requests_to_lose: int = 0
    """So many next initialisations end unknown and are not done."""
    answers_to_lose: int = 0
    """So many next initialisations end unknown and are done."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """One contract with what the port does not show of it."""

    contract: RemoteContract
    contents: dict[tuple[DocumentKind, int], bytes] = field(default_factory=dict)


class MockCactus:
    """Keeps contracts in memory, for one event loop. Implements `syncd.ports.cactus.Cactus`.

    `initialisations` counts the requests that came in, whatever became of them.
    """

    def __init__(self, clock: Clock, *, capabilities: Capabilities = Capabilities()) -> None:  # noqa: B008 - frozen
        self._clock = clock
        self._capabilities = capabilities
        self._kept: dict[ContractId, _Kept] = {}
        self._keys: dict[str, tuple[dict[str, object], ContractId]] = {}
        self._by_reference: dict[str, ContractId] = {}
        self._changed: list[ContractId] = []
        self._age = 0
        self._count = 0
        self.faults = MockFaults()
        self.initialisations = 0

    # The port

    @property
    def capabilities(self) -> Capabilities:
        """What this remote plays to be able to do."""
        return self._capabilities

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create a contract, once per key where keys are honoured, and once per reference."""
        self.initialisations += 1
        self._fail_if_told()
        if self.faults.refusal is not None:
            raise self.faults.refusal
        if self.faults.requests_to_lose > 0:
            self.faults.requests_to_lose -= 1
            raise OutcomeUnknown("the mock lost the request")
        contract = self._create(mission, key)
        if self.faults.answers_to_lose > 0:
            self.faults.answers_to_lose -= 1
            raise OutcomeUnknown("the mock lost the answer")
        return contract

    async def find(self, reference: MissionId) -> RemoteContract | None:
        """Return the contract with this reference."""
        self._fail_if_told()
        return self._find(reference)

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Return the contract, `None` when it has not changed since `etag`."""
        self._fail_if_told()
        contract = self._get(contract_id).contract
        return contract if etag is None or contract.etag != etag else None

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:
        """Return the changes after a cursor, each with the contract as it is now."""
        self._fail_if_told()
        age, _, place = after.partition(":") if after is not None else (str(self._age), ":", "0")
        if age != str(self._age):
            raise CursorExpired("the mock forgot this cursor")
        start = int(place)
        end = min(start + limit, len(self._changed))
        changed = [contract_id for contract_id in self._changed[start:end] if contract_id in self._kept]
        items = tuple(self._kept[contract_id].contract for contract_id in changed)
        return FeedPage(items=items, cursor=f"{age}:{end}", has_more=end < len(self._changed))

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return the bytes that were generated."""
        self._fail_if_told()
        content = self._get(contract_id).contents.get((kind, version))
        if content is None:
            raise Refused("CACTUS has no such document", code=RefusalCode.NOT_FOUND)
        return FetchedDocument(content=content, content_type="application/pdf")

    async def cancel(self, contract_id: ContractId, reason: str) -> RemoteContract:
        """Cancel a contract that is not past it."""
        self._fail_if_told()
        contract = self._get(contract_id).contract
        if contract.status in _PAST_CANCELLING:
            raise Refused("the contract is past cancelling", code=RefusalCode.PAST_CANCELLING)
        if contract.status == RemoteStatus.CANCELLED:
            return contract
        return self._keep(replace(contract, status=RemoteStatus.CANCELLED, rejection_reason=reason))

    async def aclose(self) -> None:
        """Keep everything: there is nothing to close."""

    # The hands of the people

    def fill_student(self, contract_id: ContractId) -> RemoteContract:
        """The student finishes the student part."""
        return self._fill(replace(self._get(contract_id).contract, student_part=self._done()))

    def fill_company(self, contract_id: ContractId) -> RemoteContract:
        """The HR contact finishes the company part."""
        return self._fill(replace(self._get(contract_id).contract, company_part=self._done()))

    def generate(
        self, contract_id: ContractId, documents: Mapping[DocumentKind, bytes] | None = None
    ) -> RemoteContract:
        """The CFA generates new versions of these documents, by default of both, with bytes that only look like PDF."""
        kept = self._get(contract_id)
        version = max((number for _, number in kept.contents), default=0) + 1
        if documents is None:
            documents = {kind: f"%PDF-1.4 {kind} {version}\n%%EOF\n".encode() for kind in DocumentKind}
        kept.contents |= {(kind, version): content for kind, content in documents.items()}
        now = self._clock.now()
        offered = tuple(_offer(kind, version, content, now) for kind, content in documents.items())
        listed = kept.contract.documents + offered
        return self._keep(replace(kept.contract, status=RemoteStatus.GENERATED, generated_at=now, documents=listed))

    def reopen(self, contract_id: ContractId) -> RemoteContract:
        """The CFA has both parts filled again; the old documents stay listed."""
        contract = replace(self._get(contract_id).contract, status=RemoteStatus.REOPENED, generated_at=None)
        return self._keep(replace(contract, student_part=Part(), company_part=Part()))

    def refuse(self, contract_id: ContractId, reason: str) -> RemoteContract:
        """The CFA or the OPCO refuses the contract."""
        contract = self._get(contract_id).contract
        return self._keep(replace(contract, status=RemoteStatus.REFUSED, rejection_reason=reason))

    def say_status(self, contract_id: ContractId, word: str) -> RemoteContract:
        """CACTUS uses this word, known or not."""
        return self._keep(replace(self._get(contract_id).contract, status=word))

    def forget(self, contract_id: ContractId) -> None:
        """CACTUS no longer knows the contract."""
        kept = self._kept.pop(contract_id)
        self._by_reference.pop(kept.contract.external_reference or "", None)

    def expire_cursors(self) -> None:
        """Every cursor given so far is too old."""
        self._age += 1

    # Inside

    def _fail_if_told(self) -> None:
        if self.faults.is_unavailable:
            raise Transient("the mock plays an outage", is_general=True)
        if self.faults.failure is not None:
            raise self.faults.failure

    def _create(self, mission: Mission, key: str) -> RemoteContract:
        body = to_cactus(mission)
        known_body, contract_id = self._keys.get(key, (None, None))
        if contract_id in self._kept and self._capabilities.idempotency_keys:
            if known_body != body:
                raise Refused("the same key was used with other values", code=RefusalCode.KEY_REUSED)
            return self._get(contract_id).contract
        if (existing := self._find(mission.mission_id)) is not None:
            raise Refused(
                "a contract with this reference exists already",
                code=RefusalCode.REFERENCE_EXISTS,
                contract_id=existing.contract_id,
            )
        self._count += 1
        contract = RemoteContract(
            contract_id=ContractId(f"MOCK-{self._count}"),
            external_reference=mission.mission_id,
            status=RemoteStatus.INITIALISED,
            student_number=mission.student_number,
            company_siret=mission.company_siret,
        )
        self._by_reference[mission.mission_id] = contract.contract_id
        self._keys[key] = (body, contract.contract_id)
        return self._keep(contract)

    def _find(self, reference: str) -> RemoteContract | None:
        contract_id = self._by_reference.get(reference)
        return self._kept[contract_id].contract if contract_id is not None else None

    def _get(self, contract_id: ContractId) -> _Kept:
        if contract_id not in self._kept:
            raise Refused("CACTUS does not know it", code=RefusalCode.NOT_FOUND)
        return self._kept[contract_id]

    def _done(self) -> Part:
        return Part(state=PartState.DONE, done_at=self._clock.now())

    def _fill(self, contract: RemoteContract) -> RemoteContract:
        both = contract.student_part.is_done and contract.company_part.is_done
        status = RemoteStatus.COMPLETED if both else RemoteStatus.IN_PROGRESS
        return self._keep(replace(contract, status=status))

    def _keep(self, contract: RemoteContract) -> RemoteContract:
        """Record a change: a new ETag, and an entry in the feed."""
        self._changed.append(contract.contract_id)
        etag = f'"{len(self._changed)}"'
        contract = replace(contract, updated_at=self._clock.now(), etag=etag)
        self._kept.setdefault(contract.contract_id, _Kept(contract=contract)).contract = contract
        return contract


def _offer(kind: DocumentKind, version: int, content: bytes, now: datetime) -> RemoteDocument:
    sha256 = hashlib.sha256(content).hexdigest()
    return RemoteDocument(kind=kind, version=version, sha256=sha256, size=len(content), available_at=now)
