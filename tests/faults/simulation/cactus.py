"""CACTUS as a model: what it keeps, what it does when a request arrives, and what people do in it."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from syncd.errors import CursorExpired, OutcomeUnknown, RefusalCode, Refused
from syncd.model import (
    ContractId,
    DocumentKind,
    Mission,
    MissionId,
    Part,
    PartState,
    RemoteContract,
    RemoteDocument,
    RemoteStatus,
    changed_fields,
)
from syncd.ports.cactus import FeedPage, FetchedDocument
from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import KEYS_LIVE_S, STALENESS_S, Kind, instant
from tests.faults.simulation.weather import Weather

_ITS_CLOCK_IS_OFF = timedelta(minutes=-47)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What this CACTUS can do and cannot."""

    has_keys: bool = True
    keys_expire: bool = False
    refuses_second_reference: bool = False
    has_look_up: bool = True
    has_feed: bool = True


@dataclass(slots=True, kw_only=True)
class Kept:
    """One contract: as it is, what it was created from, and what a look-up does not show yet."""

    contract: RemoteContract
    mission: Mission
    shown_from: float
    contents: dict[tuple[DocumentKind, int], bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Key:
    mission: Mission
    contract_id: ContractId
    expires_at: float


class CactusServer:
    """Keeps contracts, honours keys if it can, and counts what it created."""

    def __init__(self, nature: Nature, history: History, weather: Weather, dice: Random) -> None:
        self.nature = nature
        self.kept: dict[ContractId, Kept] = {}
        self.creations: Counter[MissionId] = Counter()
        self.on_created: Callable[[ContractId], None] = lambda _: None
        self.may_see_other_bodies = False
        """A ledger from a snapshot may have forgotten what it sent."""
        self._history = history
        self._weather = weather
        self._dice = dice
        self._keys: dict[str, _Key] = {}
        self._in_hand: Counter[str] = Counter()
        self._by_reference: defaultdict[MissionId, list[ContractId]] = defaultdict(list)
        self._feed: list[RemoteContract] = []
        self._age = 0

    def of(self, reference: MissionId) -> Kept | None:
        """Return the first contract of a mission."""
        ids = self._by_reference.get(reference)
        return self.kept[ids[0]] if ids else None

    # ------------------------------------------------------------------------------------------------ requests

    def take_in_hand(self, key: str) -> None:
        """Begin to process a request that will be applied late."""
        if self.nature.has_keys:
            self._in_hand[key] += 1

    def finish(self, mission: Mission, key: str) -> None:
        """Apply a request that was in hand; nobody waits for its answer any more."""
        if self.nature.has_keys:
            self._in_hand[key] -= 1
        try:
            self._create(mission, key)
        except Refused as refusal:
            self._history.say("CACTUS", f"late request of {mission.mission_id} refused: {refusal.code}")

    def create(self, mission: Mission, key: str) -> RemoteContract:
        """Create the contract of a mission: once per key where keys are honoured."""
        if self._in_hand[key] > 0:
            self._history.count(Kind.IN_PROGRESS, "CACTUS", mission.mission_id)
            raise OutcomeUnknown("still under way", retry_after=timedelta(seconds=2), is_general=False)
        return self._create(mission, key)

    def find(self, reference: MissionId) -> RemoteContract | None:
        """Return the contract with this reference, once look-ups show it."""
        found = self.of(reference)
        if found is not None and self._history.now() < found.shown_from:
            self._history.count(Kind.STALE_LOOK_UP, "CACTUS", reference)
            return None
        return found.contract if found is not None else None

    def read(self, contract_id: ContractId, etag: str | None) -> RemoteContract | None:
        """Return the contract as it is now."""
        contract = self._get(contract_id).contract
        return contract if etag is None or contract.etag != etag else None

    def changes(self, after: str | None, limit: int) -> FeedPage:
        """Return the entries behind a cursor; some come twice, in another order, or never."""
        age, _, place = after.partition(":") if after is not None else (str(self._age), "", "0")
        if after is not None and self._weather.strikes(Kind.CURSOR_EXPIRED, "CACTUS"):
            self._age += 1
        if age != str(self._age):
            raise CursorExpired("too old")
        start, end = int(place), min(int(place) + limit, len(self._feed))
        page = self._muddled(self._feed[start:end])
        return FeedPage(items=tuple(page), cursor=f"{age}:{end}", has_more=end < len(self._feed))

    def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return the bytes that were generated, or something that is not them."""
        content = self._get(contract_id).contents.get((kind, version))
        if content is None:
            raise Refused("no such document", code=RefusalCode.NOT_FOUND)
        if self._weather.strikes(Kind.DOCUMENT_CUT, "CACTUS", f"{contract_id} {kind}"):
            content = content[: len(content) // 2]
        elif self._weather.strikes(Kind.DOCUMENT_WRONG, "CACTUS", f"{contract_id} {kind}"):
            content = _paper(ContractId("somebody-else"), kind, version)
        return FetchedDocument(content=content, content_type="application/pdf")

    # --------------------------------------------------------------------------------------- people's hands

    def fill_student(self, contract_id: ContractId) -> None:
        """The student finishes the student part."""
        self._fill(replace(self._get(contract_id).contract, student_part=self._done()))

    def fill_company(self, contract_id: ContractId) -> None:
        """The HR contact finishes the company part."""
        self._fill(replace(self._get(contract_id).contract, company_part=self._done()))

    def generate(self, contract_id: ContractId) -> None:
        """The CFA generates a new version of both documents."""
        kept = self._get(contract_id)
        version = max((number for _, number in kept.contents), default=0) + 1
        new = {(kind, version): _paper(contract_id, kind, version) for kind in DocumentKind}
        kept.contents |= new
        offered = tuple(_offer(kind, version, content) for (kind, version), content in new.items())
        documents = kept.contract.documents + offered
        self._keep(replace(kept.contract, status=RemoteStatus.GENERATED, documents=documents))

    def reopen(self, contract_id: ContractId) -> None:
        """The CFA has both parts filled again."""
        contract = self._get(contract_id).contract
        self._keep(replace(contract, status=RemoteStatus.REOPENED, student_part=Part(), company_part=Part()))

    # --------------------------------------------------------------------------------------------------- inside

    def _create(self, mission: Mission, key: str) -> RemoteContract:
        if (known := self._known_key(key, mission)) is not None:
            return known
        rival = self.of(mission.mission_id)
        if rival is not None and self.nature.refuses_second_reference:
            raise Refused("exists", code=RefusalCode.REFERENCE_EXISTS, contract_id=rival.contract.contract_id)
        contract_id = ContractId(f"C-{len(self.kept) + 1}")
        self.creations[mission.mission_id] += 1
        if self.creations[mission.mission_id] > 1:
            self._history.break_promise(
                "I1", f"{mission.mission_id} was created {self.creations[mission.mission_id]} times"
            )
        self._history.say("CACTUS", f"created {contract_id} for {mission.mission_id}")
        return self._register(contract_id, mission, key)

    def _register(self, contract_id: ContractId, mission: Mission, key: str) -> RemoteContract:
        now = self._history.now()
        is_stale = self._weather.draws(Kind.STALE_LOOK_UP) is not None
        contract = RemoteContract(
            contract_id=contract_id, external_reference=mission.mission_id, status=RemoteStatus.INITIALISED,
            student_number=mission.student_number, company_siret=mission.company_siret,
        )  # fmt: skip
        shown_from = now + self._dice.uniform(0.5, STALENESS_S) if is_stale else now
        self.kept[contract_id] = Kept(contract=contract, mission=mission, shown_from=shown_from)
        self._by_reference[mission.mission_id].append(contract_id)
        expires_at = now + KEYS_LIVE_S if self.nature.keys_expire else float("inf")
        self._keys[key] = _Key(mission, contract_id, expires_at)
        contract = self._keep(contract)
        self.on_created(contract_id)
        return contract

    def _known_key(self, key: str, mission: Mission) -> RemoteContract | None:
        known = self._keys.get(key) if self.nature.has_keys else None
        if known is None:
            return None
        if self._history.now() > known.expires_at:
            self._history.count(Kind.KEY_EXPIRED, "CACTUS", mission.mission_id)
            return None
        if changed_fields(known.mission, mission):
            if not self.may_see_other_bodies:
                self._history.break_promise("Q05", f"{mission.mission_id} was asked again with other values")
            raise Refused("other values", code=RefusalCode.KEY_REUSED)
        return self.kept[known.contract_id].contract

    def _get(self, contract_id: ContractId) -> Kept:
        if contract_id not in self.kept:
            raise Refused("unknown", code=RefusalCode.NOT_FOUND)
        return self.kept[contract_id]

    def _done(self) -> Part:
        return Part(state=PartState.DONE, done_at=self._its_time())

    def _fill(self, contract: RemoteContract) -> None:
        both = contract.student_part.is_done and contract.company_part.is_done
        self._keep(replace(contract, status=RemoteStatus.COMPLETED if both else RemoteStatus.IN_PROGRESS))

    def _keep(self, contract: RemoteContract) -> RemoteContract:
        contract = replace(contract, updated_at=self._its_time(), etag=f'"{len(self._feed)}"')
        self.kept[contract.contract_id].contract = contract
        self._feed.append(contract)
        self._history.say("CACTUS", f"{contract.contract_id} of {contract.external_reference} is {contract.status}")
        return contract

    def _its_time(self) -> datetime:
        return instant(self._history.now()) + _ITS_CLOCK_IS_OFF

    def _muddled(self, entries: list[RemoteContract]) -> list[RemoteContract]:
        entries = [e for e in entries if not self._weather.strikes(Kind.FEED_FORGETS, "CACTUS", e.contract_id)]
        if entries and self._weather.strikes(Kind.FEED_REPEATS, "CACTUS"):
            entries = [*entries, self._dice.choice(self._feed), self._dice.choice(entries)]
        if len(entries) > 1 and self._weather.strikes(Kind.FEED_DISORDER, "CACTUS"):
            self._dice.shuffle(entries)
        return entries


def _paper(contract_id: ContractId, kind: DocumentKind, version: int) -> bytes:
    return f"%PDF-1.7 {contract_id} {kind} {version}\n%%EOF\n".encode()


def _offer(kind: DocumentKind, version: int, content: bytes) -> RemoteDocument:
    sha256 = hashlib.sha256(content).hexdigest()
    return RemoteDocument(kind=kind, version=version, sha256=sha256, size=len(content))
