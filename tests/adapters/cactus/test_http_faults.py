"""The HTTP adapter over real sockets, against servers that misbehave: what is certain, unknown, and when it ends."""

import asyncio
import time
from dataclasses import replace
from urllib.parse import parse_qsl, unquote

import pytest

from syncd.adapters.cactus.outcomes import Blip
from syncd.errors import OutcomeUnknown, Refused, Transient
from syncd.model import ContractId, MissionId
from tests.adapters.cactus.fault_server import Connection, answering, fault_server
from tests.adapters.cactus.rigs import CONTRACT, SOON_OVER, open_cactus
from tests.conformance.examples import A_MISSION
from tests.support.clock import TickingClock

CT_1 = ContractId("CT-1")


async def silent(connection: Connection) -> None:
    await connection.read_request()
    await connection.until_closed()


async def test_a_whole_answer_is_a_contract() -> None:
    async with fault_server(answering((201, CONTRACT))) as server, open_cactus(server.url) as cactus:
        contract = await cactus.initialise(A_MISSION, key="k")

    assert contract.contract_id == "CT-1"


async def test_r01_no_answer_in_time_is_unknown_and_is_not_repeated_by_the_adapter() -> None:
    async with fault_server(silent) as server, open_cactus(server.url, timeout=SOON_OVER) as cactus:
        with pytest.raises(OutcomeUnknown) as unknown:
            await cactus.initialise(A_MISSION, key="k")

    assert unknown.value.is_general
    assert len(server.requests) == 1


async def test_r03_a_late_answer_belongs_to_nobody_and_does_not_disturb_the_next_request() -> None:
    has_come, is_given_up = asyncio.Event(), asyncio.Event()

    async def late_then_prompt(connection: Connection) -> None:
        await connection.read_request()
        if len(server.requests) > 1:
            await connection.answer(201, CONTRACT)
            return
        has_come.set()
        await is_given_up.wait()
        await connection.answer(201, CONTRACT | {"contract_id": "CT-late"})
        await connection.until_closed()

    async with fault_server(late_then_prompt) as server, open_cactus(server.url, concurrency=1) as cactus:
        first = asyncio.create_task(cactus.initialise(A_MISSION, key="k"))
        await has_come.wait()
        first.cancel()
        is_given_up.set()
        contract = await cactus.initialise(A_MISSION, key="k")

    assert first.cancelled()
    assert contract.contract_id == "CT-1"
    assert server.connections == 2


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 201 Created\r\n", b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"]
)
@pytest.mark.parametrize("breaks", ["close", "reset"])
async def test_r02_a_lost_answer_is_unknown_not_unsent(sent: bytes, breaks: str) -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(sent)
        if breaks == "reset":
            connection.reset()

    async with fault_server(cut) as server, open_cactus(server.url) as cactus:
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")

    assert len(server.requests) == 1


@pytest.mark.parametrize("breaks", ["close", "reset"])
async def test_r02_a_post_that_fails_on_a_kept_connection_is_unknown(breaks: str) -> None:
    async def one_then_cut(connection: Connection) -> None:
        await connection.read_request()
        await connection.answer(201, CONTRACT)
        await connection.read_request()
        if breaks == "reset":
            connection.reset()

    async with fault_server(one_then_cut) as server, open_cactus(server.url) as cactus:
        await cactus.initialise(A_MISSION, key="k")
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")

    assert (server.connections, len(server.requests)) == (1, 2)


async def test_a_reading_that_was_cut_is_tried_again_within_seconds() -> None:
    async def cut_twice(connection: Connection) -> None:
        await connection.read_request()
        if len(server.requests) < 3:
            return
        await connection.answer(200, CONTRACT)

    async with fault_server(cut_twice) as server, open_cactus(server.url) as cactus:
        contract = await cactus.read(CT_1)

    assert contract is not None
    assert len(server.requests) == 3


async def test_a_reading_that_is_always_cut_ends_transient() -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()

    async with fault_server(cut) as server, open_cactus(server.url) as cactus:
        with pytest.raises(Blip) as failed:
            await cactus.read(CT_1)

    assert failed.value.is_general
    assert len(server.requests) in {3, 6}, "three tries, each of which aiohttp may repeat once by itself"


