"""Checks that bytes are a whole, sound PDF, in a process that can be hurt."""

import asyncio

from syncd.adapters.documents.pdf_helper import HelperDied, PdfHelper
from syncd.adapters.documents.pdf_verdict import PdfLimits, Verdict
from syncd.errors import Transient

_TAIL_SIZE = 1024
"""The end mark stands within so many bytes before the end (ISO 32000-1, annex H)."""

_TOO_MANY_DEATHS = 3


class LimitedPdfCheck:
    """A `PdfCheck` that never parses in its own process.

    A few helper processes, started when needed, each read one document at a time; more documents wait their turn. A
    helper that dies is replaced and its document asked again; one that is silent for too long is ended.
    """

    def __init__(
        self,
        *,
        limits: PdfLimits | None = None,
        max_bytes: int = 50 * 1024 * 1024,
        helper_count: int = 2,
        grace_s: float = 10,
    ) -> None:
        """Take the limits of one reading, and `grace_s` for the start of a helper and the way through its pipe."""
        self._limits = limits or PdfLimits()
        self._deadline_s = self._limits.wall_s + grace_s
        self._max_bytes = max_bytes
        self._places = asyncio.Semaphore(helper_count)
        self._idle: list[PdfHelper] = []
        self._helpers: set[PdfHelper] = set()
        self._is_closed = False

    async def fault_of(self, content: bytes) -> str | None:
        verdict = verdict_at_a_glance(content, max_bytes=self._max_bytes)
        if verdict is None:
            async with self._places:
                verdict = await self._read(content)
        return None if verdict is Verdict.SOUND else verdict.value

    async def aclose(self) -> None:
        self._is_closed = True
        self._idle.clear()
        await asyncio.gather(*(helper.end() for helper in self._helpers))

    async def _read(self, content: bytes) -> Verdict:
        for _ in range(_TOO_MANY_DEATHS):
            helper = await self._take_helper()
            try:
                return await self._ask(helper, content)
            except HelperDied:
                continue
        raise Transient("the PDF check ended without a verdict", hint="See that the machine has memory to spare.")

    async def _take_helper(self) -> PdfHelper:
        self._refuse_when_closed()
        if self._idle:
            return self._idle.pop()
        try:
            helper = await PdfHelper.start(self._limits)
        except OSError as error:
            raise Transient(f"the PDF check could not start: {error.strerror}") from error
        self._helpers.add(helper)
        return helper

    async def _ask(self, helper: PdfHelper, content: bytes) -> Verdict:
        """Return the helper's answer. A helper whose answer was not heard is never asked again: it might come later."""
        is_free = False
        try:
            self._refuse_when_closed()  # it may have been, while the helper started
            async with asyncio.timeout(self._deadline_s):
                verdict = await helper.verdict_of(content)
            is_free = True
            return verdict
        except TimeoutError as error:
            raise Transient("the PDF check did not answer in time") from error
        finally:
            if is_free and not self._is_closed:
                self._idle.append(helper)
            else:
                self._helpers.discard(helper)
                await helper.end()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise Transient("the PDF check is closed")


def verdict_at_a_glance(content: bytes, *, max_bytes: int) -> Verdict | None:
    """Return what the first and the last bytes say, `None` when it takes a reader to know more."""
    if not content:
        return Verdict.EMPTY
    if len(content) > max_bytes:
        return Verdict.TOO_LARGE
    if not content.startswith(b"%PDF-"):
        return Verdict.NOT_A_PDF
    if b"%%EOF" not in content[-_TAIL_SIZE:]:
        return Verdict.TRUNCATED
    return None
