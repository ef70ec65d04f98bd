"""What an answer of CACTUS means: one table from (request, status or problem) to an error of `syncd.errors`. Pure.

Whatever is not in the table is unknown where the request changes something, and to be tried again where it only reads:
a strange answer never counts as a refusal, and never as "certainly not done".

Source: interfaces, section 2; the rows R01 to R22 of the fault catalogue.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from syncd.adapters.cactus.exchange import NEVER_SENT, Answer, ExchangeFailed, Failure
from syncd.adapters.cactus.problem import Problem, read_problem, retry_delay
from syncd.errors import (
    CredentialsRefused,
    CursorExpired,
    OutcomeUnknown,
    RateLimited,
    RefusalCode,
    Refused,
    SyncdError,
    Transient,
)


class RequestKind(StrEnum):
    """What was asked of the remote; its value names the request in messages."""

    CREATE = "the initialisation"
    CANCEL = "the cancellation"
    FIND = "the look-up"
    READ = "the reading of a contract"
    FEED = "the change feed"
    DOCUMENT = "the download of a document"
    TOKEN = "the request for a token"  # noqa: S105 - a name, not a token

    @property
    def changes_something(self) -> bool:
        """Whether repeating it in ignorance could do something twice."""
        return self is RequestKind.CREATE or self is RequestKind.CANCEL


class Meaning(StrEnum):
    """What the caller has to understand."""

    INVALID = "invalid"
    KEY_REUSED = "key reused"
    REFERENCE_EXISTS = "reference exists"
    PAST_CANCELLING = "past cancelling"
    NOT_FOUND = "not found"
    CURSOR_EXPIRED = "cursor expired"
    CREDENTIALS = "credentials"
    LIMITED = "limited"
    WRONG_ADDRESS = "wrong address"
    STILL_UNDER_WAY = "still under way"
    FAILING = "failing"
    STRANGE = "strange"
    UNKNOWN = "unknown"


class Blip(Transient):
    """A general failure that often passes within seconds: a repeatable request may be repeated at once."""


_EVERYWHERE: Mapping[int | str, Meaning] = MappingProxyType(
    {401: Meaning.CREDENTIALS, 403: Meaning.CREDENTIALS, 429: Meaning.LIMITED}
)

TABLE: Mapping[RequestKind, Mapping[int | str, Meaning]] = MappingProxyType(
    {
        RequestKind.CREATE: {
            "key-reused": Meaning.KEY_REUSED,
            "reference-exists": Meaning.REFERENCE_EXISTS,
            400: Meaning.INVALID,
            422: Meaning.INVALID,
            404: Meaning.WRONG_ADDRESS,
            405: Meaning.WRONG_ADDRESS,
            409: Meaning.STILL_UNDER_WAY,
        },
        RequestKind.CANCEL: {
            400: Meaning.INVALID,
            422: Meaning.INVALID,
            404: Meaning.NOT_FOUND,
            409: Meaning.PAST_CANCELLING,
        },
        RequestKind.FIND: {404: Meaning.WRONG_ADDRESS},
        RequestKind.READ: {404: Meaning.NOT_FOUND, 410: Meaning.NOT_FOUND},
        RequestKind.FEED: {404: Meaning.WRONG_ADDRESS, 410: Meaning.CURSOR_EXPIRED},
        RequestKind.DOCUMENT: {404: Meaning.NOT_FOUND, 410: Meaning.NOT_FOUND},
        RequestKind.TOKEN: {400: Meaning.CREDENTIALS, 404: Meaning.WRONG_ADDRESS},
    }
)

_STATUSES_OF_WORDS = frozenset({400, 409, 422})
"""Where the problem's type says more than the status."""


def error_of_answer(kind: RequestKind, answer: Answer, *, now: datetime) -> SyncdError:
    """Return the error that an answer without success stands for."""
    problem = read_problem(answer)
    meaning = meaning_of(kind, answer, problem)
    wait = retry_delay(answer.headers.get("retry-after"), now=now)
    return _build(meaning, f"{kind} was answered {answer.status}", problem, wait)


def meaning_of(kind: RequestKind, answer: Answer, problem: Problem) -> Meaning:
    """Return the table's word for an answer."""
    row = {**_EVERYWHERE, **TABLE[kind]}
    if answer.status in _STATUSES_OF_WORDS and problem.word in row:
        return row[problem.word]
    if answer.status in row:
        return _unless_a_web_page(row[answer.status], answer)
    if kind.changes_something:
        return Meaning.UNKNOWN
    if answer.status >= 500:
        return Meaning.FAILING
    is_elsewhere = 300 <= answer.status < 400 or kind is RequestKind.TOKEN
    return Meaning.WRONG_ADDRESS if is_elsewhere else Meaning.STRANGE


