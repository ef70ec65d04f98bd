"""Every mailer keeps the promises of the port (`syncd.ports.mail`)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from syncd.adapters.mail.folder import FolderMailer
from syncd.errors import RefusalCode, Refused, Transient
from syncd.ports.mail import Mailer
from tests.adapters.mail.post_office import PostOffice, mailer_for, serve
from tests.adapters.mail.samples import LETTER, message_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A mailer that works, one that cannot, and what arrived."""

    mailer: Mailer
    broken: Mailer
    arrived: Callable[[], list[EmailMessage]]


@pytest.fixture(params=["smtp", "folder"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "folder":
        yield _folder_bench(tmp_path)
        return
    office = PostOffice()
    async with serve(office) as port:
        bench = Bench(mailer=mailer_for(port), broken=mailer_for(_closed_port()), arrived=lambda: office.letters)
        yield bench
        await bench.mailer.aclose()


def _folder_bench(tmp_path: Path) -> Bench:
    folder, file = tmp_path / "not" / "yet", tmp_path / "file"
    file.write_text("in the way")

    def arrived() -> list[EmailMessage]:
        return [message_from_bytes(path.read_bytes(), policy=policy.SMTP) for path in sorted(folder.glob("*.eml"))]

    return Bench(mailer=FolderMailer(folder), broken=FolderMailer(file / "folder"), arrived=arrived)


def _closed_port() -> int:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port: int = placeholder.getsockname()[1]
        return port


async def test_an_accepted_message_arrives_whole(bench: Bench) -> None:
    message = message_to("camille.durand@example.org")

    await bench.mailer.send(message)

    (arrived,) = bench.arrived()
    body, html = arrived.get_body(("plain",)), arrived.get_body(("html",))
    assert {name: arrived[name] for name in message} == {name: message[name] for name in message}
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.text
    assert html is not None
    assert "Bonjour Camille" in html.get_content()


async def test_many_at_once_all_arrive(bench: Bench) -> None:
    messages = [message_to("camille.durand@example.org", number=number) for number in range(12)]

    await asyncio.gather(*(bench.mailer.send(message) for message in messages))

    assert {m["Message-ID"] for m in bench.arrived()} == {m["Message-ID"] for m in messages}


async def test_sending_again_adds_nothing_where_the_mailer_says_so(bench: Bench) -> None:
    message = message_to("camille.durand@example.org")

    await bench.mailer.send(message)
    await bench.mailer.send(message)

    assert len(bench.arrived()) == (1 if bench.mailer.is_idempotent else 2)


@pytest.mark.parametrize("recipients", ["a@example.org, b@example.org", ""])
async def test_a_message_has_exactly_one_recipient(bench: Bench, recipients: str) -> None:
    message = message_to("camille.durand@example.org")
    del message["To"]
    message["To"] = recipients

    with pytest.raises(Refused) as refused:
        await bench.mailer.send(message)

    assert refused.value.code is RefusalCode.CONTENT
    assert bench.arrived() == []


async def test_a_message_without_a_name_is_refused(bench: Bench) -> None:
    message = message_to("camille.durand@example.org")
    del message["Message-ID"]

    with pytest.raises(Refused):
        await bench.mailer.send(message)


async def test_a_place_that_takes_no_mail_at_all_is_general_trouble(bench: Bench) -> None:
    with pytest.raises(Transient) as trouble:
        await bench.broken.send(message_to("camille.durand@example.org"))

    assert trouble.value.is_general
    assert "camille" not in str(trouble.value)


async def test_closing_twice_is_harmless(bench: Bench) -> None:
    await bench.mailer.send(message_to("camille.durand@example.org"))

    await bench.mailer.aclose()
    await bench.mailer.aclose()
