"""The three ways to prove who asks, and asking without any."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from syncd.adapters.cactus.simulator import ApiKey, Authentication, BearerToken, OAuthClient, Simulator, create_app
from tests.support.clock import FixedClock

OAUTH = OAuthClient(client_id="syncd", client_secret="p:a/ss word", token_lifetime=timedelta(minutes=10))
TOKEN_FORM = {"grant_type": "client_credentials"}


@asynccontextmanager
async def _open(authentication: Authentication, clock: FixedClock | None = None) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Simulator(clock or FixedClock()), authentication=authentication)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cactus.test") as client:
        client.app = app  # type: ignore[attr-defined]
        yield client


async def _token(client: httpx.AsyncClient) -> dict[str, str]:
    response = await client.post("/token", data=TOKEN_FORM, auth=(OAUTH.client_id, OAUTH.client_secret))
    assert response.status_code == 200
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


@pytest.mark.parametrize(
    ("authentication", "right", "wrong"),
    [
        (BearerToken(token="s3cret"), {"Authorization": "Bearer s3cret"}, {"Authorization": "Bearer other"}),
        (BearerToken(token="s3cret"), {"Authorization": "bearer s3cret"}, {"Authorization": "Basic s3cret"}),
        (ApiKey(key="s3cret"), {"X-Api-Key": "s3cret"}, {"X-Api-Key": "other"}),
        (ApiKey(key="s3cret", header="X-Cactus"), {"X-Cactus": "s3cret"}, {"X-Api-Key": "s3cret"}),
    ],
)
async def test_only_the_right_credentials_are_admitted(
    authentication: Authentication, right: dict[str, str], wrong: dict[str, str]
) -> None:
    async with _open(authentication) as client:
        admitted = await client.get("/contracts", headers=right)
        refused = [await client.get("/contracts", headers=headers) for headers in (wrong, {})]

    assert admitted.status_code == 200
    for response in refused:
        assert response.status_code == response.json()["status"] == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_client_credentials_give_a_token_that_is_admitted_until_it_expires() -> None:
    clock = FixedClock()
    async with _open(OAUTH, clock) as client:
        headers = await _token(client)

        assert (await client.get("/contracts", headers=headers)).status_code == 200
        clock.advance(timedelta(minutes=10))
        assert (await client.get("/contracts", headers=headers)).status_code == 401


async def test_a_token_says_how_long_it_lives_and_is_not_to_be_stored() -> None:
    async with _open(OAUTH) as client:
        response = await client.post("/token", data=TOKEN_FORM, auth=(OAUTH.client_id, OAUTH.client_secret))

    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (response.json()["token_type"], response.json()["expires_in"]) == ("Bearer", 600)
    assert response.headers["cache-control"] == "no-store"


async def test_form_encoded_client_credentials_are_understood_too() -> None:
    async with _open(OAUTH) as client:
        response = await client.post("/token", data=TOKEN_FORM, auth=("syncd", "p%3Aa%2Fss+word"))

    assert response.status_code == 200


async def test_withdrawn_tokens_are_refused_and_new_ones_admitted() -> None:
    async with _open(OAUTH) as client:
        old = await _token(client)
        client.app.state.doorkeeper.withdraw_tokens()  # type: ignore[attr-defined]
        new = await _token(client)

        assert (await client.get("/contracts", headers=old)).status_code == 401
        assert (await client.get("/contracts", headers=new)).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "1.99999999999.0000", "é", "1.2.3.4"])
async def test_an_invented_token_is_refused(token: str) -> None:
    async with _open(OAUTH) as client:
        response = await client.get("/contracts", headers=[(b"Authorization", f"Bearer {token}".encode())])

    assert response.status_code == 401


async def test_wrong_client_credentials_get_no_token() -> None:
    async with _open(OAUTH) as client:
        wrong = await client.post("/token", data=TOKEN_FORM, auth=("syncd", "wrong"))
        none = await client.post("/token", data=TOKEN_FORM, headers={"Authorization": "Basic ???"})
        other = await client.post("/token", data={"grant_type": "password"}, auth=("syncd", OAUTH.client_secret))

    assert [(r.status_code, r.json()["error"]) for r in (wrong, none)] == [(401, "invalid_client")] * 2
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


async def test_a_remote_without_oauth_gives_no_token() -> None:
    async with _open(BearerToken(token="s3cret")) as client:
        response = await client.post("/token", data=TOKEN_FORM, auth=("syncd", "s3cret"))

    assert response.status_code == 401


async def test_the_pages_of_people_stay_open() -> None:
    async with _open(ApiKey(key="s3cret")) as client:
        assert (await client.get("/cfa")).status_code == 200


def test_no_secret_is_shown() -> None:
    schemes = (OAUTH, BearerToken(token="s3cret"), ApiKey(key="s3cret"))

    assert "s3cret" not in repr(schemes)
    assert OAUTH.client_secret not in repr(schemes)
