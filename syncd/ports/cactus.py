"""The port to CACTUS: what an adapter promises, whatever the remote is really like.

`tests/conformance` runs every adapter through these promises.
"""

from dataclasses import dataclass
from typing import Protocol

from syncd.model import Capabilities, ContractId, DocumentKind, Mission, MissionId, RemoteContract


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A page of the change feed, oldest change first. An entry may come twice, late, or not at all.

    `cursor` is the place after the last item, opaque; `None` when CACTUS gave none (keep the one you have).
    """

    items: tuple[RemoteContract, ...]
    cursor: str | None
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDocument:
    """The bytes of a document as they came, not yet believed."""

    content: bytes
    content_type: str


class Cactus(Protocol):
    """Speaks with CACTUS. Safe for concurrent use within one event loop.

    Every method ends within the adapter's total deadline, raises only the errors of `syncd.errors`, and never puts
    personal data or a secret into their texts. Beside what each method names, every method may raise `Transient`
    (`is_general` when the whole remote is down, slow or limiting; `retry_after` when it said how long),
    `CredentialsRefused`, and `OutcomeUnknown` where it changes something.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this remote can do."""

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract of a mission, once per key, and return it. Never repeated by the adapter itself.

        `mission` is the frozen row to send, its training dates filled in; `mission.mission_id` becomes the external
        reference.

        Raises:
            Transient: CACTUS certainly did nothing (never sent, or refused before any work: 429, 401).
            OutcomeUnknown: no answer, an answer that cannot be understood, another mission's contract: look it up.
            Refused: `INVALID` (the message names the fields), `KEY_REUSED`, or `REFERENCE_EXISTS` with the
                `contract_id` that is in the way.
        """

    async def find(self, reference: MissionId) -> RemoteContract | None:
        """Return the contract with this external reference, `None` when there is certainly none."""

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Return the contract as it is now; `None` when it has not changed since `etag`.

        Raises:
            Refused: `NOT_FOUND`, CACTUS does not know it.
        """

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:
        """Return the changes after a cursor, from the beginning when there is none.

        Raises:
            CursorExpired: start over with `None`.
        """

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return a document's bytes, at most the adapter's cap; nothing of them is checked here but the cap.

        Raises:
            Refused: `NOT_FOUND`, there is no such document (yet); `CONTENT`, more than the cap.
        """

    async def cancel(self, contract_id: ContractId, reason: str) -> RemoteContract:
        """Cancel a contract and return it; repeating is harmless.

        Raises:
            Refused: `PAST_CANCELLING`, `NOT_FOUND`.
        """

    async def aclose(self) -> None:
        """Close every connection."""
