"""The one table: which answer means what, for every kind of request."""

from datetime import UTC, datetime

import pytest

from syncd.adapters.cactus.exchange import Answer, ExchangeFailed, Failure
from syncd.adapters.cactus.outcomes import TABLE, Blip, RequestKind, error_of_answer, error_of_failure
from syncd.errors import CredentialsRefused, CursorExpired, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient

NOW = datetime(2025, 9, 2, 9, 0, tzinfo=UTC)
CHANGES = [RequestKind.CREATE, RequestKind.CANCEL]
READS = [kind for kind in RequestKind if kind not in CHANGES]
CERTAIN: dict[tuple[RequestKind, int], type[SyncdError]] = {
    **{(kind, status): CredentialsRefused for kind in RequestKind for status in (401, 403)},
    **{(kind, 429): Transient for kind in RequestKind},
    **{(RequestKind.CREATE, status): Refused for status in (400, 422)},
    **{(RequestKind.CREATE, status): Transient for status in (404, 405)},
    **{(RequestKind.CANCEL, status): Refused for status in (400, 404, 409, 422)},
    (RequestKind.READ, 404): Refused,
    (RequestKind.READ, 410): Refused,
    (RequestKind.DOCUMENT, 404): Refused,
    (RequestKind.DOCUMENT, 410): Refused,
    (RequestKind.FEED, 410): CursorExpired,
    (RequestKind.TOKEN, 400): CredentialsRefused,
}
"""Written down a second time on purpose: what the table may be certain of."""


def answered(kind: RequestKind, status: int, body: bytes = b"{}") -> SyncdError:
    return error_of_answer(kind, Answer(status=status, headers={}, body=body), now=NOW)


@pytest.mark.parametrize("kind", RequestKind)
def test_every_kind_of_request_has_its_row(kind: RequestKind) -> None:
    assert kind in TABLE


@pytest.mark.parametrize("kind", RequestKind)
def test_every_status_means_what_the_interface_says_and_the_others_prove_nothing(kind: RequestKind) -> None:
    for status in range(100, 600):
        otherwise = OutcomeUnknown if kind in CHANGES else Transient

        error = answered(kind, status)

        assert isinstance(error, CERTAIN.get((kind, status), otherwise)), status
        assert not isinstance(error, CredentialsRefused) or CERTAIN[kind, status] is CredentialsRefused


@pytest.mark.parametrize("kind", READS)
def test_a_failing_server_is_general_and_may_be_asked_again_at_once(kind: RequestKind) -> None:
    error = answered(kind, 502)

    assert isinstance(error, Blip)
    assert error.is_general


def test_what_names_its_delay_is_not_asked_again_at_once() -> None:
    answer = Answer(status=503, headers={"retry-after": "5"}, body=b"")

    assert not isinstance(error_of_answer(RequestKind.READ, answer, now=NOW), Blip)


def test_r06_an_initialisation_still_under_way_concerns_this_contract_alone() -> None:
    error = answered(RequestKind.CREATE, 409)

    assert isinstance(error, OutcomeUnknown)
    assert not error.is_general


def test_a_word_says_more_than_a_status_only_where_the_interface_gives_it_meaning() -> None:
    words = b'{"type": "reference-exists", "contract_id": "CT-1"}'

    assert isinstance(answered(RequestKind.CREATE, 500, words), OutcomeUnknown)
    refused = answered(RequestKind.CREATE, 422, words)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.contract_id) == (RefusalCode.REFERENCE_EXISTS, "CT-1")


@pytest.mark.parametrize("failure", [Failure.UNREACHABLE, Failure.UNTRUSTED])
@pytest.mark.parametrize("kind", RequestKind)
def test_r15_what_was_never_sent_was_certainly_not_done(kind: RequestKind, failure: Failure) -> None:
    error = error_of_failure(kind, ExchangeFailed(failure, "reason"))

    assert isinstance(error, Transient)
    assert error.is_general


@pytest.mark.parametrize("failure", [Failure.LATE, Failure.LOST, Failure.TOO_LARGE, Failure.ENCODED])
@pytest.mark.parametrize("kind", CHANGES)
def test_r02_whatever_else_fails_may_have_been_done(kind: RequestKind, failure: Failure) -> None:
    assert isinstance(error_of_failure(kind, ExchangeFailed(failure, "reason")), OutcomeUnknown)


@pytest.mark.parametrize("failure", [Failure.LATE, Failure.LOST, Failure.TOO_LARGE, Failure.ENCODED])
@pytest.mark.parametrize("kind", [kind for kind in READS if kind is not RequestKind.DOCUMENT])
def test_a_reading_that_fails_can_be_repeated(kind: RequestKind, failure: Failure) -> None:
    assert isinstance(error_of_failure(kind, ExchangeFailed(failure, "reason")), Transient)


def test_an_untrusted_remote_is_not_asked_again_at_once() -> None:
    assert not isinstance(error_of_failure(RequestKind.READ, ExchangeFailed(Failure.UNTRUSTED, "expired")), Blip)
