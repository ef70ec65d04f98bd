"""What can be done next for a contract: a closed list of plain values."""

from dataclasses import dataclass
from datetime import datetime

from syncd.model import ContractId, Event, Mission, MissionId, RemoteDocument, Role, StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialise:
    """Ask CACTUS to create the contract of this frozen mission. The intent is committed before the request leaves."""

    mission: Mission
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Ask CACTUS whether it has a contract with this reference."""

    reference: MissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRemote:
    """Ask CACTUS for the contract as it is now."""

    contract_id: ContractId


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDocument:
    """Download, check and store one document."""

    contract_id: ContractId
    document: RemoteDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRemote:
    """Ask CACTUS to cancel the contract."""

    contract_id: ContractId
    reason: str


Effect = Initialise | LookUp | ReadRemote | FetchDocument | CancelRemote
"""What reaches outside the ledger; performed under a lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Who is told what. The same event, role and cause is one letter, for ever."""

    event: Event
    role: Role
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Queue these letters. `decides`: the favourable decision of a professionalisation contract is among them."""

    letters: tuple[Letter, ...]
    decides: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersede:
    """These stored documents no longer hold."""

    documents: tuple[StoredDocument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Nothing exists in CACTUS: the cancellation that an admin asked for is done."""

    reason: str


Entry = Announce | Supersede | Close
"""What changes the ledger alone; done in the transaction that decides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before `until` (for ever when `None`), unless something changes. `awaited` says who or what."""

    awaited: str
    until: datetime | None = None


Action = Effect | Entry | Wait
