"""R17, R18: nothing that syncd knows goes anywhere but where it was told to send it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.adapters.cactus.auth import Authentication, api_key, bearer
from syncd.adapters.cactus.oauth import ClientCredentials
from syncd.errors import OutcomeUnknown, Transient
from syncd.model import ContractId, DocumentKind, Step
from tests.adapters.cactus.fault_server import Connection, Script, answering, fault_server
from tests.adapters.cactus.rigs import CONTRACT, open_cactus
from tests.conformance.examples import A_MISSION
from tests.faults.remote.counter import HONEST, Fate
from tests.faults.remote.registry import is_creation
from tests.faults.remote.rig import KINDS, open_rig
from tests.support.clock import FixedClock
from tests.world.remote import Answer, Request, serve_remote
from tests.world.world import make_world, mission

CT_1 = ContractId("CT-1")
STATUSES = (301, 302, 303, 307, 308)
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "WS_PROXY")
A_TOKEN = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 600}

AUTHENTICATIONS: dict[str, Callable[[str], Authentication]] = {
    "bearer": lambda _url: bearer(lambda: "s3cret"),
    "api_key": lambda _url: api_key(lambda: "s3cret"),
    "client_credentials": lambda url: ClientCredentials(
        token_url=f"{url}/token", client_id="syncd", secret=lambda: "s3cret", clock=FixedClock()
    ),
}


def redirecting(location: str, status: int, *, token: bool) -> Script:
    """Return a server that redirects everything, the request for a token too or not."""

    async def script(connection: Connection) -> None:
        while True:
            request = await connection.read_request()
            if request.target == "/token" and not token:
                await connection.answer(200, A_TOKEN)
            else:
                await connection.answer(status, b"", {"Location": location})

    return script


@pytest.mark.parametrize("scheme", AUTHENTICATIONS.values(), ids=AUTHENTICATIONS.keys())
@pytest.mark.parametrize("place", ["another host", "http", "the metadata service", "no address", "itself"])
@pytest.mark.parametrize("redirects_tokens", [False, True], ids=["contracts", "tokens too"])
async def test_r17_no_redirect_is_followed_with_or_without_a_secret(
    scheme: Callable[[str], Authentication], place: str, redirects_tokens: bool
) -> None:
    async with fault_server(answering((200, CONTRACT))) as elsewhere:
        location = {
            "another host": elsewhere.url.replace("localhost", "127.0.0.1") + "/contracts",
            "http": elsewhere.url + "/contracts",
            "the metadata service": "http://169.254.169.254/latest/meta-data/",
            "no address": "//[bad",
            "itself": "/contracts/CT-2",
        }[place]
        for status in STATUSES:
            script = redirecting(location, status, token=redirects_tokens)
            async with (
                fault_server(script) as server,
                open_cactus(server.url, authentication=scheme(server.url)) as cactus,
            ):
                with pytest.raises((OutcomeUnknown, Transient)):
                    await cactus.initialise(A_MISSION, key="k")
                with pytest.raises(Transient):
                    await cactus.read(CT_1)
                with pytest.raises(Transient):
                    await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)

            asked = [request.target for request in server.requests if request.method == "POST"]
            assert asked.count("/contracts") <= 1
            assert set(asked) <= {"/contracts", "/token"}

    assert elsewhere.connections == 0


@pytest.mark.parametrize("honours_keys", KINDS, ids=KINDS.values())
async def test_r17_an_initialisation_that_is_redirected_is_looked_up_and_made_once(
    tmp_path: Path, honours_keys: bool
) -> None:
    """Whoever redirects may have taken the body: the outcome is unknown like that of a lost answer."""
    moved = Fate(instead=Answer(307, b"", {"Location": "http://169.254.169.254/contracts"}))

    def decide(request: Request, nth: int) -> Fate:
        return moved if is_creation(request) and nth == 1 else HONEST

    async with open_rig(tmp_path, decide, honours_keys=honours_keys) as rig:
        await rig.discover(1, 2, 3)
        await rig.work()
        await rig.live(rig.first.works.policy.patience.processing_time)

        assert await rig.are_initialised(3)
        assert {len(asked) for asked in rig.registry.asked_at.values()} == {1}


@pytest.mark.parametrize("scheme", AUTHENTICATIONS.values(), ids=AUTHENTICATIONS.keys())
async def test_r18_no_proxy_and_no_netrc_of_the_environment_is_used(
    scheme: Callable[[str], Authentication], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with fault_server(answering((200, CONTRACT))) as proxy, fault_server(_token_or_contract) as server:
        _tempt(monkeypatch, proxy.url, tmp_path)
        async with open_cactus(server.url, authentication=scheme(server.url)) as cactus:
            await cactus.initialise(A_MISSION, key="k")
            await cactus.read(CT_1)

    assert proxy.connections == 0
    assert [
        r.headers["authorization"] for r in server.requests if "bmV0cmM" in r.headers.get("authorization", "")
    ] == []
    assert [request.method for request in server.requests if request.target.startswith("/contracts")] == ["POST", "GET"]


async def _token_or_contract(connection: Connection) -> None:
    while True:
        request = await connection.read_request()
        await connection.answer(200, A_TOKEN if request.target == "/token" else CONTRACT)


def _tempt(monkeypatch: pytest.MonkeyPatch, proxy_url: str, home: Path) -> None:
    """Put a proxy and a netrc wherever libraries look for them."""
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, proxy_url)
        monkeypatch.setenv(name.lower(), proxy_url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HOME", str(home))
    for name in (".netrc", "_netrc"):
        (home / name).write_text("default login netrc password netrc\n")
        (home / name).chmod(0o600)
    monkeypatch.setenv("NETRC", str(home / ".netrc"))


def test_r18_the_whole_command_ignores_them_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve_remote() as proxy, make_world(tmp_path) as world:
        _tempt(monkeypatch, proxy.url, tmp_path)
        world.missions.put(mission(1))
        result = world.process("run", "--once")
        step = world.step("FVMA-2025-0001")

    assert result.code == 0, result
    assert step == Step.AWAITING_STUDENT
    assert proxy.requests == []
    assert not any("authorization" in request.headers for request in world.remote.requests)
