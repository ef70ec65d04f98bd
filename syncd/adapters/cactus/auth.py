"""Who we are to CACTUS: nobody, or whoever holds a fixed secret. An OAuth2 client is in `oauth`.

A secret comes from a callable that is asked again after a 401, so that a rotated secret file is taken up without a
restart. No secret ever stands in a `repr` or in an error.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from syncd.adapters.cactus.exchange import Answer, Request
from syncd.errors import CredentialsRefused

Headers = Mapping[str, str]
Secret = Callable[[], str]
"""Returns a secret as it is now; may raise `OSError` when its file cannot be read."""


class Exchange(Protocol):
    """Sends one request and brings its answer, before the call's deadline (`HttpClient.exchange`)."""

    async def __call__(self, request: Request) -> Answer:
        """Return the answer, whatever its status; raises `ExchangeFailed` when there is none."""


class Authentication(Protocol):
    """Gives the headers that say who we are. Safe for concurrent use within one event loop."""

    def at_hand(self) -> Headers | None:
        """Return the headers for the next request when there is nothing to wait for, else `None`."""

    async def headers(self, exchange: Exchange) -> Headers:
        """Return the headers for the next request.

        Raises:
            CredentialsRefused: there are none to be had until a person acts.
            Transient: the token endpoint does not answer.
        """

    async def renew(self, refused: Headers, exchange: Exchange) -> Headers | None:
        """Return other headers after a 401 on these, or `None` when there are no others."""


_NOTHING: Headers = MappingProxyType({})


class NoAuthentication:
    """Says nothing."""

    def at_hand(self) -> Headers:
        """Return no headers."""
        return _NOTHING

    async def headers(self, exchange: Exchange) -> Headers:  # noqa: ARG002 - the shape of the port
        """Return no headers."""
        return _NOTHING

    async def renew(self, refused: Headers, exchange: Exchange) -> Headers | None:  # noqa: ARG002 - as above
        """Return `None`: there is nothing to renew."""
        return None


class FixedSecret:
    """A secret in a header: kept until a 401, then asked for again."""

    def __init__(self, secret: Secret, *, header: str, prefix: str = "") -> None:
        self._secret = secret
        self._header = header
        self._prefix = prefix
        self._known: Headers | None = None

    def at_hand(self) -> Headers | None:
        """Return the header with the secret, once it was read."""
        return self._known

    async def headers(self, exchange: Exchange) -> Headers:  # noqa: ARG002 - the shape of the port
        """Return the header with the secret."""
        if self._known is None:
            self._known = self._read()
        return self._known

    async def renew(self, refused: Headers, exchange: Exchange) -> Headers | None:  # noqa: ARG002 - as above
        """Return the header with the secret as it is now, when it is another one."""
        self._known = self._read()
        return self._known if dict(self._known) != dict(refused) else None

    def _read(self) -> Headers:
        return MappingProxyType({self._header: self._prefix + read_secret(self._secret)})


def bearer(secret: Secret) -> Authentication:
    """Return a static bearer token."""
    return FixedSecret(secret, header="Authorization", prefix="Bearer ")


def api_key(secret: Secret, *, header: str = "X-Api-Key") -> Authentication:
    """Return a key in a header of its own."""
    return FixedSecret(secret, header=header)


def read_secret(secret: Secret) -> str:
    """Return a secret that can stand in a header.

    Raises:
        CredentialsRefused: it cannot be read, is empty, or would break the header.
    """
    try:
        value = secret().strip()
    except OSError as error:
        raise CredentialsRefused(f"a secret for CACTUS cannot be read: {error.strerror}") from None
    if not is_header_safe(value):
        raise CredentialsRefused("a secret for CACTUS is empty or has characters that no header can carry")
    return value


def is_header_safe(value: str) -> bool:
    """Whether this can stand in a header: visible ASCII, and something at all."""
    return value.isascii() and value.isprintable() and value.strip() != ""
