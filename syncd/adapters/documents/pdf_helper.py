"""Talks to one helper process that reads PDFs."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Self, cast

from syncd.adapters.documents.pdf_verdict import SIZE_PREFIX, PdfLimits, Verdict

_MODULE = "syncd.adapters.documents.pdf_child"
_CHUNK_SIZE = 256 * 1024
_LONGEST_ANSWER = 64


class HelperDied(Exception):
    """The helper ended, or said what no helper says."""


class PdfHelper:
    """A helper process and its pipes. It reads one document at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._requests = cast("asyncio.StreamWriter", process.stdin)  # `start` asks for both pipes
        self._answers = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, limits: PdfLimits) -> Self:
        """Return a new helper, which loads its parser while the first document is on its way.

        It inherits neither environment nor files: it knows where Python's modules are, and nothing else of us. It has a
        session of its own, so that Ctrl-C in a terminal is the daemon's business alone.

        Raises:
            OSError: no process can be started.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-P", "-m", _MODULE, *limits.to_arguments()),
            env={"PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=_LONGEST_ANSWER,
            start_new_session=True,
        )
        return cls(process)

    @property
    def is_alive(self) -> bool:
        """Whether it has not been seen ending."""
        return self._process.returncode is None

    async def verdict_of(self, content: bytes) -> Verdict:
        """Return what the helper says of a document. A caller who gives up on the answer ends the helper.

        Raises:
            HelperDied: there is no answer and there will be none.
        """
        try:
            await self._send(content)
            answer = await self._answers.readuntil(b"\n")
            return Verdict(answer.strip().decode())
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise HelperDied from error

    async def _send(self, content: bytes) -> None:
        """Write in pieces: written at once, the document would be copied into the pipe's buffer."""
        self._requests.write(SIZE_PREFIX.pack(len(content)))
        rest = memoryview(content)
        while rest:
            self._requests.write(rest[:_CHUNK_SIZE])
            await self._requests.drain()
            rest = rest[_CHUNK_SIZE:]

    async def end(self) -> None:
        """End the process, and the fork that it waits for."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._requests.close()
        with suppress(OSError):
            await self._requests.wait_closed()
        await self._process.wait()
