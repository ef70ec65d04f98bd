"""Writes lines to a file, a pipe or a terminal that may be full, slow or gone."""

import contextlib
import fcntl
import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

_MOST_AT_ONCE = select.PIPE_BUF
"""A pipe that says it has room takes at least so many bytes without making anybody wait."""
_A_MOMENT_S = 0.01
_LOCK_PATIENCE_S = 0.1
"""Only a fork in an unlucky moment keeps the lock longer: then the line is lost, not the work."""


class LineWriter:
    """Writes whole lines in order, never raises and never waits; what nobody takes in time is dropped and counted.

    Lines that a slow reader has no room for wait in memory, at most `most_waiting`, until the next line or `flush`.
    `tell_lost` makes the line that says how many were lost, written as soon as there is room again.
    """

    def __init__(self, stream: TextIO | None, *, most_waiting: int = 5000) -> None:
        self.stream = stream
        self.tell_lost: Callable[[int], str] = str
        self.lost = 0
        self._fd = _own_descriptor(stream)
        self._room = _room_of(self._fd)
        self._has_always_room = _is_regular_file(self._fd)
        self._most_waiting = most_waiting
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._has_rest = False
        """The first of the waiting lines is the rest of one that was written in part."""
        self._is_cut = False
        """The file ends with a part of a line whose rest is lost."""
        self._untold = 0

    def write(self, line: str) -> None:
        """Write one line, now or when there is room."""
        # A lone surrogate becomes its escape, which inside a JSON text means the same.
        self._under_lock(line.encode("utf-8", "backslashreplace") + b"\n")

    def flush(self, *, patience_s: float = 1.0) -> None:
        """Give waiting lines a last chance; return after this long at the latest."""
        self._under_lock(None)
        for _ in range(round(patience_s / _A_MOMENT_S)):
            if not self._waiting:
                return
            time.sleep(_A_MOMENT_S)
            self._under_lock(None)

    def close(self) -> None:
        """Flush, and let go of the descriptor."""
        self.flush()
        fd, self._fd, self.stream = self._fd, None, None
        if fd is not None:
            with contextlib.suppress(OSError):  # a full disk may only say so now
                os.close(fd)

    def _under_lock(self, line: bytes | None) -> None:
        if not self._lock.acquire(timeout=_LOCK_PATIENCE_S):
            self._lose()
            return
        try:
            self._take(line)
        finally:
            self._lock.release()

    def _take(self, line: bytes | None) -> None:
        if self._fd is None:
            self._write_to_stream(line)
            return
        if line is not None and len(self._waiting) >= self._most_waiting:
            self._drain(self._fd)
        if line is not None and len(self._waiting) >= self._most_waiting:
            self._lose()
        elif line is not None:
            self._waiting.append(line)
        self._drain(self._fd)

    def _drain(self, fd: int) -> None:
        while self._waiting and (self._has_always_room or self._room.poll(0)):
            head = self._waiting.popleft()
            line = b"\n" + head if self._is_cut else head
            try:
                written = os.write(fd, line[:_MOST_AT_ONCE])
            except OSError:  # no space, nobody reads, gone: this line cannot be helped, the next one perhaps
                self._is_cut, self._has_rest = self._is_cut or self._has_rest, False
                self._lose()
                continue
            self._went_through(line[written:])

    def _went_through(self, rest: bytes) -> None:
        self._is_cut, self._has_rest = False, bool(rest)
        if rest:
            self._waiting.appendleft(rest)
        elif self._untold:
            self._untold = 0
            self._waiting.append(self.tell_lost(self.lost).encode() + b"\n")

    def _write_to_stream(self, line: bytes | None) -> None:
        """A stream without a descriptor is a text in memory, or nothing at all."""
        if line is None:
            return
        if self.stream is None:
            self._lose()
            return
        try:
            self.stream.write(line.decode())
        except (OSError, ValueError):  # closed
            self._lose()

    def _lose(self) -> None:
        self.lost += 1
        self._untold += 1


def _own_descriptor(stream: TextIO | None) -> int | None:
    """Return a descriptor of our own: when somebody closes standard output, its number may soon be a database's."""
    try:
        return fcntl.fcntl(stream.fileno(), fcntl.F_DUPFD_CLOEXEC, 3) if stream is not None else None
    except (OSError, ValueError):
        return None


def _is_regular_file(fd: int | None) -> bool:
    """Whether asking for room is idle: a file always says that it has some."""
    return fd is not None and stat.S_ISREG(os.fstat(fd).st_mode)


def _room_of(fd: int | None) -> "select.poll":
    """Return what tells whether a write would not wait.

    A descriptor in trouble has room too: writing says what is wrong.
    """
    room = select.poll()
    if fd is not None:
        room.register(fd, select.POLLOUT)
    return room
