"""Writes a file so that it survives a power cut, or leaves nothing."""

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

FILE_MODE = 0o600
FOLDER_MODE = 0o700

UNFINISHED = ".part"
"""Ends the name of a file that is being written; after a crash, that of a leftover."""


class Disk(Protocol):
    """The steps of a durable write, in the order in which they are needed. Each may raise `OSError`."""

    def create(self, path: Path) -> int:
        """Return the descriptor of a new file that nobody else can read; `FileExistsError` when there is one."""

    def write(self, descriptor: int, content: bytes) -> None:
        """Write all the bytes."""

    def sync(self, descriptor: int) -> None:
        """Return once what was written is on the medium."""

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""

    def rename(self, path: Path, target: Path) -> None:
        """Give a file its name."""

    def sync_folder(self, folder: Path) -> None:
        """Return once the names in a folder are on the medium."""

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""


class RealDisk:
    """The disk of this machine."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)

    def write(self, descriptor: int, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, path: Path, target: Path) -> None:
        path.rename(target)

    def sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def write_durably(disk: Disk, path: Path, content: bytes) -> None:
    """Return once a new file is on the medium under its name, whole; on `OSError` nothing is left of it.

    An existing file is never overwritten: `FileExistsError`. Whoever holds the unfinished name is alone with the final
    one. After a crash there may be an unfinished file, or the whole one; never half a file under its final name.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    with ExitStack() as undo:
        descriptor = disk.create(unfinished)
        undo.callback(disk.remove, unfinished)
        try:
            disk.write(descriptor, content)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        disk.rename(unfinished, path)
        undo.callback(disk.remove, path)
        disk.sync_folder(path.parent)
        undo.pop_all()
