"""What the ledger tells to people: pages of contracts, one contract whole, and the state of every flow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.model import (
    ContractId,
    Event,
    Facts,
    HoldCode,
    HoldReason,
    MissionId,
    NotificationState,
    Role,
    Step,
    Track,
    Warned,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """One line of a list."""

    mission_id: MissionId
    track: Track | None
    campus: str | None
    level: str | None
    academic_year: str | None
    programme: str | None
    step: Step
    hold_codes: tuple[HoldCode, ...]
    is_late: bool
    contract_id: ContractId | None
    contract_starts_on: str | None
    due_at: datetime | None
    attempts: int
    last_error: str | None
    next_action: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFilter:
    """Which contracts; every condition given must hold."""

    step: Step | None = None
    held: bool = False
    late: bool = False
    campus: str | None = None
    track: Track | None = None
    discovered_since: datetime | None = None
    changed_since: datetime | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    """One letter as people see it."""

    letter_id: int
    mission_id: MissionId | None
    event: Event
    role: Role
    cause: str
    state: NotificationState
    is_blocked: bool
    message_id: str
    attempts: int
    queued_at: datetime
    sent_at: datetime | None
    retry_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One thing that happened."""

    at: datetime
    event: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractView:
    """One contract, whole, as it was last settled."""

    row: ContractRow
    facts: Facts
    holds: tuple[HoldReason, ...]
    warnings: tuple[Warned, ...]
    is_claimed: bool
    letters: tuple[LetterRow, ...]
    timeline: tuple[TimelineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """How fresh a flow is: `missions`, `feed`, `sweep`, `contracts`, `mail`, …"""

    flow: str
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_error: str | None
    last_row_at: datetime | None
    last_change_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRow:
    """One process that works, or did until lately."""

    replica: str
    host: str
    pid: int
    version: str
    started_at: datetime
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits, and how long the oldest has. `…_retrying`: failed at least once and waits for the next attempt."""

    contracts_due: int
    oldest_due_at: datetime | None
    letters_queued: int
    oldest_letter_at: datetime | None
    letters_failed: int
    letters_unknown: int
    contracts_retrying: int = 0
    letters_retrying: int = 0


class LedgerReader(Protocol):
    """Reads the ledger for people; every reading is one snapshot and writes nothing."""

    async def count_by_step(self) -> Mapping[Step, int]:
        """Return how many contracts stand at each step."""

    async def list_contracts(
        self, which: ContractFilter, *, after: MissionId | None = None, limit: int = 1000
    ) -> tuple[ContractRow, ...]:
        """Return a page of contracts: late requests first, then by mission id; `after` is the last id of a page."""

    async def ids_of(self, which: ContractFilter, *, after: MissionId | None, limit: int) -> tuple[MissionId, ...]:
        """Return a page of mission ids in their order."""

    async def known_ids(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Return those of these ids that the ledger has."""

    async def view(self, mission_id: MissionId) -> ContractView | None:
        """Return one contract, whole."""

    async def missions_of(
        self, *, contract_ids: Sequence[ContractId], references: Sequence[MissionId]
    ) -> Mapping[ContractId | MissionId, MissionId]:
        """Return which mission each of these remote ids and references belongs to, where one is known."""

    async def list_linked(self, *, after: MissionId | None, limit: int) -> tuple[tuple[MissionId, ContractId], ...]:
        """Return a page of the missions that have a contract in CACTUS and are not closed, in order."""

    async def letters(
        self, *, mission_id: MissionId | None = None, state: NotificationState | None = None, limit: int = 200
    ) -> tuple[LetterRow, ...]:
        """Return letters, the newest first."""

    async def letter(self, letter_id: int) -> LetterRow | None:
        """Return one letter."""

    async def needs_person(self, *, limit: int = 200) -> tuple[ContractRow, ...]:
        """Return contracts that are held, or with a letter that does not get through; late ones first."""

    async def left_alone(self, *, limit: int) -> tuple[MissionId, ...]:
        """Return contracts that only a newer version of syncd understands: this one leaves them alone."""

    async def flows(self) -> tuple[FlowRow, ...]:
        """Return the freshness of each flow."""

    async def replicas(self) -> tuple[ReplicaRow, ...]:
        """Return the registry of replicas."""

    async def backlog(self, *, now: datetime) -> Backlog:
        """Return what waits."""

    async def waiting_facts(self, which: ContractFilter, *, limit: int) -> tuple[Facts, ...]:
        """Return the facts of contracts, for the digest and for plans."""

    async def facts_of(self, mission_ids: Sequence[MissionId]) -> tuple[Facts, ...]:
        """Return the facts of these contracts, of those that this version can read."""

    async def missions_with_files(
        self, *, after: MissionId | None, limit: int
    ) -> tuple[tuple[MissionId, str | None], ...]:
        """Return a page of the missions of which the vault keeps a document, each with its academic year, in order."""

    async def document_files(self) -> frozenset[str]:
        """Return the ids of all vault files that a document row names."""
