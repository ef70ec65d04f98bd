"""The SMTP mailer against real servers: what each refusal, silence and loss means."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from syncd.adapters.mail.conversation import MailServer, Security
from syncd.adapters.mail.smtp import SmtpMailer
from syncd.errors import CredentialsRefused, Misconfigured, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from tests.adapters.mail.post_office import HANG_UP, SILENCE, PostOffice, mailer_for, recite, serve
from tests.adapters.mail.samples import message_to

STUDENT = "camille.durand@example.org"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def _tls(authority: trustme.CA, *, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def _trouble(mailer: SmtpMailer, recipient: str = STUDENT) -> SyncdError:
    with pytest.raises(SyncdError) as trouble:
        await mailer.send(message_to(recipient))
    await mailer.aclose()
    return trouble.value


async def test_m01_greylisting_is_this_letters_own_delay() -> None:
    office = PostOffice(on_recipient=lambda address: f"451 4.7.1 <{address}> greylisted, come back")
    async with serve(office) as port:
        trouble = await _trouble(mailer_for(port))

    assert isinstance(trouble, Transient)
    assert not trouble.is_general
    assert str(trouble) == "the mail server put off the recipient (451 4.7.1)"


async def test_m02_one_refused_recipient_of_three_leaves_the_others_alone() -> None:
    office = PostOffice(on_recipient=lambda a: f"550 5.1.1 <{a}> unknown" if a.startswith("perm") else "250 OK")
    async with serve(office) as port:
        mailer = mailer_for(port, connections=1)
        letters = [message_to(f"{name}@example.org", number=n) for n, name in enumerate(("one", "perm", "two"))]

        outcomes = await asyncio.gather(*(mailer.send(letter) for letter in letters), return_exceptions=True)

        await mailer.aclose()
    assert [type(outcome) for outcome in outcomes] == [type(None), Refused, type(None)]
    assert sorted(office.recipients) == ["one@example.org", "two@example.org"]
    assert len(office.visits) == 1


async def test_m03_a_refused_recipient_is_a_refused_address_named_by_codes_alone() -> None:
    office = PostOffice(on_recipient=lambda address: f"550 5.1.1 <{address}>: no such user here")
    async with serve(office) as port:
        trouble = await _trouble(mailer_for(port))

    assert isinstance(trouble, Refused)
    assert trouble.code is RefusalCode.ADDRESS
    assert str(trouble) == "the mail server refused the recipient (550 5.1.1)"


async def test_m04_a_connection_lost_after_the_dot_is_unknown_not_unsent() -> None:
    async with serve(PostOffice(on_data=HANG_UP)) as port:
        assert isinstance(await _trouble(mailer_for(port)), OutcomeUnknown)


async def test_m04_a_late_final_reply_is_unknown_after_its_own_patience() -> None:
    async with serve(PostOffice(on_data=SILENCE)) as port:
        mailer = mailer_for(port, handover_timeout_s=5.0, final_reply_timeout_s=0.05)
        assert isinstance(await _trouble(mailer), OutcomeUnknown)


async def test_m04_a_slow_final_reply_is_waited_for_beyond_the_other_deadlines() -> None:
    office = PostOffice(thinks_for_s=0.3)
    async with serve(office) as port:
        mailer = mailer_for(port, command_timeout_s=0.2, handover_timeout_s=0.2, final_reply_timeout_s=5.0)
        await mailer.send(message_to(STUDENT))
        await mailer.aclose()
    assert office.recipients == [STUDENT]


async def test_m05_4xx_after_the_content_is_tried_again_later() -> None:
    async with serve(PostOffice(on_data="452 4.3.1 no space")) as port:
        trouble = await _trouble(mailer_for(port))

    assert isinstance(trouble, Transient)
    assert not trouble.is_general


async def test_5xx_after_the_content_refuses_the_letter() -> None:
    async with serve(PostOffice(on_data="554 5.7.1 looks like spam")) as port:
        trouble = await _trouble(mailer_for(port))

    assert isinstance(trouble, Refused)
    assert trouble.code is RefusalCode.CONTENT


async def test_m06_a_stripped_starttls_sends_nothing() -> None:
    office = PostOffice()
    async with serve(office) as port:
        trouble = await _trouble(mailer_for(port, security=Security.STARTTLS))

    assert isinstance(trouble, Transient)
    assert trouble.is_general
    assert office.letters == []


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("fault", ["unknown authority", "other name"])
async def test_m06_a_bad_certificate_sends_nothing(
    authority: trustme.CA, ca_file: Path, security: Security, fault: str
) -> None:
    context = _tls(trustme.CA()) if fault == "unknown authority" else _tls(authority, name="other.example.org")
    office = PostOffice()
    async with serve(office, **{security: context}) as port:
        trouble = await _trouble(mailer_for(port, security=security, ca_file=ca_file))

    assert isinstance(trouble, Transient)
    assert trouble.is_general
    assert "certificate does not hold" in str(trouble)
    assert office.letters == []


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_good_certificate_and_login_deliver(authority: trustme.CA, ca_file: Path, security: Security) -> None:
    office = PostOffice(password=b"right")
    async with serve(office, **{security: _tls(authority)}) as port:
        mailer = mailer_for(port, security=security, ca_file=ca_file, username="syncd", password="right")
        await mailer.send(message_to(STUDENT))
        await mailer.aclose()

    assert office.recipients == [STUDENT]


async def test_m07_a_refused_login_stops_all_mail_and_names_no_secret() -> None:
    async with serve(PostOffice(password=b"right")) as port:
        trouble = await _trouble(mailer_for(port, username="syncd", password="wrong-secret"))

    assert isinstance(trouble, CredentialsRefused)
    assert trouble.is_general
    assert "wrong-secret" not in f"{trouble!r} {trouble}"
    assert "535" in str(trouble)


async def test_m07_a_server_without_login_is_a_refused_login() -> None:
    async with serve(PostOffice()) as port:
        trouble = await _trouble(mailer_for(port, username="syncd", password="x"))

    assert isinstance(trouble, CredentialsRefused)


SCRIPTS: Mapping[str, tuple[Mapping[str, str], type[SyncdError], bool]] = {
    "greeted with 421": ({"": "421 4.3.2 busy"}, Transient, True),
    "greeted with 554": ({"": "554 5.7.1 blocked"}, Transient, True),
    "hung up on": ({"": HANG_UP}, Transient, True),
    "greeted by another protocol": ({"": "SSH-2.0-OpenSSH"}, Transient, True),
    "EHLO refused": ({"EHLO": "500 what"}, Transient, True),
    "sender put off": ({"MAIL": "451 4.3.0 later"}, Transient, True),
    "sender refused": ({"MAIL": "550 5.7.1 not you"}, CredentialsRefused, True),
    "login wanted": ({"MAIL": "530 5.7.0 login first"}, CredentialsRefused, True),
    "hung up at RCPT": ({"RCPT": HANG_UP}, Transient, True),
    "closing at RCPT": ({"RCPT": "421 4.3.2 closing"}, Transient, True),
    "RCPT answered by nonsense": ({"RCPT": "hello there"}, Transient, True),
    "hung up before the content": ({"DATA": HANG_UP}, Transient, True),
    "DATA put off": ({"DATA": "451 4.3.0 later"}, Transient, False),
    "closing after the content": ({".": "421 4.3.2 closing"}, Transient, True),
    "content answered by nonsense": ({".": "hello there"}, OutcomeUnknown, True),
    "content answered oddly": ({".": "354 go on"}, OutcomeUnknown, True),
}


@pytest.mark.parametrize(("script", "kind", "is_general"), SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_each_odd_answer_has_one_meaning(
    script: Mapping[str, str], kind: type[SyncdError], is_general: bool
) -> None:
    async with recite(script) as port:
        trouble = await _trouble(mailer_for(port))

    assert type(trouble) is kind
    assert isinstance(trouble, Transient | OutcomeUnknown)
    assert trouble.is_general is is_general


@pytest.mark.parametrize(("word", "code"), [("MAIL", "552 5.3.4"), ("DATA", "554 5.5.1")])
async def test_a_letter_that_is_too_big_or_unwanted_is_refused_alone(word: str, code: str) -> None:
    async with recite({word: f"{code} no"}) as port:
        trouble = await _trouble(mailer_for(port))

    assert isinstance(trouble, Refused)
    assert trouble.code is RefusalCode.CONTENT


@pytest.mark.parametrize("word", ["", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_silence_before_the_content_ends_at_the_command_deadline(word: str) -> None:
    async with recite({word: SILENCE}) as port:
        trouble = await _trouble(mailer_for(port, command_timeout_s=0.05))

    assert isinstance(trouble, Transient)
    assert trouble.is_general


async def test_waiting_for_a_free_connection_ends_at_the_handover_deadline() -> None:
    async with serve(PostOffice(on_data=SILENCE)) as port:
        mailer = mailer_for(port, connections=1, handover_timeout_s=0.1, final_reply_timeout_s=5.0)
        first = asyncio.create_task(mailer.send(message_to(STUDENT)))
        await asyncio.sleep(0.05)

        trouble = await _trouble(mailer)

        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
    assert isinstance(trouble, Transient)
    assert trouble.is_general


async def test_a_cancelled_letter_gives_its_place_back() -> None:
    office = PostOffice(on_data=SILENCE)
    async with serve(office) as port:
        mailer = mailer_for(port, connections=1)
        first = asyncio.create_task(mailer.send(message_to(STUDENT)))
        await asyncio.sleep(0.05)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        office.on_data = "250 OK"

        await mailer.send(message_to("next@example.org"))

        await mailer.aclose()
    assert office.recipients == ["next@example.org"]


async def test_one_connection_carries_many_letters_refusals_between_them_included() -> None:
    office = PostOffice(on_recipient=lambda a: "451 later" if a.startswith("late") else "250 OK")
    async with serve(office) as port:
        mailer = mailer_for(port)
        for name in ("one", "late", "two"):
            with suppress(Transient):
                await mailer.send(message_to(f"{name}@example.org"))
        await mailer.aclose()

    assert office.recipients == ["one@example.org", "two@example.org"]
    assert len(office.visits) == 1


async def test_a_dead_idle_connection_is_replaced_before_the_letter() -> None:
    office = PostOffice()
    async with serve(office) as port:
        mailer = mailer_for(port)
        await mailer.send(message_to("one@example.org"))
        office.hang_up_everywhere()

        await mailer.send(message_to("two@example.org"))

        await mailer.aclose()
    assert office.recipients == ["one@example.org", "two@example.org"]
    assert len(office.visits) == 2


async def test_an_idle_connection_that_answers_no_is_replaced_before_the_letter() -> None:
    office = PostOffice()
    async with serve(office) as port:
        mailer = mailer_for(port)
        await mailer.send(message_to("one@example.org"))
        answers = iter(["450 4.7.0 too many letters here"])
        office.on_sender = lambda _address: next(answers, "250 OK")

        await mailer.send(message_to("two@example.org"))

        await mailer.aclose()
    assert office.recipients == ["one@example.org", "two@example.org"]


async def test_an_unused_connection_is_closed_after_a_while() -> None:
    office = PostOffice()
    async with serve(office) as port:
        mailer = mailer_for(port, idle_s=0.01)
        await mailer.send(message_to("one@example.org"))
        await asyncio.sleep(0.05)
        await mailer.send(message_to("two@example.org"))
        await mailer.aclose()

    assert len(office.visits) == 2


async def test_no_more_connections_than_allowed() -> None:
    office = PostOffice()
    async with serve(office) as port:
        mailer = mailer_for(port, connections=2)
        await asyncio.gather(*(mailer.send(message_to(STUDENT, number=n)) for n in range(10)))
        await mailer.aclose()

    assert len(office.letters) == 10
    assert len(office.visits) == 2


async def test_a_letters_leading_dots_arrive_as_they_were() -> None:
    office = PostOffice()
    message = message_to(STUDENT)
    message.clear_content()
    message.set_content(".\n..\n.a\n", cte="7bit")
    async with serve(office) as port:
        mailer = mailer_for(port)
        await mailer.send(message)
        await mailer.aclose()

    assert office.letters[0].get_content().replace("\r\n", "\n") == ".\n..\n.a\n"


def test_a_missing_authorities_file_is_a_misconfiguration(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as wrong:
        mailer_for(25, security=Security.TLS, ca_file=tmp_path / "none.pem")

    assert wrong.value.key == "mail.ca_file"


def test_no_secret_in_what_a_developer_prints() -> None:
    server = MailServer(
        host="127.0.0.1",
        port=25,
        security=Security.NONE,
        tls=ssl.create_default_context(),
        command_timeout_s=1.0,
        username="syncd",
        password="a-secret",
    )

    assert "a-secret" not in repr(server)
