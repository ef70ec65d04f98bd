"""A letter composed into a message: its headers, its two parts, and what it refuses."""

from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.mail.addresses import ascii_address, header_value
from syncd.adapters.mail.letters import Letter
from syncd.adapters.mail.message import compose, open_envelope
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import Event, MissionId
from tests.adapters.mail.samples import LETTER, MISSION, NOW, message_to

INJECTIONS = [
    "a\r\nBcc: x@example.org",
    "a\nBcc: x@example.org",
    "a\rBcc: x@example.org",
    "a\x00b",
    "a\x0bb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\ud800b",
    "=?UTF-8?Q?=0ABcc:_x@example.org?=",
    "=?utf-8?B?CkJjYzogeEBleGFtcGxlLm9yZw==?=",
]


def _compose(
    letter: Letter = LETTER,
    *,
    sender: str = "miage@example.org",
    recipient: str = "camille.durand@example.org",
    message_id: str = "<letter-1@syncd.example.org>",
    mission_id: MissionId | None = MISSION.mission_id,
    date: datetime = NOW,
    redirect_all_to: str | None = None,
    reply_to: str | None = None,
) -> EmailMessage:
    return compose(
        letter,
        sender=sender,
        recipient=recipient,
        message_id=message_id,
        event=Event.CONTRACT_INITIALISED,
        mission_id=mission_id,
        date=date,
        redirect_all_to=redirect_all_to,
        reply_to=reply_to,
    )


