"""The server: its address, its end, and clients that are slow, many or talk nonsense."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from syncd.errors import Misconfigured
from syncd.model import HoldCode
from syncd.store import open_ledger
from syncd.web import serve_ops
from syncd.web.crowd import LONGEST_CONNECTION, MOST_CONNECTIONS, Crowd
from tests.support.clock import FixedClock
from tests.web.arrange import FakeHealth, FakeLedger, ask, contract, healthy_ledger, served


@asynccontextmanager
async def slow_clients(url: str, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open connections that begin a request and never end it."""
    address = urlsplit(url)
    clients = [await asyncio.open_connection(address.hostname, address.port) for _ in range(count)]
    try:
        for _, writer in clients:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\nX-Slow: ")
        yield [reader for reader, _ in clients]
    finally:
        for _, writer in clients:
            writer.close()
        for _, writer in clients:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def is_over(reader: asyncio.StreamReader) -> bool:
    """Whether the server has ended the connection."""
    try:
        async with asyncio.timeout(0.05):
            return await reader.read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def test_the_base_url_has_the_port_that_was_taken() -> None:
    async with served() as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        assert (urlsplit(url).port or 0) > 0
        assert not url.endswith("/")


@pytest.mark.parametrize("host", ["127.0.0.1", "a..b", "192.0.2.1"])
async def test_an_address_that_cannot_be_listened_on_is_a_misconfiguration(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(Misconfigured) as refused:
            async with serve_ops(
                FakeHealth(), healthy_ledger().as_port(), FixedClock(), host=host, port=taken, token=None
            ):
                pass

    assert refused.value.key == "SYNCD_OPS__BIND"
    assert refused.value.hint is not None
    assert host not in str(refused.value)


async def test_the_port_is_free_again_at_once() -> None:
    async with served() as url:
        port = urlsplit(url).port or 0
        await ask(f"{url}/livez")

    async with serve_ops(
        FakeHealth(), healthy_ledger().as_port(), FixedClock(), host="127.0.0.1", port=port, token=None
    ):
        pass


async def test_the_real_ledger_fills_every_page(tmp_path: Path) -> None:
    clock = FixedClock()
    ledger = open_ledger(
        f"sqlite:///{tmp_path / 'ledger.sqlite3'}", replica="one", version="0.1.0", lease=timedelta(seconds=60),
        message_domain="example.org", clock=clock,
    )  # fmt: skip
    await ledger.migrate()
    await ledger.heartbeat(now=clock.now())
    await ledger.note_flow("missions", now=clock.now(), rows=3, changes=1)
    await ledger.trip("mails", "1001 mails within an hour, 1000 are allowed", now=clock.now())
    try:
        async with serve_ops(FakeHealth(), ledger, clock, host="127.0.0.1", port=0, token=None) as url:
            page, metrics, ready = [await ask(url + path) for path in ("/", "/metrics", "/readyz")]
    finally:
        await ledger.aclose()

    assert (page.status, metrics.status, ready.status) == (200, 200, 200)
    assert "syncd guard approve mails" in page.text
    assert 'syncd_guard_tripped{guard="mails"} 1.0' in metrics.text
    assert "syncd_replicas 1.0" in metrics.text


async def test_signals_stay_those_of_the_process() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with served():
        during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    assert before == during


async def test_it_stops_within_a_second_whoever_holds_on() -> None:
    loop, ledger = asyncio.get_running_loop(), FakeLedger(is_silent=True)
    async with contextlib.AsyncExitStack() as clients:
        async with served(ledger) as url:
            waiting = asyncio.create_task(ask(f"{url}/"))
            await clients.enter_async_context(slow_clients(url, 5))
            await ledger.is_asked.wait()
            began = loop.time()
        took_s = loop.time() - began

    assert took_s < 1
    assert (await waiting).status == 503


async def test_it_stops_within_a_second_although_a_client_does_not_read() -> None:
    long_page = FakeLedger(people=tuple(contract("x" * 60_000, HoldCode.MANUAL_HOLD) for _ in range(100)))
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as clients:
        async with served(long_page) as url:
            address = urlsplit(url)
            reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
            clients.callback(writer.close)
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert await reader.read(10) == b"HTTP/1.1 2"
            began = loop.time()
        took_s = loop.time() - began

    assert took_s < 1


async def test_o03_slow_clients_keep_nobody_else_out() -> None:
    async with served() as url, slow_clients(url, MOST_CONNECTIONS + 5) as readers:
        answers = await asyncio.gather(*(ask(f"{url}/livez") for _ in range(10)))

        assert {answer.status for answer in answers} == {200}
        assert await is_over(readers[0])
        assert not await is_over(readers[-1])


async def test_o03_a_head_without_end_is_refused_before_it_fills_memory() -> None:
    async with served() as url:
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        with contextlib.suppress(ConnectionError):
            writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 200_000)
            await writer.drain()
        answer = await reader.read(100)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_connection_carries_one_request() -> None:
    async with served() as url:
        answer = await ask(f"{url}/livez")

    assert answer.headers["connection"] == "close"


async def test_nonsense_is_refused_without_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as url:
        address = urlsplit(url)
        with caplog.at_level(logging.INFO):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(b"\x16\x03\x01 this is TLS\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await ask(f"{url}/metrics")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


class FakeTransport(asyncio.Transport):
    """Remembers that it was aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


async def test_o03_a_connection_ends_after_its_time_whatever_it_does() -> None:
    crowd, slow, quick = Crowd(longest=timedelta(milliseconds=20)), FakeTransport(), FakeTransport()
    crowd.admit(slow)
    crowd.admit(quick)
    crowd.leave(quick)

    await asyncio.sleep(0.05)

    assert (slow.is_aborted, quick.is_aborted, len(crowd)) == (True, False, 0)


async def test_o03_the_oldest_makes_room_for_a_newcomer() -> None:
    crowd, transports = Crowd(most=2), [FakeTransport() for _ in range(3)]

    for transport in transports:
        crowd.admit(transport)

    assert [transport.is_aborted for transport in transports] == [True, False, False]
    assert len(crowd) == 2
    crowd.disperse()
    assert all(transport.is_aborted for transport in transports)


def test_a_connection_outlives_the_longest_wait_for_the_ledger() -> None:
    assert timedelta(seconds=5) < LONGEST_CONNECTION <= timedelta(seconds=15)
