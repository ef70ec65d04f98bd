"""R15: what fails before a connection stands was certainly not sent, and a failure of TLS is noticed."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from syncd.adapters.cactus.notices import Notice
from syncd.errors import OutcomeUnknown, Transient
from syncd.model import ContractId
from tests.adapters.cactus.fault_server import Connection, answering, fault_server
from tests.adapters.cactus.rigs import CONTRACT, IN_TIME, SOON_OVER, NoticeBoard, open_cactus
from tests.conformance.examples import A_MISSION
from tests.support.clock import TickingClock


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return file


def server_context(authority: trustme.CA, name: str, *, not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


async def fail_to_initialise(base_url: str, *, ca_file: Path | None = None) -> tuple[Transient, NoticeBoard]:
    board = NoticeBoard()
    async with open_cactus(base_url, ca_file=ca_file, notify=board) as cactus:
        with pytest.raises(Transient) as unsent:
            await cactus.initialise(A_MISSION, key="k")
    return unsent.value, board


async def test_r15_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    unsent, board = await fail_to_initialise(f"http://127.0.0.1:{port}")

    assert unsent.is_general
    assert "unreachable" in unsent.message
    assert board.seen == []


async def test_what_changes_something_is_never_repeated_by_the_adapter_even_if_it_was_not_sent() -> None:
    clock = TickingClock()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    async with open_cactus(f"http://127.0.0.1:{port}", clock=clock) as cactus:
        with pytest.raises(Transient):
            await cactus.initialise(A_MISSION, key="k")
        with pytest.raises(Transient):
            await cactus.cancel(ContractId("CT-1"), "Retrait")
        assert clock.slept == []

        with pytest.raises(Transient):
            await cactus.read(ContractId("CT-1"))
        assert len(clock.slept) == 2


async def test_r15_a_name_that_nobody_knows_means_that_nothing_was_sent() -> None:
    unsent, board = await fail_to_initialise("http://cactus.invalid")

    assert unsent.is_general
    assert board.seen == []


async def test_r15_a_connection_that_is_never_accepted_means_that_nothing_was_sent() -> None:
    # A listener with a full queue drops what comes: the client waits for the handshake.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with open_cactus(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=SOON_OVER) as cactus:
            with pytest.raises(Transient):
                await cactus.initialise(A_MISSION, key="k")
        for one in crowd:
            one.close()


async def test_a_configured_authority_is_trusted(authority: trustme.CA, ca_file: Path) -> None:
    tls = server_context(authority, "localhost")

    async with (
        fault_server(answering((201, CONTRACT)), tls=tls) as server,
        open_cactus(server.url, ca_file=ca_file) as cactus,
    ):
        contract = await cactus.initialise(A_MISSION, key="k")

    assert contract.contract_id == "CT-1"


@pytest.mark.parametrize("fault", ["self-signed", "wrong host", "expired"])
async def test_r15_a_bad_certificate_means_not_sent_and_a_security_notice(
    fault: str, authority: trustme.CA, ca_file: Path
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    tls = {
        "self-signed": server_context(trustme.CA(), "localhost"),
        "wrong host": server_context(authority, "elsewhere.example.org"),
        "expired": server_context(authority, "localhost", not_after=yesterday),
    }[fault]

    async with fault_server(answering((201, CONTRACT)), tls=tls) as server:
        unsent, board = await fail_to_initialise(server.url, ca_file=ca_file)

    assert unsent.is_general
    assert "cannot be trusted" in unsent.message
    assert board.seen == [(Notice.CONNECTION_UNTRUSTED, 1)]
    assert server.requests == []


async def test_r15_a_server_that_speaks_only_old_tls_is_not_trusted() -> None:
    async def only_old_tls(connection: Connection) -> None:
        # asyncio's own TLS server breaks off without the alert that others send: a fatal `protocol_version`.
        await connection.send(b"\x15\x03\x01\x00\x02\x02\x46")
        await connection.until_closed()

    async with fault_server(only_old_tls) as server:
        unsent, board = await fail_to_initialise(server.url.replace("http:", "https:"))

    assert unsent.is_general
    assert board.seen == [(Notice.CONNECTION_UNTRUSTED, 1)]


async def test_r15_a_handshake_that_is_cut_means_that_nothing_was_sent() -> None:
    async def cut(connection: Connection) -> None:
        connection.reset()

    async with fault_server(cut) as server:
        unsent, _ = await fail_to_initialise(server.url.replace("http:", "https:"))

    assert unsent.is_general


async def test_r15_a_server_without_tls_is_not_trusted() -> None:
    async def plain(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with fault_server(plain) as server:
        unsent, board = await fail_to_initialise(server.url.replace("http:", "https:"))

    assert unsent.is_general
    assert board.seen == [(Notice.CONNECTION_UNTRUSTED, 1)]


async def test_an_answer_cut_under_tls_is_unknown_not_unsent(authority: trustme.CA, ca_file: Path) -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()
        connection.reset()

    async with (
        fault_server(cut, tls=server_context(authority, "localhost")) as server,
        open_cactus(server.url, ca_file=ca_file, timeout=IN_TIME) as cactus,
    ):
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")

    assert len(server.requests) == 1