def _read_again(message: EmailMessage) -> EmailMessage:
    read = message_from_bytes(open_envelope(message).content, policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_the_headers_are_those_of_the_interface() -> None:
    read = _read_again(_compose())

    assert dict(read.items()) == {
        "From": "miage@example.org",
        "To": "camille.durand@example.org",
        "Subject": "Votre contrat d'apprentissage : à vous",
        "Date": "Mon, 01 Sep 2025 08:00:00 +0000",
        "Message-ID": "<letter-1@syncd.example.org>",
        "Auto-Submitted": "auto-generated",
        "X-Syncd-Event": "contract.initialised",
        "X-Syncd-Mission": "FVMA-2025-0042",
        "Content-Language": "fr",
        "MIME-Version": "1.0",
        "Content-Type": read["Content-Type"],
    }


def test_text_and_html_and_nothing_attached() -> None:
    read = _read_again(_compose())

    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert list(read.iter_attachments()) == []


def test_the_same_letter_is_the_same_bytes() -> None:
    first, second = open_envelope(_compose()), open_envelope(_compose())

    assert first.content == second.content


def test_what_stands_between_the_parts_is_in_none_of_them() -> None:
    boundary = _compose().get_boundary()
    assert boundary is not None
    letter = Letter(subject="Bonjour", text=f"--{boundary}--\n", html=f"<p>--{boundary}</p>")

    parts = list(_read_again(_compose(letter)).iter_parts())

    assert [part.get_content().strip() for part in parts] == [letter.text.strip(), letter.html]


def test_a_header_of_one_letter_never_stands_in_another() -> None:
    addresses = [f"camille.{number}@example.org" for number in range(400)]

    read = [_read_again(_compose(recipient=address, message_id=f"<{address}>")) for address in addresses]

    assert [one["To"] for one in read] == addresses
    assert [one["Message-ID"] for one in read] == [f"<{address}>" for address in addresses]


def test_a_letter_about_many_contracts_has_no_mission() -> None:
    assert _compose(mission_id=None)["X-Syncd-Mission"] == "-"


def test_redirected_mail_goes_to_one_address_and_names_the_real_one() -> None:
    message = _compose(redirect_all_to="essais@example.org")

    assert message["To"] == "essais@example.org"
    assert message["Subject"] == "[pour camille.durand@example.org] Votre contrat d'apprentissage : à vous"
    assert open_envelope(message).recipient == "essais@example.org"


def test_replies_go_where_they_should() -> None:
    assert _compose(reply_to="alternance@example.org")["Reply-To"] == "alternance@example.org"
    assert "Reply-To" not in _compose()


@pytest.mark.parametrize("injection", INJECTIONS)
def test_m09_a_subject_that_would_be_two_headers_is_refused(injection: str) -> None:
    with pytest.raises(Refused) as refused:
        _compose(replace(LETTER, subject=f"Contrat de {injection}"))

    assert refused.value.code is RefusalCode.CONTENT
    assert "Bcc" not in str(refused.value)


@pytest.mark.parametrize("injection", INJECTIONS)
def test_m09_no_address_nor_id_is_two_headers(injection: str) -> None:
    with pytest.raises(Refused):
        _compose(recipient=f"{injection}@example.org")
    with pytest.raises(Refused):
        _compose(mission_id=MissionId(injection))
    with pytest.raises(Refused):
        _compose(message_id=f"<{injection}@example.org>")


@given(st.text(max_size=60))
def test_m09_whatever_the_subject_the_message_has_one_recipient_and_no_bcc(subject: str) -> None:
    try:
        message = _compose(replace(LETTER, subject=f"Contrat {subject}"))
    except Refused:
        return

    read = _read_again(message)

    assert read.get_all("To") == ["camille.durand@example.org"]
    assert "Bcc" not in read
    assert len(read.items()) == 11


def test_m10_a_domain_with_accents_is_sent_in_idna_form() -> None:
    assert _compose(recipient="rh@société-exemple.fr")["To"] == "rh@xn--socit-exemple-ehbb.fr"


@pytest.mark.parametrize(
    "address",
    ["rené@example.org", "a b@example.org", '"a b"@example.org', "Camille <c@example.org>", "a@b@example.org", "", "a",
     "=?x?=@example.org", "a@[127.0.0.1]", "a@-example.org"],
)  # fmt: skip
def test_m10_an_address_that_most_servers_refuse_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(Refused) as refused:
        ascii_address(address)

    assert refused.value.code is RefusalCode.ADDRESS
    assert address == "" or address == "a" or address not in str(refused.value)


@pytest.mark.parametrize("key", ["sender", "redirect_all_to", "reply_to"])
def test_our_own_wrong_address_is_a_misconfiguration_not_a_refused_letter(key: str) -> None:
    ours = {"sender": "miage@example.org", key: "not an address"}

    with pytest.raises(Misconfigured) as wrong:
        _compose(**ours)  # type: ignore[arg-type]

    assert wrong.value.key == f"mail.{key}"


@pytest.mark.parametrize("message_id", ["letter-1@example.org", "<letter-1>", "<a b@x>", "<é@x>", "<a@b@c>", ""])
def test_a_message_id_has_its_form(message_id: str) -> None:
    with pytest.raises(Refused):
        _compose(message_id=message_id)


def test_long_names_survive_the_folding_of_headers() -> None:
    mission_id, subject = MissionId("FVMA-" + "9" * 120), "Très long objet " * 12

    read = _read_again(_compose(replace(LETTER, subject=subject), mission_id=mission_id))

    assert read["X-Syncd-Mission"] == mission_id
    assert read["Subject"].split() == subject.split()


def test_ordinary_words_are_fine_in_a_header() -> None:
    assert header_value("L'Hermitage & Fils = « 50 % » ?") == "L'Hermitage & Fils = « 50 % » ?"


def test_content_that_is_not_mail_is_refused() -> None:
    message = message_to("camille.durand@example.org")
    message.clear_content()
    message.set_content("é\n", cte="8bit")

    with pytest.raises(Refused):
        open_envelope(message)


@pytest.mark.parametrize(
    ("sender", "written"),
    [
        ("syncd@localhost", "syncd@localhost"),
        ("MIAGE alternance <alternance@example.org>", "MIAGE alternance <alternance@example.org>"),
        ("Pôle alternance <alternance@example.org>", "Pôle alternance <alternance@example.org>"),
    ],
)
def test_our_own_mailbox_may_have_a_name_or_be_on_this_machine(sender: str, written: str) -> None:
    message = _compose(sender=sender)

    assert str(message["From"]) == written
    assert open_envelope(message).sender == sender.rpartition("<")[2].rstrip(">")
