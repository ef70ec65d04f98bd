"""The HTTP client: the only module that knows which library speaks HTTP, and how that library fails.

httpx over aiohttp's connections: httpx's own pool loses a slot for ever with each cancelled request. The bridge
between the two reports every lost connection as `ConnectTimeout`, an applied POST whose answer was cut included, and
lets some errors of aiohttp through as they are. So failures are told apart by their cause, and only aiohttp's connector
errors mean that nothing was sent. httpx's own time limits are per read: the total deadline is `asyncio.timeout_at`.
The transport is spoken to without `httpx.AsyncClient`: what that adds (cookies, redirects, credentials of an address)
is what is not wanted here, and cost as much as the exchange itself.
"""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import cast

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

from syncd import __version__
from syncd.adapters.cactus.exchange import Answer, ExchangeFailed, Failure, Request

_BASE_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"syncd/{__version__}",
}

_KEPT_ALIVE_S = 4.0
"""Shorter than the 5 s of the commonest servers: a POST seldom meets a connection that is being closed."""

_TRANSPORT_ERRORS = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
)
"""What the libraries raise because of the network, of the remote's bytes, or of a client closed meanwhile."""

_TLS_ERRORS = (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError)
_CONNECT_ERRORS = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class HttpClient:
    """Sends requests over kept connections; follows no redirect, keeps no cookie, reads nothing of the environment."""

    def __init__(
        self,
        *,
        timeout: timedelta,
        concurrency: int,
        ca_file: Path | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare a client of at most `concurrency` connections; nothing is opened before the first request.

        `timeout` is the total deadline of one call. `ca_file` adds authorities to the public ones. `transport` stands
        for the network in tests.
        """
        self._timeout_s = timeout.total_seconds()
        # Half of the deadline for a connection, the wait for a free one included: what fails then was never sent.
        connect_s = self._timeout_s / 2
        self._extensions = {"timeout": {"connect": connect_s, "pool": connect_s, "read": None, "write": None}}
        self._transport = transport if transport is not None else _open_transport(concurrency, ca_file)
        self._is_closed = False

    def deadline(self) -> float:
        """Return the loop time at which a call that begins now has to be over."""
        return asyncio.get_running_loop().time() + self._timeout_s

    async def exchange(self, request: Request, *, deadline: float) -> Answer:
        """Return the answer to one request, whatever its status, before the deadline.

        Raises:
            ExchangeFailed: there is none; `failure` says whether the request can have reached the remote.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._exchange(request)
        except _TRANSPORT_ERRORS as error:
            failed = _explain(error)
        # Outside of the handler on purpose: the libraries' errors quote the remote's bytes and our headers, and would
        # follow this one into a traceback as its context.
        raise failed

    async def aclose(self) -> None:
        """Close every connection."""
        self._is_closed = True
        await self._transport.aclose()

    async def _exchange(self, request: Request) -> Answer:
        if self._is_closed:
            raise RuntimeError("the client is closed")  # the transport would open a new session
        response = await self._transport.handle_async_request(_to_httpx(request, self._extensions))
        # The stream itself, which every asynchronous transport gives: the identity needs none of httpx's decoders.
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            _check_headers(response.headers, request.cap_bytes)
            body = await _read_body(stream, request.cap_bytes)
        finally:
            await stream.aclose()
        return Answer(status=response.status_code, headers=response.headers, body=body)


def _to_httpx(request: Request, extensions: Mapping[str, object]) -> httpx.Request:
    """Return a request as the transport wants it: read, its headers complete.

    `content=` would add the same two headers, going through all of them for each question about one.
    """
    address, host = _address(request.url)
    headers = {"Host": host, **_BASE_HEADERS, **request.headers}
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    stream = httpx.ByteStream(request.body or b"")
    sent = httpx.Request(request.method, address, headers=headers, stream=stream, extensions=extensions)
    sent.headers.encoding = "ascii"  # httpx has just refused any other, and would look for it again
    sent.read()
    return sent


@lru_cache(maxsize=64)
def _address(url: str) -> tuple[httpx.URL, str]:
    """Return a parsed address and its host with its port: that of the initialisations is always the same."""
    address = httpx.URL(url)
    return address, address.netloc.decode("ascii")


def _open_transport(concurrency: int, ca_file: Path | None) -> AiohttpTransport:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(ca_file)

    def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency, ssl=context, keepalive_timeout=_KEPT_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    return AiohttpTransport(verify=context, trust_env=False, client=open_session)


def _check_headers(headers: httpx.Headers, cap_bytes: int) -> None:
    """Refuse a body that is encoded, or that says itself that it is past the cap."""
    names = {name.lower() for name, _ in headers.raw}  # httpx goes through all of them for each question about one
    if b"content-encoding" in names and headers["content-encoding"].strip().lower() not in {"", "identity"}:
        raise _Unreadable(Failure.ENCODED)
    declared = headers["content-length"] if b"content-length" in names else ""
    if declared.isdecimal() and len(declared) < 19 and int(declared) > cap_bytes:
        raise _Unreadable(Failure.TOO_LARGE)


async def _read_body(stream: httpx.AsyncByteStream, cap_bytes: int) -> bytes:
    """Return the body as it came over the wire; what is past the cap is never read."""
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > cap_bytes:
            raise _Unreadable(Failure.TOO_LARGE)
    return bytes(body)


class _Unreadable(httpx.StreamError):
    """The answer is not one that this client reads."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def _explain(error: BaseException) -> ExchangeFailed:
    """Return what a library's error means, in words that quote nothing of the remote."""
    if isinstance(error, _Unreadable):
        return ExchangeFailed(error.failure, "not read")
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ is not None else error
    if isinstance(cause, _TLS_ERRORS):
        return ExchangeFailed(Failure.UNTRUSTED, _tls_reason(cause.os_error))
    if isinstance(cause, aiohttp.ClientConnectorError):
        return ExchangeFailed(Failure.UNREACHABLE, cause.os_error.strerror or type(cause).__name__)
    if isinstance(cause, _CONNECT_ERRORS):
        return ExchangeFailed(Failure.UNREACHABLE, "no connection in time")
    if type(cause) is TimeoutError:
        return ExchangeFailed(Failure.LATE, "total deadline")
    return ExchangeFailed(Failure.LOST, type(cause).__name__)


def _tls_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "reason", None) or type(error).__name__
