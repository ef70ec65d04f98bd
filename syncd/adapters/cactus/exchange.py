"""One HTTP exchange as plain data: what was asked, what came back, and why nothing did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.replacing import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, complete. Its body and headers hold personal data and secrets: they never show in a `repr`.

    `cap_bytes` bounds the body of the answer.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    cap_bytes: int

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """Return this request with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. `headers` finds its keys in any case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Failure(StrEnum):
    """Why an exchange brought no answer. Only the first two mean that nothing was sent."""

    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    """TLS could not be agreed on, or the certificate is not good for this host: somebody may be listening."""
    LATE = "late"
    LOST = "lost"
    """Cut, reset, or not HTTP."""
    TOO_LARGE = "too large"
    ENCODED = "encoded"
    """Compressed although `identity` was asked for: expanding it could cost any amount of memory."""


NEVER_SENT = frozenset({Failure.UNREACHABLE, Failure.UNTRUSTED})


class ExchangeFailed(Exception):
    """There is no answer. `reason` is a word of the system or the library, never of the remote: safe to log."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(f"{failure} ({reason})")
        self.failure = failure
        self.reason = reason