async def test_no_further_try_begins_after_the_total_deadline() -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()

    clock = TickingClock(throws=(1.0,))
    async with (
        fault_server(cut) as server,
        open_cactus(server.url, timeout=SOON_OVER, clock=clock) as cactus,
    ):
        with pytest.raises(Transient):
            await cactus.read(CT_1)

    assert clock.slept == []


async def test_r14_a_slow_trickle_ends_at_the_total_deadline() -> None:
    async def trickle(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while True:
            await connection.send(b" ")
            await asyncio.sleep(0.01)

    async with fault_server(trickle) as server, open_cactus(server.url, timeout=SOON_OVER) as cactus:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")
        with pytest.raises(Transient) as failed:
            await cactus.read(CT_1)
        took_s = time.monotonic() - started

    assert failed.value.is_general
    assert took_s < 3.0


async def test_r16_a_reset_during_the_request_body_is_unknown() -> None:
    async def reset(connection: Connection) -> None:
        await connection.read_head()
        connection.reset()

    large = replace(A_MISSION, mission_description="mission " * 100_000)
    async with fault_server(reset) as server, open_cactus(server.url) as cactus:
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(large, key="k")


async def test_r16_a_body_that_is_never_taken_ends_at_the_total_deadline() -> None:
    async def deaf(connection: Connection) -> None:
        await connection.read_head()
        await asyncio.sleep(5)

    large = replace(A_MISSION, mission_description="mission " * 100_000)
    async with fault_server(deaf) as server, open_cactus(server.url, timeout=SOON_OVER) as cactus:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(large, key="k")

    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["{elsewhere}/contracts", "http://169.254.169.254/latest", "//[bad", "/contracts/2"])
async def test_r17_a_redirect_is_not_followed_and_proves_nothing(status: int, target: str) -> None:
    async with fault_server(answering((201, CONTRACT))) as elsewhere:
        headers = {"Location": target.format(elsewhere=elsewhere.url)}

        async def redirect(connection: Connection) -> None:
            await connection.read_request()
            await connection.answer(status, b"", headers)

        async with fault_server(redirect) as server, open_cactus(server.url) as cactus:
            with pytest.raises(OutcomeUnknown):
                await cactus.initialise(A_MISSION, key="k")
            with pytest.raises(Transient):
                await cactus.read(CT_1)

        assert elsewhere.connections == 0
        assert len([request for request in server.requests if request.method == "POST"]) == 1


async def test_r18_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine localhost login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with fault_server(answering((200, CONTRACT))) as server, open_cactus(server.url) as cactus:
        await cactus.read(CT_1)

    assert "authorization" not in server.requests[0].headers


HURTFUL_HEADS = {
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(2_000)),
    "one huge header": b"HTTP/1.1 200 OK\r\nX-Huge: " + b"a" * 200_000 + b"\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "bad status": b"HTTP/1.1 2OO OK\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "bad header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "header in no charset": b"HTTP/1.1 200 OK\r\nX-\xff\xfe: \xff\x00\r\n\r\n",
    "NUL bytes": b"\x00" * 100 + b"\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "empty line": b"\r\n\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "status 204 with a body": b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("head", HURTFUL_HEADS.values(), ids=HURTFUL_HEADS.keys())
