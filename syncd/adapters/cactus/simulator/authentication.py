"""Who may use the interface: the schemes of interfaces, section 2. The people's pages are open to everybody."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True, kw_only=True)
class Anyone:
    """No credentials are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """A fixed token in `Authorization: Bearer …`."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A fixed key in a header."""

    key: str = field(repr=False)
    header: str = "X-Api-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """OAuth2 client credentials: `POST /token` with HTTP Basic gives tokens that expire."""

    client_id: str
    client_secret: str = field(repr=False)
    token_lifetime: timedelta = timedelta(hours=1)


Authentication = Anyone | BearerToken | ApiKey | OAuthClient


class Doorkeeper:
    """Checks credentials; gives and withdraws OAuth2 tokens. A token proves itself, none is kept."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self._tokens_given = 0
        self._first_valid = 0

    def admits(self, headers: Mapping[str, str], now: datetime) -> bool:
        """Whether a request with these headers may use the interface."""
        scheme = self._authentication
        match scheme:
            case Anyone():
                return True
            case ApiKey():
                return _equal(headers.get(scheme.header.lower(), ""), scheme.key)
            case BearerToken():
                return _equal(_bearer(headers), scheme.token)
            case OAuthClient():
                return self._is_valid(_bearer(headers), scheme, now)

    def gives_token(self, headers: Mapping[str, str], now: datetime) -> tuple[str, timedelta] | None:
        """Return a new token and its lifetime, `None` for wrong client credentials."""
        scheme = self._authentication
        if not isinstance(scheme, OAuthClient):
            return None
        given = _basic(headers)
        expected = f"{scheme.client_id}:{scheme.client_secret}"
        # RFC 6749 has both halves form-encoded, many clients send them plain
        if not (_equal(given, expected) or _equal(unquote_plus(given), expected)):
            return None
        self._tokens_given += 1
        expires_at = int((now + scheme.token_lifetime).timestamp())
        claim = f"{self._tokens_given}.{expires_at}"
        return f"{claim}.{_seal(claim, scheme)}", scheme.token_lifetime

    def withdraw_tokens(self) -> None:
        """Make every token given so far invalid, whatever its lifetime."""
        self._first_valid = self._tokens_given + 1

    def _is_valid(self, token: str, scheme: OAuthClient, now: datetime) -> bool:
        claim, _, seal = token.rpartition(".")
        number, _, expires_at = claim.partition(".")
        if not _equal(seal, _seal(claim, scheme)):
            return False
        return int(number) >= self._first_valid and now.timestamp() < int(expires_at)


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(headers: Mapping[str, str]) -> str:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _seal(claim: str, scheme: OAuthClient) -> str:
    return hmac.new(scheme.client_secret.encode(), claim.encode(), hashlib.sha256).hexdigest()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
