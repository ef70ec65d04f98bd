"""Disks that tell what they did, fail, or die at a step."""

import errno
import os
import signal
from pathlib import Path

from syncd.adapters.documents.disk import RealDisk

STEPS = ("create", "write", "sync", "close", "rename", "sync_folder")


class WatchedDisk(RealDisk):
    """A real disk that calls `reached` before each step; what that raises, the step raises."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def reached(self, step: str) -> None:
        self.steps.append(step)

    def create(self, path: Path) -> int:
        self.reached("create")
        return super().create(path)

    def write(self, descriptor: int, content: bytes) -> None:
        half = len(content) // 2
        super().write(descriptor, content[:half])
        self.reached("write")
        super().write(descriptor, content[half:])

    def sync(self, descriptor: int) -> None:
        self.reached("sync")
        super().sync(descriptor)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self.reached("close")

    def rename(self, path: Path, target: Path) -> None:
        self.reached("rename")
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self.reached("sync_folder")
        super().sync_folder(folder)


class FailingDisk(WatchedDisk):
    """A disk of which one step fails, as a full or read-only one does."""

    def __init__(self, step: str, code: int) -> None:
        super().__init__()
        self._step = step
        self._code = code

    def reached(self, step: str) -> None:
        super().reached(step)
        if step == self._step:
            raise OSError(self._code, os.strerror(self._code))


class DeadlyDisk(WatchedDisk):
    """A disk at whose step the process is killed."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step

    def reached(self, step: str) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


class FullDisk(RealDisk):
    """A disk whose files take no byte: the kernel itself says so."""

    def create(self, path: Path) -> int:  # noqa: ARG002 - whatever the file
        return os.open("/dev/full", os.O_WRONLY)


NO_SPACE = errno.ENOSPC
READ_ONLY = errno.EROFS