async def test_r22_an_answer_made_to_hurt_is_an_unknown_outcome(head: bytes) -> None:
    async def hurt(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(head)

    async with fault_server(hurt) as server, open_cactus(server.url) as cactus:
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")
        with pytest.raises(Transient):
            await cactus.read(CT_1)


async def test_r22_a_flood_of_provisional_answers_ends_at_the_deadline() -> None:
    async def flood(connection: Connection) -> None:
        await connection.read_request()
        while True:
            await connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
            await asyncio.sleep(0)

    async with fault_server(flood) as server, open_cactus(server.url, timeout=SOON_OVER) as cactus:
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")


async def test_many_cancelled_requests_leak_no_connection() -> None:
    async def slow_then_prompt(connection: Connection) -> None:
        while True:
            request = await connection.read_request()
            if "slow" in request.target:
                await connection.until_closed()
            await connection.answer(200, CONTRACT)

    async with fault_server(slow_then_prompt) as server, open_cactus(server.url, concurrency=2) as cactus:
        for pause in range(60):
            task = asyncio.create_task(cactus.read(ContractId("slow")))
            for _ in range(pause):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        read = await asyncio.gather(*(cactus.read(CT_1) for _ in range(20)))

    assert len(read) == 20


async def test_requests_that_end_late_give_their_connections_back() -> None:
    async def first_ones_are_silent(connection: Connection) -> None:
        while True:
            await connection.read_request()
            if len(server.requests) <= 4:
                await connection.until_closed()
            await connection.answer(200, CONTRACT)

    async with (
        fault_server(first_ones_are_silent) as server,
        open_cactus(server.url, concurrency=2, timeout=SOON_OVER) as cactus,
    ):
        while len(server.requests) < 4:
            with pytest.raises(Transient):
                await cactus.read(CT_1)
            await asyncio.gather(*(cactus.read(CT_1) for _ in range(4)), return_exceptions=True)
        contract = await cactus.read(CT_1)

    assert contract is not None


async def test_waiting_for_a_free_connection_too_long_means_that_nothing_was_sent() -> None:
    has_come = asyncio.Event()

    async def keep(connection: Connection) -> None:
        await connection.read_request()
        has_come.set()
        await connection.until_closed()

    async with fault_server(keep) as server, open_cactus(server.url, concurrency=1, timeout=SOON_OVER) as cactus:
        first = asyncio.create_task(cactus.initialise(A_MISSION, key="first"))
        await has_come.wait()
        with pytest.raises(Transient) as unsent:
            await cactus.initialise(A_MISSION, key="second")
        with pytest.raises(OutcomeUnknown):
            await first

    assert unsent.value.is_general
    assert [request.headers["idempotency-key"] for request in server.requests] == ["first"]


async def test_cookies_are_not_kept() -> None:
    async def set_cookie(connection: Connection) -> None:
        while True:
            await connection.read_request()
            await connection.answer(200, CONTRACT, {"Set-Cookie": "session=1; Path=/"})

    async with fault_server(set_cookie) as server, open_cactus(server.url) as cactus:
        await cactus.read(CT_1)
        await cactus.read(CT_1)

    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("is_used_before", [False, True])
async def test_a_client_that_was_closed_sends_nothing_more(is_used_before: bool) -> None:
    async with fault_server(answering((201, CONTRACT), (201, CONTRACT))) as server:
        async with open_cactus(server.url) as cactus:
            if is_used_before:
                await cactus.initialise(A_MISSION, key="k")

        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")

    assert len(server.requests) == is_used_before


async def test_ids_and_cursors_of_any_kind_arrive_as_they_are() -> None:
    strange = "é/%2F+&?#;=~'\"<>.."
    async with fault_server(answering((404, {}))) as server, open_cactus(f"{server.url}/a%20b/") as cactus:
        with pytest.raises(Refused):
            await cactus.read(ContractId(strange))
        with pytest.raises(Transient):
            await cactus.changes(strange, limit=7)
        with pytest.raises(Transient):
            await cactus.find(MissionId("FVMA 2025+1&2"))

    targets = [request.target.partition("?") for request in server.requests]
    assert [[unquote(segment) for segment in path.split("/")] for path, _, _ in targets] == [
        ["", "a b", "contracts", strange],
        ["", "a b", "contracts"],
        ["", "a b", "contracts"],
    ]
    assert [parse_qsl(query) for _, _, query in targets] == [
        [],
        [("after", strange), ("limit", "7")],
        [("external_reference", "FVMA 2025+1&2")],
    ]


async def test_r08_a_huge_json_answer_is_unknown_without_being_read() -> None:
    async def huge(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 5000000000\r\n\r\n")
        await connection.until_closed()

    async with fault_server(huge) as server, open_cactus(server.url) as cactus:
        with pytest.raises(OutcomeUnknown) as unknown:
            await cactus.initialise(A_MISSION, key="k")

    assert "too large" in unknown.value.message
