"""Who may see the status page and the metrics."""

import base64
import binascii
import hmac
from collections.abc import Callable

CHALLENGE = 'Basic realm="syncd", charset="UTF-8", Bearer realm="syncd"'
"""Basic comes first, for browsers: any user, the token as the password."""

Token = Callable[[], str]
"""The token as it is now: it may be rotated while the daemon runs."""


class Doorkeeper:
    """Compares what a request brings with the token; without a token everybody may enter."""

    def __init__(self, token: Token | None) -> None:
        self._token = token

    def admits(self, authorization: str) -> bool:
        """Whether a request with this `Authorization` header (empty when there is none) may enter."""
        if self._token is None:
            return True
        expected, given = self._token().encode(), _presented(authorization)
        return bool(expected) and hmac.compare_digest(given, expected)


def _presented(authorization: str) -> bytes:
    """Return the token that a header carries; headers arrive as Latin-1, whatever they mean."""
    scheme, _, rest = authorization.partition(" ")
    credentials = rest.strip().encode("latin-1", "replace")
    match scheme.lower():
        case "bearer":
            return credentials
        case "basic":
            return _password(credentials)
        case _:
            return b""


def _password(credentials: bytes) -> bytes:
    try:
        _user, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except binascii.Error:
        return b""
    return password
