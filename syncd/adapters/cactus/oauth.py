"""OAuth2 client credentials: who we are to CACTUS, for a while at a time.

The token's life is counted on our monotonic clock, so that neither a wrong clock here nor one there matters.
"""

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import quote_plus

from syncd.adapters.cactus.auth import Exchange, Headers, Secret, is_header_safe, read_secret
from syncd.adapters.cactus.exchange import ExchangeFailed, Request
from syncd.adapters.cactus.outcomes import RequestKind, error_of_answer, error_of_content, error_of_failure
from syncd.adapters.cactus.values import Unreadable, read_json
from syncd.errors import SyncdError
from syncd.ports.clock import Clock

_LONGEST_LIFETIME_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    headers: Headers = field(repr=False)
    renew_at: float


class ClientCredentials:
    """OAuth2 client credentials: one token for all, renewed before it expires, by one caller while the others wait."""

    EARLY = timedelta(seconds=60)
    """Covers the skew of the remote's clock and the way of a request."""
    PAUSE_AFTER_FAILURE = timedelta(seconds=1)
    """Those who waited for a token that did not come do not each ask again."""
    LIFETIME_WHEN_UNSAID = timedelta(minutes=5)
    ANSWER_CAP_BYTES = 64 * 1024

    def __init__(
        self, *, token_url: str, client_id: str, secret: Secret, clock: Clock, scope: str | None = None
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._secret = secret
        self._clock = clock
        self._form = b"grant_type=client_credentials" + (f"&scope={quote_plus(scope)}".encode() if scope else b"")
        self._lock = asyncio.Lock()
        self._token: _Token | None = None
        self._failure: tuple[float, SyncdError] | None = None

    def at_hand(self) -> Headers | None:
        """Return the bearer header of a token that is good for a while, when there is one."""
        return self._known(None)

    async def headers(self, exchange: Exchange) -> Headers:
        """Return the bearer header of a token that is good for a while."""
        return await self._current(exchange, refused=None)

    async def renew(self, refused: Headers, exchange: Exchange) -> Headers | None:
        """Return the header of another token; the one that somebody else just fetched, if so."""
        return await self._current(exchange, refused=refused)

    async def _current(self, exchange: Exchange, *, refused: Headers | None) -> Headers:
        if (known := self._known(refused)) is not None:
            return known
        async with self._lock:
            if (known := self._known(refused)) is not None:
                return known
            self._raise_recent_failure()
            try:
                self._token = await self._fetch(exchange)
            except SyncdError as error:
                self._failure = (self._clock.monotonic() + self.PAUSE_AFTER_FAILURE.total_seconds(), error)
                raise
            return self._token.headers

    def _known(self, refused: Headers | None) -> Headers | None:
        token = self._token
        if token is None or token.headers is refused or self._clock.monotonic() >= token.renew_at:
            return None
        return token.headers

    def _raise_recent_failure(self) -> None:
        if self._failure is None:
            return
        until, error = self._failure
        if self._clock.monotonic() < until:
            raise error.with_traceback(None)
        self._failure = None

    async def _fetch(self, exchange: Exchange) -> _Token:
        try:
            answer = await exchange(self._token_request())
        except ExchangeFailed as failed:
            raise error_of_failure(RequestKind.TOKEN, failed) from failed
        if answer.status != 200:
            raise error_of_answer(RequestKind.TOKEN, answer, now=self._clock.now())
        return self._read_token(answer.body)

    def _token_request(self) -> Request:
        # Not percent-encoded first, against RFC 6749, section 2.3.1: hardly any server decodes it.
        pair = f"{self._client_id}:{read_secret(self._secret)}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return Request(
            method="POST", url=self._token_url, headers=headers, body=self._form, cap_bytes=self.ANSWER_CAP_BYTES
        )

    def _read_token(self, body: bytes) -> _Token:
        try:
            said = read_json(body)
        except Unreadable as error:
            raise error_of_content(RequestKind.TOKEN, str(error), is_general=True) from error
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not is_header_safe(token):
            raise error_of_content(RequestKind.TOKEN, "no usable token", is_general=True)
        lifetime = self._lifetime(said.get("expires_in") if isinstance(said, dict) else None)
        # A token that lives shorter than two minutes is renewed at its half-life, not at every request.
        early = min(self.EARLY, lifetime / 2)
        return _Token(
            headers=MappingProxyType({"Authorization": f"Bearer {token}"}),
            renew_at=self._clock.monotonic() + (lifetime - early).total_seconds(),
        )

    def _lifetime(self, said: object) -> timedelta:
        """Return `expires_in`, which some servers write as a text."""
        try:
            seconds = float(said) if isinstance(said, (int, float, str)) else 0.0
        except (ValueError, OverflowError):
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            return self.LIFETIME_WHEN_UNSAID
        return timedelta(seconds=min(seconds, _LONGEST_LIFETIME_S))
