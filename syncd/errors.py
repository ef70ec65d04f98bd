"""What went wrong, named by what the caller must do."""

from datetime import timedelta
from enum import StrEnum


class SyncdError(Exception):
    """Any error that syncd understands. `hint` tells a person what to do; neither text has personal data in it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Transient(SyncdError):
    """Nothing was done; the same thing may be tried again later.

    `retry_after` is how long the other side asked to wait. `is_general` says that the whole remote is concerned, not
    this one request: everybody waits.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: timedelta | None = None,
        is_general: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.is_general = is_general


class CredentialsRefused(Transient):
    """The other side does not accept who we are: nothing was done, everybody waits, a person must act."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, is_general=True)


class RateLimited(Transient):
    """The other side asks everybody to slow down: nothing was done. Without `retry_after` it did not say how long."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, retry_after=retry_after, is_general=True)


class OutcomeUnknown(SyncdError):
    """It may have been done: find out before doing it again.

    `is_general` counts against the whole remote (it does not answer), `retry_after` as in `Transient`.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: timedelta | None = None,
        is_general: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.is_general = is_general


class RefusalCode(StrEnum):
    """Why the other side will never accept this as it is."""

    INVALID = "invalid"
    KEY_REUSED = "key-reused"
    REFERENCE_EXISTS = "reference-exists"
    PAST_CANCELLING = "past-cancelling"
    NOT_FOUND = "not-found"
    ADDRESS = "address"
    CONTENT = "content"
    OTHER = "other"


class Refused(SyncdError):
    """Certainly not done, and trying the same again is useless: a person must decide.

    `message` is safe to keep and show. With `REFERENCE_EXISTS`, `contract_id` names the contract that is in the way.
    """

    def __init__(
        self,
        message: str,
        *,
        code: RefusalCode = RefusalCode.OTHER,
        hint: str | None = None,
        contract_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.contract_id = contract_id


class CursorExpired(SyncdError):
    """The change feed no longer knows our place in it: start over from the beginning."""


class Misconfigured(SyncdError):
    """The installation is wrong; `key` names the setting, never its value."""

    def __init__(self, message: str, *, key: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key
