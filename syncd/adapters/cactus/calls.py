"""One call to CACTUS: its credentials, its deadline, and its patience of seconds.

What changes something is sent once, and once more only after a 401, which did nothing. What only reads is tried three
times within seconds when the fault looks like a passing one; where it did not pass, once, until the remote answers
again. Longer patience is not for an adapter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from syncd.adapters.cactus.auth import Authentication, Headers
from syncd.adapters.cactus.client import HttpClient
from syncd.adapters.cactus.exchange import Answer, ExchangeFailed, Failure, Request
from syncd.adapters.cactus.notices import Notice, Notify
from syncd.adapters.cactus.outcomes import Blip, RequestKind, error_of_answer, error_of_failure
from syncd.errors import Transient
from syncd.ports.clock import Clock

_LONGEST_WAITS_S = (0.4, 0.8)
TRIES = 1 + len(_LONGEST_WAITS_S)


class Calls:
    """Makes calls: gives back the answers that were hoped for, raises the errors of `syncd.errors` for all others."""

    def __init__(self, *, client: HttpClient, authentication: Authentication, clock: Clock, notify: Notify) -> None:
        self._client = client
        self._authentication = authentication
        self._clock = clock
        self._notify = notify
        self._is_failing = False

    async def call(self, kind: RequestKind, request: Request, *, expect: Collection[int]) -> Answer:
        """Return an answer whose status is among the expected ones, within the total deadline."""
        deadline = self._client.deadline()
        if kind.changes_something:
            answer = await self._call_once(kind, request, expect, deadline)
        else:
            answer = await self._call_patiently(partial(self._call_once, kind, request, expect, deadline), deadline)
        self._is_failing = False
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _call_patiently(self, once: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Blip),
            stop=partial(self._gives_up, deadline),
            wait=self._wait_s,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Answer = await retrying(once)
        except Blip:
            self._is_failing = True
            raise
        return answer

    async def _call_once(self, kind: RequestKind, request: Request, expect: Collection[int], deadline: float) -> Answer:
        headers: Headers | None = self._authentication.at_hand()
        if headers is None:
            headers = await self._headers(deadline, refused=None)
        answer = await self._send(kind, request, headers or {}, deadline)
        if answer.status == 401 and (renewed := await self._headers(deadline, refused=headers)) is not None:
            answer = await self._send(kind, request, renewed, deadline)
        if answer.status not in expect:
            raise error_of_answer(kind, answer, now=self._clock.now())
        return answer

    async def _headers(self, deadline: float, *, refused: Headers | None) -> Headers | None:
        """Return who we are, when it is not at hand.

        Late here is never unknown: the request itself was not sent, or answered 401.

        A token is waited for half of the time that is left, so that whoever asks for it learns of its failure before
        giving up, and those who wait behind do not each ask again.
        """
        halfway = (asyncio.get_running_loop().time() + deadline) / 2
        exchange = partial(self._exchange, deadline=halfway)
        try:
            async with asyncio.timeout_at(deadline):
                if refused is None:
                    return await self._authentication.headers(exchange)
                return await self._authentication.renew(refused, exchange)
        except TimeoutError:
            raise Transient("no credentials in time: nothing was done", is_general=True) from None

    async def _send(self, kind: RequestKind, request: Request, headers: Headers, deadline: float) -> Answer:
        try:
            return await self._exchange(request.with_headers(headers), deadline=deadline)
        except ExchangeFailed as failed:
            raise error_of_failure(kind, failed) from failed

    async def _exchange(self, request: Request, *, deadline: float) -> Answer:
        try:
            return await self._client.exchange(request, deadline=deadline)
        except ExchangeFailed as failed:
            if failed.failure is Failure.UNTRUSTED:
                self._notify(Notice.CONNECTION_UNTRUSTED)
            raise

    def _wait_s(self, state: RetryCallState) -> float:
        return self._clock.throw() * _LONGEST_WAITS_S[min(state.attempt_number, len(_LONGEST_WAITS_S)) - 1]

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(timedelta(seconds=seconds))

    def _gives_up(self, deadline: float, state: RetryCallState) -> bool:
        """Whether there is no further try: enough of them, or the next one would begin after the deadline."""
        is_too_late = asyncio.get_running_loop().time() + state.upcoming_sleep >= deadline
        return self._is_failing or state.attempt_number >= TRIES or is_too_late
