"""One daemon per SQLite ledger: a locked file beside it says who has it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.errors import Misconfigured


class DaemonLock:
    """Holds `<path>.lock` from entering to leaving; the kernel gives it back when the process dies.

    `path` is the ledger's file, or the folder where the state is kept (then the lock is in it). A file that is reached
    through a link is the file that the link leads to.
    """

    def __init__(self, path: Path) -> None:
        file = path.resolve()
        self._path = file / "daemon.lock" if file.is_dir() else file.with_name(file.name + ".lock")
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            Misconfigured: another process has it (its number is in the message), or the file cannot be written.
        """
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"the lock file cannot be written ({error.strerror})",
                key="state_directory",
                hint="the state folder must exist and belong to the service's account",
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._taken() from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back. The file stays: deleting it would let two processes lock two files of one name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _taken(self) -> Misconfigured:
        assert self._file is not None  # noqa: S101 - only called while the file is open
        holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
        self.__exit__(None, None, None)
        return Misconfigured(
            f"another daemon works on this ledger (process {holder})",
            key="database.url",
            hint="stop it first; several replicas need PostgreSQL",
        )