def error_of_failure(kind: RequestKind, failed: ExchangeFailed) -> SyncdError:
    """Return the error that an exchange without an answer stands for."""
    if failed.failure is Failure.UNTRUSTED:
        return Transient(
            f"{kind} was not sent, the remote cannot be trusted: {failed.reason}",
            hint="check the certificate of the remote and the configured authorities",
            is_general=True,
        )
    if failed.failure in NEVER_SENT:
        return Blip(f"{kind} was not sent, the remote is unreachable: {failed.reason}", is_general=True)
    message = f"{kind} brought no answer: {failed}"
    if kind.changes_something:
        return OutcomeUnknown(message)
    match failed.failure:
        case Failure.TOO_LARGE if kind is RequestKind.DOCUMENT:
            return Refused("the document is larger than the cap", code=RefusalCode.CONTENT)
        case Failure.LOST:
            return Blip(message, is_general=True)
        case _:
            concerns_this_one = failed.failure is Failure.TOO_LARGE and kind is not RequestKind.TOKEN
            return Transient(message, is_general=not concerns_this_one)


def error_of_content(kind: RequestKind, fault: str, *, is_general: bool) -> SyncdError:
    """Return the error of a success whose content cannot be understood or believed.

    `fault` says what is wrong in our own words. `is_general`: it is not even the remote that answers (a login page).
    """
    message = f"{kind} was answered with {fault}"
    if kind.changes_something:
        return OutcomeUnknown(message, is_general=is_general)
    return Transient(message, is_general=is_general)


def _unless_a_web_page(meaning: Meaning, answer: Answer) -> Meaning:
    """A web page that says 404 comes from something before CACTUS: it does not say that a contract is gone."""
    is_web_page = "html" in answer.headers.get("content-type", "").lower()
    return Meaning.WRONG_ADDRESS if meaning is Meaning.NOT_FOUND and is_web_page else meaning


def _build(meaning: Meaning, message: str, problem: Problem, wait: timedelta | None) -> SyncdError:
    match meaning:
        case (
            Meaning.INVALID
            | Meaning.KEY_REUSED
            | Meaning.REFERENCE_EXISTS
            | Meaning.PAST_CANCELLING
            | Meaning.NOT_FOUND
        ):
            return _build_refusal(meaning, problem)
        case Meaning.CURSOR_EXPIRED:
            return CursorExpired("the change feed no longer knows the cursor")
        case Meaning.CREDENTIALS:
            return CredentialsRefused(message, hint="check the credentials configured for CACTUS and their rights")
        case Meaning.WRONG_ADDRESS:
            return Transient(message, hint="check the configured address and paths of CACTUS", is_general=True)
        case Meaning.FAILING:
            # What names its own delay is not asked again within seconds.
            failing = Blip if wait is None else Transient
            return failing(message, retry_after=wait, is_general=True)
        case Meaning.LIMITED:
            return RateLimited(message, retry_after=wait)
        case Meaning.STRANGE:
            return Transient(message, retry_after=wait)
        case Meaning.STILL_UNDER_WAY:
            return OutcomeUnknown(message, retry_after=wait, is_general=False)
        case Meaning.UNKNOWN:
            return OutcomeUnknown(message, retry_after=wait)
        case _:  # pragma: no cover - the words are all named
            assert_never(meaning)


_Refusal = tuple[RefusalCode, str]

_REFUSALS: Mapping[Meaning, _Refusal] = MappingProxyType(
    {
        Meaning.KEY_REUSED: (RefusalCode.KEY_REUSED, "the same key was used with other values"),
        Meaning.REFERENCE_EXISTS: (RefusalCode.REFERENCE_EXISTS, "a contract with this reference exists already"),
        Meaning.PAST_CANCELLING: (RefusalCode.PAST_CANCELLING, "the contract is past cancelling"),
        Meaning.NOT_FOUND: (RefusalCode.NOT_FOUND, "CACTUS does not know it"),
    }
)


def _build_refusal(meaning: Meaning, problem: Problem) -> Refused:
    if meaning is Meaning.INVALID:
        named = ", ".join(problem.fields) or "fields that it does not name"
        return Refused(f"CACTUS does not accept: {named}", code=RefusalCode.INVALID)
    code, message = _REFUSALS[meaning]
    return Refused(message, code=code, contract_id=problem.contract_id)
