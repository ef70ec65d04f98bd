"""Compose a letter into a message, and open a message for its envelope. Pure.

Source: interfaces, section 3.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address, AddressHeader, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import Policy
from email.utils import parseaddr
from functools import cache, lru_cache

from syncd.adapters.mail.addresses import ascii_address, header_value, own_address
from syncd.adapters.mail.letters import Letter
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import Event, MissionId

NO_MISSION = "-"
"""What `X-Syncd-Mission` says in a letter about many contracts (the digest)."""


class _Header(BaseHeader):
    """A header that is folded into lines once, however many letters carry it."""

    _folded: str | None = None

    def fold(self, *, policy: Policy) -> str:
        """Return its lines; every letter is written by the one policy below, and by its copies."""
        if self._folded is None:
            self._folded = super().fold(policy=policy)
        return self._folded


class _Headers(HeaderRegistry):
    """The library's registry, which makes a new class for every header, and parses and folds the same ones each time.

    Most headers say the same in every letter.
    """

    def __init__(self) -> None:
        super().__init__(base_class=_Header)
        self._class_of = cache(super().__getitem__)
        self._made = lru_cache(maxsize=256)(super().__call__)

    def __getitem__(self, name: str) -> type[BaseHeader]:
        """Return the class of the headers of this name."""
        return self._class_of(name)

    def __call__(self, name: str, value: object) -> BaseHeader:
        """Return this header."""
        return self._made(name, value)


_POLICY = policy.SMTP.clone(header_factory=_Headers())
"""Lines of 78 characters with CRLF; bodies are quoted-printable, so that every server takes them as they are."""
_BOUNDARY = "=_part_=_of_a_letter_="
"""Between the parts: no body that is quoted-printable can have `=_` in it (RFC 2045, section 6.7)."""
_MESSAGE_ID = re.compile(r"<[^<>@\s]{1,200}@[^<>@\s]{1,255}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message as it goes over the wire: `content` is ASCII with CRLF line ends, not yet dot-stuffed."""

    sender: str
    recipient: str
    message_id: str
    content: bytes


def compose(
    letter: Letter,
    *,
    sender: str,
    recipient: str,
    message_id: str,
    event: Event,
    mission_id: MissionId | None,
    date: datetime,
    redirect_all_to: str | None = None,
    reply_to: str | None = None,
) -> EmailMessage:
    """Return the message of a letter: text and HTML, one recipient, nothing attached.

    `mission_id` is `None` for the digest, `date` is aware. With `redirect_all_to` the message goes there, and its
    subject names the real recipient.

    Raises:
        Refused: `ADDRESS`, the recipient's address; `CONTENT`, a value that is no safe header.
        Misconfigured: one of our own addresses is wrong (`key` names the setting).
    """
    to = ascii_address(recipient)
    subject = letter.subject if redirect_all_to is None else f"[pour {to}] {letter.subject}"
    message = EmailMessage(policy=_POLICY)
    message["From"] = _our_mailbox(sender, "mail.sender")
    message["To"] = to if redirect_all_to is None else _our_mailbox(redirect_all_to, "mail.redirect_all_to")
    if reply_to is not None:
        message["Reply-To"] = _our_mailbox(reply_to, "mail.reply_to")
    message["Subject"] = header_value(subject)
    message["Date"] = date
    message["Message-ID"] = _message_id(message_id)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Syncd-Event"] = str(event)
    message["X-Syncd-Mission"] = header_value(mission_id or NO_MISSION)
    message.set_content(letter.text, charset="utf-8", cte="quoted-printable")
    message.make_alternative(boundary=_BOUNDARY)
    message.add_alternative(letter.html, subtype="html", charset="utf-8", cte="quoted-printable")
    # Last: whatever is called Content-… before moves into the first part when the message becomes one of two.
    message["Content-Language"] = "fr"
    return message


def open_envelope(message: EmailMessage) -> Envelope:
    """Return who sends what to whom.

    Raises:
        Refused: `CONTENT`, not exactly one sender and one recipient, no Message-ID, or bytes that no server takes.
    """
    try:
        content = message.as_bytes(policy=_POLICY)
    except (MessageError, ValueError) as error:
        raise _unfit("the message cannot be written") from error
    line_ends = content.count(b"\r\n")
    if not content.count(b"\r") == content.count(b"\n") == line_ends or not content.isascii():
        raise _unfit("the message has lone line ends or bytes that are not ASCII")
    return Envelope(
        sender=_only_address(message, "From"),
        recipient=_only_address(message, "To"),
        message_id=_message_id(str(message.get("Message-ID", ""))),
        content=content,
    )


def _only_address(message: EmailMessage, name: str) -> str:
    headers = message.get_all(name, [])
    addresses = [address.addr_spec for header in headers if isinstance(header, AddressHeader)
                 for address in header.addresses]  # fmt: skip
    if len(addresses) != 1:
        raise _unfit(f"a message has exactly one address in {name}")
    return own_address(addresses[0])


@lru_cache(maxsize=16)
def _our_mailbox(mailbox: str, key: str) -> str:
    """Return one of our own mailboxes, alone or after a name (`MIAGE alternance <alternance@example.org>`)."""
    name, address = parseaddr(mailbox)
    try:
        return str(Address(display_name=header_value(name), addr_spec=own_address(address)))
    except (Refused, ValueError) as error:
        raise Misconfigured("this mail address is not one that mail servers accept", key=key) from error


def _message_id(value: str) -> str:
    if _MESSAGE_ID.fullmatch(value) is None or not value.isascii():
        raise _unfit("the Message-ID is not of the form <left@right>")
    return header_value(value)


def _unfit(what: str) -> Refused:
    return Refused(what, code=RefusalCode.CONTENT)
