"""A contract as the simulated CACTUS keeps it. Every change makes a new record with the next revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from syncd.adapters.cactus.simulator.bodies import ContractBody
from syncd.model import ContractId, DocumentKind, PartState, RemoteStatus

NOTHING_TYPED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledPart:
    """One side's part: how far it is, and what was typed so far."""

    state: PartState = PartState.TODO
    done_at: datetime | None = None
    typed: Mapping[str, str] = field(default_factory=lambda: NOTHING_TYPED, repr=False)

    @property
    def is_done(self) -> bool:
        """Whether this side has nothing left to fill."""
        return self.state is PartState.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One version of one generated document."""

    kind: DocumentKind
    version: int
    sha256: str
    available_at: datetime
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of a contract's history, for the CFA's page."""

    at: datetime
    sentence: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The whole state of one contract. `status` is a text: a simulator may use a word that nobody knows."""

    contract_id: ContractId
    body: ContractBody = field(repr=False)
    created_at: datetime
    updated_at: datetime
    status: str = RemoteStatus.INITIALISED
    revision: int = 1
    student: FilledPart = FilledPart()
    company: FilledPart = FilledPart()
    papers: tuple[Paper, ...] = ()
    generated_at: datetime | None = None
    rejection_reason: str | None = field(default=None, repr=False)
    history: tuple[Happening, ...] = field(default=(), repr=False)

    @property
    def etag(self) -> str:
        """Changes with every change of the contract."""
        return f'"{self.contract_id}.{self.revision}"'

    @property
    def current_papers(self) -> tuple[Paper, ...]:
        """The newest version of each kind."""
        newest = {paper.kind: paper for paper in sorted(self.papers, key=lambda paper: paper.version)}
        return tuple(newest.values())

    def paper(self, kind: str, version: int | None = None) -> Paper | None:
        """Return this version of a document, the newest one when none is named."""
        found = [paper for paper in self.papers if paper.kind == kind and version in (None, paper.version)]
        return max(found, key=lambda paper: paper.version, default=None)
