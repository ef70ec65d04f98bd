"""Keeps documents as encrypted files in one folder of ours."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from syncd.adapters.documents.disk import FOLDER_MODE, UNFINISHED, Disk, RealDisk, write_durably
from syncd.adapters.documents.keyring import Keyring
from syncd.errors import RefusalCode, Refused, Transient
from syncd.ports.documents import DocumentName

_FILE_ID = re.compile(r"[0-9a-f]{32}\.bin")


class FolderVault:
    """A `Vault` in a folder: one file per document, named by us, encrypted, never written twice.

    File names say nothing: what a file holds is known to the ledger alone. Work on files happens in threads; when the
    caller is cancelled during a `store`, the file may stay: it is an orphan like that of a crash.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        *,
        new_id: Callable[[], str],
        old_keys: tuple[bytes, ...] = (),
        disk: Disk | None = None,
    ) -> None:
        """Take a folder, created when it is first needed, and 32 bytes of key; `old_keys` still open what they closed.

        `new_id` gives 32 hexadecimal digits, never the same twice (`uuid4().hex`).

        Raises:
            Misconfigured: a key has not 32 bytes.
        """
        self._folder = folder
        self._keyring = Keyring(key, old_keys)
        self._new_id = new_id
        self._disk = disk or RealDisk()

    @property
    def key_id(self) -> str:
        return self._keyring.key_id

    async def store(self, name: DocumentName, content: bytes) -> str:
        return await asyncio.to_thread(self._store, name, content)

    async def load(self, name: DocumentName, file_id: str) -> bytes:
        return await asyncio.to_thread(self._load, name, file_id)

    async def remove(self, file_id: str) -> None:
        await asyncio.to_thread(self._remove, file_id)

    async def file_ids(self) -> frozenset[str]:
        return await asyncio.to_thread(self._file_ids)

    async def remove_unfinished(self, *, before: datetime) -> int:
        """Remove what interrupted stores left behind before an instant, and return how many files that were.

        The instant lies well in the past (an hour): a file of a store that is still running stays.
        """
        return await asyncio.to_thread(self._remove_unfinished, before)

    def _store(self, name: DocumentName, content: bytes) -> str:
        file_id = f"{self._new_id()}.bin"
        if not _is_ours(file_id):
            raise ValueError("a new id has 32 hexadecimal digits")
        sealed = self._keyring.seal(name, content)
        with _disk_errors("written"):
            self._create_folder()
            write_durably(self._disk, self._folder / file_id, sealed)
        return file_id

    def _create_folder(self) -> None:
        if self._folder.is_dir():
            return
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._disk.sync_folder(self._folder.parent)

    def _load(self, name: DocumentName, file_id: str) -> bytes:
        if not _is_ours(file_id):
            raise _not_found()
        with _disk_errors("read"):
            try:
                sealed = (self._folder / file_id).read_bytes()
            except FileNotFoundError as error:
                raise _not_found() from error
        return self._keyring.open(name, sealed)

    def _remove(self, file_id: str) -> None:
        if not _is_ours(file_id):
            return
        with _disk_errors("removed"):
            self._disk.remove(self._folder / file_id)
            self._disk.sync_folder(self._folder)

    def _file_ids(self) -> frozenset[str]:
        return frozenset(path.name for path in self._files() if _is_ours(path.name))

    def _remove_unfinished(self, before: datetime) -> int:
        unfinished = (path for path in self._files() if path.name.endswith(UNFINISHED))
        with _disk_errors("removed"):
            leftovers = [path for path in unfinished if _is_older(path, before)]
            for path in leftovers:
                self._disk.remove(path)
        return len(leftovers)

    def _files(self) -> tuple[Path, ...]:
        """Return the files of the folder; none when it does not exist yet."""
        with _disk_errors("listed"):
            try:
                return tuple(self._folder.iterdir())
            except FileNotFoundError:
                return ()


def _is_ours(file_id: str) -> bool:
    """Whether this is a name that we give: a remote name, or a path, never gets near the folder."""
    return _FILE_ID.fullmatch(file_id) is not None


def _is_older(path: Path, instant: datetime) -> bool:
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:  # its store has just ended
        return False


def _not_found() -> Refused:
    return Refused("there is no such stored document", code=RefusalCode.NOT_FOUND)


@contextmanager
def _disk_errors(done: str) -> Iterator[None]:
    """Translate what the disk says: nothing was done, and it may go better once somebody has looked at it."""
    try:
        yield
    except OSError as error:
        hint = "Look at the space and the permissions of the document folder."
        raise Transient(f"a document could not be {done}: {error.strerror}", hint=hint) from error
