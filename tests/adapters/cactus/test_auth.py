"""A fixed secret is kept, read again when it is refused, and shown to nobody."""

import traceback
from collections.abc import Callable

import pytest

from syncd.adapters.cactus.auth import Authentication, NoAuthentication, api_key, bearer
from syncd.adapters.cactus.exchange import Answer, Request
from syncd.errors import CredentialsRefused


async def no_exchange(request: Request) -> Answer:
    raise AssertionError("a fixed secret asks nobody")


async def test_a_bearer_token_and_an_api_key_stand_in_their_headers() -> None:
    assert await bearer(lambda: "t").headers(no_exchange) == {"Authorization": "Bearer t"}
    assert await api_key(lambda: "k").headers(no_exchange) == {"X-Api-Key": "k"}
    assert await NoAuthentication().headers(no_exchange) == {}


async def test_a_secret_is_read_once_as_long_as_it_is_accepted() -> None:
    secrets = iter(["first", "second"])
    authentication = bearer(lambda: next(secrets))

    await authentication.headers(no_exchange)

    assert await authentication.headers(no_exchange) == {"Authorization": "Bearer first"}


async def test_what_was_read_is_at_hand() -> None:
    authentication = bearer(lambda: "t")
    before = authentication.at_hand()

    await authentication.headers(no_exchange)

    assert (before, authentication.at_hand()) == (None, {"Authorization": "Bearer t"})
    assert NoAuthentication().at_hand() == {}


async def test_r20_a_refused_secret_is_read_again() -> None:
    secrets = iter(["first", "second"])
    authentication = bearer(lambda: next(secrets))
    refused = await authentication.headers(no_exchange)

    assert await authentication.renew(refused, no_exchange) == {"Authorization": "Bearer second"}
    assert await authentication.headers(no_exchange) == {"Authorization": "Bearer second"}


async def test_r10_a_refused_secret_that_did_not_change_is_not_tried_again() -> None:
    authentication = bearer(lambda: "same")
    refused = await authentication.headers(no_exchange)

    assert await authentication.renew(refused, no_exchange) is None
    assert await NoAuthentication().renew({}, no_exchange) is None


@pytest.mark.parametrize("value", ["", "  \n", "a\nb", "a\r\nX-Evil: 1", "clé", "a\x00b"])
@pytest.mark.parametrize("scheme", [bearer, api_key])
async def test_a_secret_that_no_header_can_carry_is_refused_without_being_shown(
    value: str, scheme: Callable[[Callable[[], str]], Authentication]
) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        await scheme(lambda: value).headers(no_exchange)

    assert value.strip() == "" or value not in str(refused.value)


async def test_the_line_end_of_a_secret_file_does_not_count() -> None:
    assert await bearer(lambda: "t\n").headers(no_exchange) == {"Authorization": "Bearer t"}


async def test_o04_a_secret_file_that_is_gone_refuses_the_credentials_without_its_path() -> None:
    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory", "/run/secrets/cactus-token")

    with pytest.raises(CredentialsRefused) as refused:
        await bearer(gone).headers(no_exchange)

    assert "/run/secrets" not in str(refused.value)


def test_no_request_shows_its_secret_or_its_body() -> None:
    request = Request(method="POST", url="https://x/?a", headers={"Authorization": "s3cret"}, body=b"name", cap_bytes=1)
    answer = Answer(status=200, headers={"Set-Cookie": "s3cret"}, body=b"name")

    shown = "".join(traceback.format_exception_only(ValueError(request, answer)))

    assert "s3cret" not in shown
    assert "name" not in shown
