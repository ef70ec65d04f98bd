"""R10, R19, R20, R21: tokens that expire, secrets that are rotated, and a token endpoint that is of no use."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.oauth import ClientCredentials
from syncd.errors import CredentialsRefused, Transient
from syncd.model import ContractId
from syncd.ports.cactus import Cactus
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.adapters import cactus_adapter
from tests.adapters.cactus.fault_server import Connection, Received, fault_server
from tests.adapters.cactus.rigs import CONTRACT, IN_TIME, open_cactus
from tests.conformance.examples import A_MISSION
from tests.faults.remote.rig import open_rig
from tests.support.clock import FixedClock

CT_1 = ContractId("CT-1")
WORKERS = 20
SKEWS = (-60, 0, 60)


@dataclass(slots=True, kw_only=True)
class Bank:
    """A CACTUS and its token endpoint: gives tokens for secrets, and looks at tokens by its own clock."""

    clock: FixedClock
    skew_s: float = 0.0
    lifetime_s: float = 600.0
    secrets: set[str] = field(default_factory=lambda: {"s3cret"})
    revoked: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    """The secret of each request for a token."""
    seen: list[tuple[str, int]] = field(default_factory=list)
    """Each other request: its token and its status."""
    _given: dict[str, float] = field(default_factory=dict)

    async def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        while True:
            request = await connection.read_request()
            await asyncio.sleep(0)
            status, body = self._token(request) if request.target == "/token" else self._contract(request)
            await connection.answer(status, body)

    def _token(self, request: Received) -> tuple[int, object]:
        secret = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")[2]
        self.asked.append(secret)
        if secret not in self.secrets:
            return 401, {"error": "invalid_client"}
        token = f"t-{len(self.asked)}"
        self._given[token] = self.clock.monotonic() + self.skew_s + self.lifetime_s
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime_s}

    def _contract(self, request: Received) -> tuple[int, object]:
        token = request.headers["authorization"].removeprefix("Bearer ")
        is_good = token not in self.revoked and self._given.get(token, 0.0) > self.clock.monotonic() + self.skew_s
        self.seen.append((token, 200 if is_good else 401))
        return (200, CONTRACT) if is_good else (401, {"type": "unauthorized"})


@pytest.fixture
def clock() -> FixedClock:
    """The adapter's clock; the bank's differs by a skew."""
    return FixedClock()


@asynccontextmanager
async def open_bank(
    bank: Bank, *, secret: Callable[[], str] = lambda: "s3cret", timeout: timedelta = IN_TIME  # noqa: ASYNC109 - under test
) -> AsyncIterator[HttpCactus]:  # fmt: skip
    """Give an adapter whose tokens and contracts come from the bank."""
    async with fault_server(bank) as server:
        oauth = ClientCredentials(token_url=f"{server.url}/token", client_id="syncd", secret=secret, clock=bank.clock)
        async with open_cactus(
            server.url, authentication=oauth, clock=bank.clock, concurrency=WORKERS, timeout=timeout
        ) as cactus:
            yield cactus


async def all_at_once(cactus: Cactus) -> list[object]:
    """Let every worker make a call; return what came of each."""
    return await asyncio.gather(*(cactus.read(CT_1) for _ in range(WORKERS)), return_exceptions=True)


# ------------------------------------------------------------------------------------------------ tokens that end


async def test_r10_a_revoked_token_is_renewed_once_for_all_workers_and_each_asks_once_more(clock: FixedClock) -> None:
    bank = Bank(clock=clock)
    async with open_bank(bank) as cactus:
        await all_at_once(cactus)
        bank.revoked.add("t-1")
        bank.seen.clear()

        results = await all_at_once(cactus)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert len(bank.asked) == 2
    assert bank.seen.count(("t-1", 401)) <= WORKERS
    assert bank.seen.count(("t-2", 200)) == WORKERS


async def test_r10_when_no_token_is_good_one_is_renewed_and_then_the_credentials_are_refused(clock: FixedClock) -> None:
    bank = Bank(clock=clock, lifetime_s=-1.0)
    async with open_bank(bank) as cactus:
        results = await all_at_once(cactus)

    assert all(isinstance(result, CredentialsRefused) for result in results)
    assert len(bank.asked) <= 3
    assert len(bank.seen) <= 2 * WORKERS


@pytest.mark.parametrize("skew_s", SKEWS)
async def test_r19_a_clock_that_differs_by_a_minute_never_meets_an_expired_token(
    clock: FixedClock, skew_s: int
) -> None:
    """The remote lets a token end up to a minute early or late: it was renewed before."""
    bank = Bank(clock=clock)
    async with open_bank(bank) as cactus:
        await cactus.read(CT_1)
        bank.skew_s = float(skew_s)
        for _ in range(120):
            clock.advance(timedelta(seconds=10))
            await cactus.read(CT_1)

    assert {status for _, status in bank.seen} == {200}
    assert len(bank.asked) == 1 + 1200 // 540


async def test_r19_a_token_that_ends_between_the_look_at_it_and_its_use_is_renewed(clock: FixedClock) -> None:
    bank = Bank(clock=clock)
    async with open_bank(bank) as cactus:
        await cactus.read(CT_1)
        bank.skew_s = 10_000.0

        contract = await cactus.initialise(A_MISSION, key="k")

    assert contract.contract_id == "CT-1"
    assert bank.seen == [("t-1", 200), ("t-1", 401), ("t-2", 200)]


# --------------------------------------------------------------------------------------------- secrets that change


@dataclass(slots=True, kw_only=True)
class Door:
    """A CACTUS that admits some secrets."""

    header: str
    admitted: set[str]
    seen: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        while True:
            request = await connection.read_request()
            secret = request.headers.get(self.header, "").removeprefix("Bearer ")
            status = 200 if secret in self.admitted else 401
            self.seen.append((secret, status))
            await connection.answer(status, CONTRACT if status == 200 else {})


def from_file(folder: Path, url: str, environ: dict[str, str], *, secret: str) -> Cactus:
    """Return the adapter that the wiring makes when its secret is in a file."""
    file = folder / "secret"
    file.write_text("old\n")
    file.chmod(0o600)
    settings = load_settings(
        None,
        {
            "SYNCD_STATE_DIRECTORY": str(folder), "SYNCD_CACTUS__ADAPTER": "http", "SYNCD_CACTUS__BASE_URL": url,
            f"SYNCD_CACTUS__{secret}_FILE": str(file), **environ,
        },
        places=Places(config_files=(), secrets=folder / "none"),
    )  # fmt: skip
    return cactus_adapter(settings, FixedClock())


@pytest.mark.parametrize(("auth", "header"), [("bearer", "authorization"), ("api_key", "x-api-key")])
@pytest.mark.parametrize("first", ["the file", "the remote"])
async def test_r20_a_secret_is_rotated_without_a_restart_and_both_hold_while_they_overlap(
    tmp_path: Path, auth: str, header: str, first: str
) -> None:
    door = Door(header=header, admitted={"old"})
    async with fault_server(door) as server:
        cactus = from_file(tmp_path, server.url, {"SYNCD_CACTUS__AUTH": auth}, secret="TOKEN")
        results = await all_at_once(cactus)
        if first == "the file":
            (tmp_path / "secret").write_text("new\n")
            results += await all_at_once(cactus)
        door.admitted = {"old", "new"}
        results += await all_at_once(cactus)
        (tmp_path / "secret").write_text("new\n")
        results += await all_at_once(cactus)
        door.admitted = {"new"}
        results += await all_at_once(cactus)
        await cactus.aclose()

    assert [result for result in results if isinstance(result, Exception)] == []
    assert door.seen[-1] == ("new", 200)
    assert door.seen.count(("old", 401)) <= WORKERS


async def test_r20_the_secret_of_an_oauth_client_is_rotated_without_a_restart(tmp_path: Path) -> None:
    bank = Bank(clock=FixedClock(), secrets={"old"})
    async with fault_server(bank) as server:
        environ = {
            "SYNCD_CACTUS__AUTH": "client_credentials", "SYNCD_CACTUS__CLIENT_ID": "syncd",
            "SYNCD_CACTUS__TOKEN_URL": f"{server.url}/token",
        }  # fmt: skip
        cactus = from_file(tmp_path, server.url, environ, secret="CLIENT_SECRET")
        results = await all_at_once(cactus)
        bank.secrets.add("new")
        (tmp_path / "secret").write_text("new\n")
        results += await all_at_once(cactus)
        bank.secrets.remove("old")
        bank.revoked.add("t-1")
        results += await all_at_once(cactus)
        await cactus.aclose()

    assert [result for result in results if isinstance(result, Exception)] == []
    assert bank.asked == ["old", "new"]


# ---------------------------------------------------------------------------------- a token endpoint of no use


async def hang_up(connection: Connection) -> None:
    await connection.read_request()


async def be_silent(connection: Connection) -> None:
    await connection.read_request()
    await connection.until_closed()


async def trickle(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.02)


async def show_a_page(connection: Connection) -> None:
    await connection.read_request()
    await connection.answer(200, b"<html>Connexion</html>", {"Content-Type": "text/html"})


async def fail(connection: Connection) -> None:
    await connection.read_request()
    await connection.answer(503, b"")


ENDPOINTS = {"hangs up": hang_up, "silent": be_silent, "trickles": trickle, "html": show_a_page, "fails": fail}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
async def test_r21_a_token_endpoint_of_no_use_is_asked_by_one_worker_at_a_time(
    clock: FixedClock, endpoint: Callable[[Connection], asyncio.Future[None]]
) -> None:
    async with fault_server(endpoint) as tokens, fault_server(be_silent) as contracts:
        oauth = ClientCredentials(token_url=tokens.url, client_id="syncd", secret=lambda: "s3cret", clock=clock)
        async with open_cactus(
            contracts.url, authentication=oauth, clock=clock, concurrency=WORKERS, timeout=timedelta(milliseconds=300)
        ) as cactus:
            calls = []
            for _ in range(WORKERS):
                calls.append(asyncio.create_task(cactus.initialise(A_MISSION, key="k")))
                await asyncio.sleep(0.005)
            results = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(result, Transient) and result.is_general for result in results)
    assert contracts.connections == 0
    assert len(tokens.requests) <= 2


async def test_r21_a_token_endpoint_that_is_down_stops_everybody_at_the_usual_pace(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/token"
    oauth = ClientCredentials(token_url=url, client_id="syncd", secret=lambda: "s3cret", clock=FixedClock())
    async with open_rig(tmp_path, authentication=oauth) as rig:
        await rig.discover(*range(1, 31))
        await rig.work()
        attempts = [(await rig.first.view(number)).facts.attempts for number in range(1, 31)]

        assert (await rig.first.gate_state()).closed_until is not None
        assert rig.registry.requests == []
        assert max(attempts) <= 1
