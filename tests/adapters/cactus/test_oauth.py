"""OAuth2 client credentials: one token for everybody, renewed early, by one caller at a time."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from syncd.adapters.cactus.auth import Headers
from syncd.adapters.cactus.exchange import Answer, ExchangeFailed, Failure, Request
from syncd.adapters.cactus.oauth import ClientCredentials
from syncd.adapters.cactus.simulator import OAuthClient, Simulator, serve
from syncd.errors import CredentialsRefused, SyncdError, Transient
from syncd.model import ContractId
from tests.adapters.cactus.rigs import BASE_URL, CONTRACT, open_cactus, scripted_cactus
from tests.conformance.examples import A_MISSION
from tests.support.clock import FixedClock, TickingClock

TOKEN_URL = "https://login.example.org/token"


class TokenEndpoint:
    """Gives `t-1`, `t-2`, … or whatever it is told to; every answer takes a turn of the loop."""

    def __init__(self, *, lifetime: object = 3600) -> None:
        self.lifetime = lifetime
        self.asked: list[Request] = []
        self.instead: Answer | ExchangeFailed | None = None

    async def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        await asyncio.sleep(0)
        if isinstance(self.instead, ExchangeFailed):
            raise self.instead
        if self.instead is not None:
            return self.instead
        said: dict[str, Any] = {"access_token": f"t-{len(self.asked)}", "token_type": "Bearer"}
        if self.lifetime is not None:
            said["expires_in"] = self.lifetime
        return Answer(status=200, headers={}, body=json.dumps(said).encode())


def client(clock: FixedClock, *, scope: str | None = None) -> ClientCredentials:
    return ClientCredentials(token_url=TOKEN_URL, client_id="syncd", secret=lambda: "s3cret", clock=clock, scope=scope)


def token_of(headers: Headers | None) -> str:
    assert headers is not None
    return headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


async def test_the_token_is_asked_for_with_a_form_and_http_basic(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()

    headers = await client(clock, scope="contrats lecture").headers(endpoint)

    asked = endpoint.asked[0]
    assert (asked.method, asked.url) == ("POST", TOKEN_URL)
    assert asked.body == b"grant_type=client_credentials&scope=contrats+lecture"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")) == b"syncd:s3cret"
    assert headers == {"Authorization": "Bearer t-1"}


async def test_r21_many_callers_share_one_request_for_a_token(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    authentication = client(clock)

    tokens = await asyncio.gather(*(authentication.headers(endpoint) for _ in range(50)))

    assert {token_of(headers) for headers in tokens} == {"t-1"}
    assert len(endpoint.asked) == 1


async def test_r19_a_token_is_renewed_a_minute_before_it_expires(clock: FixedClock) -> None:
    endpoint = TokenEndpoint(lifetime=3600)
    authentication = client(clock)

    await authentication.headers(endpoint)
    clock.advance(timedelta(seconds=3539))
    before = await authentication.headers(endpoint)
    clock.advance(timedelta(seconds=1))
    after = await authentication.headers(endpoint)

    assert (token_of(before), token_of(after)) == ("t-1", "t-2")


async def test_r19_a_token_is_at_hand_until_a_minute_before_it_expires(clock: FixedClock) -> None:
    authentication = client(clock)
    at_hand = [authentication.at_hand()]

    await authentication.headers(TokenEndpoint(lifetime=3600))
    for seconds in (3539, 1):
        clock.advance(timedelta(seconds=seconds))
        at_hand.append(authentication.at_hand())

    assert at_hand == [None, {"Authorization": "Bearer t-1"}, None]


async def test_r19_a_wall_clock_that_jumps_changes_nothing(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    authentication = client(clock)

    await authentication.headers(endpoint)
    clock.set_wall(clock.now() + timedelta(days=365))

    assert token_of(await authentication.headers(endpoint)) == "t-1"


async def test_a_short_token_is_renewed_at_its_half_life_not_at_every_request(clock: FixedClock) -> None:
    endpoint = TokenEndpoint(lifetime=30)
    authentication = client(clock)

    for _ in range(5):
        await authentication.headers(endpoint)
    clock.advance(timedelta(seconds=15))
    await authentication.headers(endpoint)

    assert len(endpoint.asked) == 2


@pytest.mark.parametrize("lifetime", [None, "soon", -5, 0, True, [1], float("nan"), float("inf"), 1e300])
async def test_a_lifetime_that_makes_no_sense_still_gives_a_token(clock: FixedClock, lifetime: object) -> None:
    endpoint = TokenEndpoint(lifetime=lifetime)
    authentication = client(clock)

    await authentication.headers(endpoint)

    assert token_of(await authentication.headers(endpoint)) == "t-1"


async def test_r10_a_refused_token_is_renewed_once_for_everybody(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    authentication = client(clock)
    refused = await authentication.headers(endpoint)

    renewed = await asyncio.gather(*(authentication.renew(refused, endpoint) for _ in range(20)))

    assert {token_of(headers) for headers in renewed} == {"t-2"}
    assert len(endpoint.asked) == 2


async def test_r20_the_secret_is_read_again_for_each_token(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    secrets = iter(["old", "new"])
    authentication = ClientCredentials(
        token_url=TOKEN_URL, client_id="syncd", secret=lambda: next(secrets), clock=clock
    )

    await authentication.renew(await authentication.headers(endpoint), endpoint)

    basics = [base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")) for asked in endpoint.asked]
    assert basics == [b"syncd:old", b"syncd:new"]


@pytest.mark.parametrize(
    ("instead", "error"),
    [
        (Answer(status=400, headers={}, body=b'{"error": "invalid_client"}'), CredentialsRefused),
        (Answer(status=401, headers={}, body=b""), CredentialsRefused),
        (Answer(status=403, headers={}, body=b""), CredentialsRefused),
        (Answer(status=404, headers={}, body=b""), Transient),
        (Answer(status=429, headers={"retry-after": "7"}, body=b""), Transient),
        (Answer(status=503, headers={}, body=b""), Transient),
        (Answer(status=200, headers={}, body=b"<html>"), Transient),
        (Answer(status=200, headers={}, body=b"{}"), Transient),
        (Answer(status=200, headers={}, body=b'{"access_token": "a\\nb"}'), Transient),
        (Answer(status=200, headers={}, body=b"[]"), Transient),
        (Answer(status=302, headers={}, body=b""), Transient),
        (ExchangeFailed(Failure.LATE, "total deadline"), Transient),
        (ExchangeFailed(Failure.LOST, "cut"), Transient),
        (ExchangeFailed(Failure.UNREACHABLE, "refused"), Transient),
        (ExchangeFailed(Failure.TOO_LARGE, "not read"), Transient),
    ],
)
async def test_r21_a_token_endpoint_that_fails_is_never_an_unknown_outcome(
    clock: FixedClock, instead: Answer | ExchangeFailed, error: type[SyncdError]
) -> None:
    endpoint = TokenEndpoint()
    endpoint.instead = instead

    with pytest.raises(Transient) as failed:
        await client(clock).headers(endpoint)

    assert isinstance(failed.value, error)
    assert isinstance(failed.value, CredentialsRefused) == (error is CredentialsRefused)
    assert failed.value.is_general


async def test_r21_when_no_token_comes_those_who_waited_do_not_each_ask_again(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    endpoint.instead = Answer(status=503, headers={}, body=b"")
    authentication = client(clock)

    errors = await asyncio.gather(*(authentication.headers(endpoint) for _ in range(20)), return_exceptions=True)

    assert all(isinstance(error, Transient) for error in errors)
    assert len(endpoint.asked) == 1


async def test_r21_after_a_failure_a_token_is_asked_for_again_soon(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    endpoint.instead = Answer(status=503, headers={}, body=b"")
    authentication = client(clock)
    with pytest.raises(Transient):
        await authentication.headers(endpoint)

    endpoint.instead = None
    clock.advance(ClientCredentials.PAUSE_AFTER_FAILURE)

    assert token_of(await authentication.headers(endpoint)) == "t-2"


async def test_r21_the_caller_that_asks_for_the_token_may_be_cancelled(clock: FixedClock) -> None:
    endpoint = TokenEndpoint()
    authentication = client(clock)
    first, second = (asyncio.create_task(authentication.headers(endpoint)) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()

    assert token_of(await second) == "t-2"
    assert first.cancelled()


# Over HTTP


async def test_r10_a_401_brings_one_new_token_and_one_more_attempt(router: respx.Router) -> None:
    tokens = iter(["t-1", "t-2", "t-3"])
    router.post(TOKEN_URL).mock(side_effect=lambda _: httpx.Response(200, json={"access_token": next(tokens)}))
    route = router.post(f"{BASE_URL}/contracts")
    route.side_effect = lambda request: httpx.Response(
        201 if request.headers["Authorization"] == "Bearer t-2" else 401, json=CONTRACT
    )

    await scripted_cactus(router, authentication=client(FixedClock())).initialise(A_MISSION, key="k")

    posts = [call.request for call in router.calls if call.request.url.path.endswith("/contracts")]
    assert [request.headers["Authorization"] for request in posts] == ["Bearer t-1", "Bearer t-2"]
    assert len({(request.headers["Idempotency-Key"], request.content) for request in posts}) == 1


async def test_r21_without_a_token_nothing_is_sent(router: respx.Router) -> None:
    router.post(TOKEN_URL).respond(503)
    contracts = router.post(f"{BASE_URL}/contracts").respond(201, json=CONTRACT)

    with pytest.raises(Transient) as failed:
        await scripted_cactus(router, authentication=client(FixedClock())).initialise(A_MISSION, key="k")

    assert failed.value.is_general
    assert not contracts.called


async def test_the_whole_exchange_works_against_the_simulator() -> None:
    scheme = OAuthClient(client_id="syncd", client_secret="s3cret")
    async with serve(Simulator(TickingClock()), authentication=scheme) as base_url:
        authentication = ClientCredentials(
            token_url=f"{base_url}/token", client_id="syncd", secret=lambda: "s3cret", clock=FixedClock()
        )
        async with open_cactus(base_url, authentication=authentication) as cactus:
            contract = await cactus.initialise(A_MISSION, key="k")

        wrong = ClientCredentials(
            token_url=f"{base_url}/token", client_id="syncd", secret=lambda: "wrong", clock=FixedClock()
        )
        async with open_cactus(base_url, authentication=wrong) as cactus:
            with pytest.raises(CredentialsRefused):
                await cactus.read(ContractId("CT-1"))

    assert contract.external_reference == A_MISSION.mission_id
