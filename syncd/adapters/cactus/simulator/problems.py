"""What the simulated CACTUS answers when it says no (RFC 9457)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing that is wrong with a body; the message never repeats the value."""

    field: str
    message: str


class Problem(Exception):
    """A request that is answered with `application/problem+json`."""

    def __init__(self, status: int, kind: str, title: str, detail: str, **extra: object) -> None:
        super().__init__(title)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.extra = extra

    def document(self) -> dict[str, object]:
        """Return the members of the problem document."""
        return {"type": self.kind, "title": self.title, "status": self.status, "detail": self.detail, **self.extra}


class Declined(Exception):
    """A person's act that the contract's status does not allow; says so in French."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def invalid(errors: list[FieldError]) -> Problem:
    """Return the answer to a body that cannot become a contract."""
    listed = [{"field": error.field, "message": error.message} for error in errors]
    return Problem(422, "invalid", "Invalid body", "Some fields are missing or wrong.", errors=listed)


def key_reused() -> Problem:
    """Return the answer to a known idempotency key with another body."""
    return Problem(422, "key-reused", "Idempotency key reused", "This key was used with another body.")


def reference_exists(contract_id: str) -> Problem:
    """Return the answer to a second contract for one external reference."""
    detail = "A contract with this external reference exists."
    return Problem(409, "reference-exists", "Reference exists", detail, contract_id=contract_id)


def not_found(what: str) -> Problem:
    """Return the answer to a question about something that does not exist."""
    return Problem(404, "not-found", "Not found", f"There is no such {what}.")


def past_cancelling(status: str) -> Problem:
    """Return the answer to a cancellation that comes too late."""
    return Problem(409, "past-cancelling", "Past cancelling", f"A contract that is {status} cannot be cancelled.")


def cursor_expired() -> Problem:
    """Return the answer to a cursor that the feed does not know."""
    return Problem(410, "cursor-expired", "Cursor expired", "This cursor is unknown or too old: start over.")


def bad_request(detail: str) -> Problem:
    """Return the answer to a request that cannot be read."""
    return Problem(400, "bad-request", "Bad request", detail)
