"""Documents over real sockets: whole and within the cap, or an error; whether they are documents is asked elsewhere."""

import gzip

import pytest

from syncd.errors import OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.model import ContractId, DocumentKind
from tests.adapters.cactus.fault_server import Connection, answering, fault_server
from tests.adapters.cactus.rigs import open_cactus
from tests.conformance.examples import A_MISSION

CT_1 = ContractId("CT-1")
A_PDF = b"%PDF-1.4\n" + b"x" * 5_000 + b"\n%%EOF\n"


async def test_p01_a_document_cut_before_its_declared_length_is_not_a_document() -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(A_PDF) + A_PDF[:2_000])

    async with fault_server(cut) as server, open_cactus(server.url) as cactus:
        with pytest.raises(Transient):
            await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)


async def test_p01_a_document_cut_in_its_chunks_is_not_a_document() -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + A_PDF[:2_000] + b"\r\n")

    async with fault_server(cut) as server, open_cactus(server.url) as cactus:
        with pytest.raises(Transient):
            await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)


async def test_p01_a_cut_document_without_any_length_comes_as_it_is_for_the_checks_to_find() -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + A_PDF[:2_000])

    async with fault_server(cut) as server, open_cactus(server.url) as cactus:
        fetched = await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)

    assert fetched.content == A_PDF[:2_000]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>Connexion</html>"),
        ("application/json", b'{"error": 1}'),
        ("application/zip", b"PK"),
        ("", b""),
    ],
)
async def test_p02_what_is_no_pdf_comes_with_its_type_for_the_checks_to_refuse(content_type: str, body: bytes) -> None:
    async def give(connection: Connection) -> None:
        await connection.read_request()
        await connection.answer(200, body, {"Content-Type": content_type})

    async with fault_server(give) as server, open_cactus(server.url) as cactus:
        fetched = await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)

    assert (fetched.content, fetched.content_type) == (body, content_type)


async def test_p04_a_document_at_the_cap_is_whole_and_one_byte_more_is_refused() -> None:
    async with fault_server(answering((200, A_PDF))) as server:
        async with open_cactus(server.url, document_cap_bytes=len(A_PDF)) as cactus:
            fetched = await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)
        async with open_cactus(server.url, document_cap_bytes=len(A_PDF) - 1) as cactus:
            with pytest.raises(Refused) as refused:
                await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)

    assert fetched.content == A_PDF
    assert refused.value.code is RefusalCode.CONTENT


async def test_p04_an_endless_document_is_refused_at_the_cap() -> None:
    sent = 0

    async def endless(connection: Connection) -> None:
        nonlocal sent
        await connection.read_request()
        await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            await connection.send(b"x" * 65_536)
            sent += 65_536

    async with fault_server(endless) as server, open_cactus(server.url, document_cap_bytes=300_000) as cactus:
        with pytest.raises(Refused) as refused:
            await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)

    assert refused.value.code is RefusalCode.CONTENT
    assert sent < 20_000_000


async def test_p05_a_compressed_answer_is_never_expanded() -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)

    async def explode(connection: Connection) -> None:
        await connection.read_request()
        await connection.answer(200, bomb, {"Content-Encoding": "gzip"})

    async with fault_server(explode) as server, open_cactus(server.url) as cactus:
        with pytest.raises(Transient):
            await cactus.fetch_document(CT_1, DocumentKind.CERFA, 1)
        with pytest.raises(OutcomeUnknown):
            await cactus.initialise(A_MISSION, key="k")

    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}
