"""The ports to the document vault and to the check of a PDF."""

from dataclasses import dataclass
from typing import Protocol

from syncd.model import DocumentKind, MissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentName:
    """What a document belongs to: bound to its encrypted bytes, so that no file can stand for another."""

    mission_id: MissionId
    kind: DocumentKind
    version: int


class Vault(Protocol):
    """Keeps documents encrypted, whole or not at all, and never overwrites one."""

    @property
    def key_id(self) -> str:
        """A fingerprint of the encryption key; says nothing of the key."""

    async def store(self, name: DocumentName, content: bytes) -> str:
        """Return a new file id once the encrypted bytes are durable (file and folder synced).

        Raises:
            Transient: no space, read-only, no such folder; nothing is left behind.
        """

    async def load(self, name: DocumentName, file_id: str) -> bytes:
        """Return the bytes as they were stored.

        Raises:
            Refused: `CONTENT`, the file is damaged, belongs to another name, or needs another key.
                `NOT_FOUND`, there is no such file.
        """

    async def remove(self, file_id: str) -> None:
        """Make sure that the file is gone."""

    async def file_ids(self) -> frozenset[str]:
        """Return the ids of all files: those that no document row names are orphans of a crash."""


class PdfCheck(Protocol):
    """Says whether bytes are a whole, sound PDF, without ever being hurt by them."""

    async def fault_of(self, content: bytes) -> str | None:
        """Return `None` for a sound PDF, else what is wrong in a few words (`truncated`, `encrypted`, …).

        Raises:
            Transient: the check itself could not run.
        """

    async def aclose(self) -> None:
        """End the helper process."""
