"""What CACTUS says of a contract, in syncd's words."""

from dataclasses import dataclass
from datetime import datetime

from syncd.model.words import ContractId, DocumentKind, PartState, RemoteStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One side's part. An unknown state word is kept as it came; it is not `done`."""

    state: str = PartState.TODO
    done_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether this side has nothing left to fill."""
        return self.state == PartState.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDocument:
    """A document that CACTUS offers. `sha256` is lower-case hexadecimal of the bytes."""

    kind: DocumentKind
    version: int
    sha256: str
    size: int
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteContract:
    """A contract as CACTUS last answered it.

    `status` is the raw word. `student_number` and `company_siret` are `None` where CACTUS does not tell them.
    """

    contract_id: ContractId
    external_reference: str | None
    status: str
    student_part: Part = Part()
    company_part: Part = Part()
    documents: tuple[RemoteDocument, ...] = ()
    generated_at: datetime | None = None
    updated_at: datetime | None = None
    student_url: str | None = None
    company_url: str | None = None
    rejection_reason: str | None = None
    student_number: str | None = None
    company_siret: str | None = None
    etag: str | None = None

    @property
    def known_status(self) -> RemoteStatus | None:
        """The status, or `None` when CACTUS used a word that syncd does not know."""
        return _KNOWN_WORDS.get(self.status)

    def current_document(self, kind: DocumentKind) -> RemoteDocument | None:
        """Return the offered document of this kind with the highest version."""
        offered = [document for document in self.documents if document.kind is kind]
        return max(offered, key=lambda document: document.version, default=None)


_KNOWN_WORDS = {str(word): word for word in RemoteStatus}
