"""The helper process that reads PDFs: `python -m syncd.adapters.documents.pdf_child MEMORY_BYTES CPU_S WALL_S`.

It has loaded the parser once and forks for each document that comes in, so that whatever a document does, it does to a
fork that has nothing else: no secret, no network, no file, and little time. It ends when its input ends.
"""

import gc
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Never

from pypdf import PasswordType, PdfReader
from pypdf.errors import LimitReachedError
from pypdf.generic import PdfObject

from syncd.adapters.documents.pdf_verdict import SIZE_PREFIX, PdfLimits, Verdict

_EXIT_CODES = {Verdict.SOUND: 80, Verdict.ENCRYPTED: 81, Verdict.UNREADABLE: 82, Verdict.TOO_COSTLY: 83}
"""None is a code that a process gives by accident: "sound" must be meant."""

_VERDICTS = {code: verdict for verdict, code in _EXIT_CODES.items()}


def main() -> None:
    """Answer each document on standard input with its verdict on standard output."""
    limits = PdfLimits.from_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a stopping service still wants its last answer; then input ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a document
    logging.disable()
    gc.freeze()
    while (content := _next_document(sys.stdin.buffer)) is not None:
        verdict = judge_in_fork(content, limits)
        del content  # not kept while waiting for the next one
        sys.stdout.buffer.write(f"{verdict}\n".encode())
        sys.stdout.buffer.flush()


def _next_document(requests: BinaryIO) -> bytes | None:
    prefix = requests.read(SIZE_PREFIX.size)
    if len(prefix) < SIZE_PREFIX.size:
        return None
    (size,) = SIZE_PREFIX.unpack(prefix)
    content = requests.read(size)
    return content if len(content) == size else None


def judge_in_fork(content: bytes, limits: PdfLimits) -> Verdict:
    """Return the verdict of a process of its own; one that the kernel had to end was too costly."""
    pid = os.fork()
    if pid == 0:
        _judge_and_exit(content, limits)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Verdict.TOO_COSTLY
    return _VERDICTS.get(os.WEXITSTATUS(status), Verdict.UNREADABLE)


def _judge_and_exit(content: bytes, limits: PdfLimits) -> Never:
    """Exit with the verdict, whatever happens: an error of the parser ends here too, its text with it."""
    verdict = Verdict.UNREADABLE
    try:
        _limit_this_process(limits)
        verdict = judge(content)
    except (MemoryError, RecursionError, LimitReachedError):
        verdict = Verdict.TOO_COSTLY
    finally:
        os._exit(_EXIT_CODES[verdict])


def _limit_this_process(limits: PdfLimits) -> None:
    with suppress(OSError):  # not on every system; where memory gets short, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.closerange(0, 2)  # the pipes belong to the helper
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)  # nobody handles the signal: it ends the process


class _Reader(PdfReader):
    """Reads documents that were saved again: there a number may name several objects, of which the newest counts.

    The strict reader meets the newest first and takes the older ones, cross-reference streams above all, for a fault.
    """

    def cache_indirect_object(self, generation: int, idnum: int, obj: PdfObject | None) -> PdfObject | None:
        if (generation, idnum) in self.resolved_objects:
            return obj
        return super().cache_indirect_object(generation, idnum, obj)


def judge(content: bytes) -> Verdict:
    """Return what a strict reader finds: a whole PDF has pages, and each can be decoded.

    Scripts and embedded files are neither run nor unpacked, and are no fault.
    """
    reader = _Reader(BytesIO(content), strict=True)
    if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
        return Verdict.ENCRYPTED
    if not reader.pages:
        return Verdict.UNREADABLE
    for page in reader.pages:
        page.get_contents()  # unpacks what the page draws
    return Verdict.SOUND


if __name__ == "__main__":
    main()
