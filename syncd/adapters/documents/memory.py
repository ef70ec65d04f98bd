"""Keeps documents in memory: for trials and tests, without threads and without a disk."""

from collections.abc import Callable

from syncd.adapters.documents.keyring import Keyring
from syncd.errors import RefusalCode, Refused
from syncd.ports.documents import DocumentName


class MemoryVault:
    """A `Vault` that forgets everything with its process, and keeps every other promise."""

    def __init__(self, key: bytes, *, new_id: Callable[[], str], old_keys: tuple[bytes, ...] = ()) -> None:
        """Take what `FolderVault` takes, but for the folder."""
        self._keyring = Keyring(key, old_keys)
        self._new_id = new_id
        self._sealed: dict[str, bytes] = {}

    @property
    def key_id(self) -> str:
        return self._keyring.key_id

    async def store(self, name: DocumentName, content: bytes) -> str:
        file_id = f"{self._new_id()}.bin"
        self._sealed[file_id] = self._keyring.seal(name, content)
        return file_id

    async def load(self, name: DocumentName, file_id: str) -> bytes:
        sealed = self._sealed.get(file_id)
        if sealed is None:
            raise Refused("there is no such stored document", code=RefusalCode.NOT_FOUND)
        return self._keyring.open(name, sealed)

    async def remove(self, file_id: str) -> None:
        self._sealed.pop(file_id, None)

    async def file_ids(self) -> frozenset[str]:
        return frozenset(self._sealed)
