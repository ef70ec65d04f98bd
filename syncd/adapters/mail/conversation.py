"""One SMTP connection, command by command.

The library's own `send_message` is not used: it cannot say whether a connection was lost before or after the content
was sent, it gives the final reply no patience of its own, and its exceptions repeat addresses and server texts.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from syncd.adapters.mail.message import Envelope
from syncd.adapters.mail.replies import Reply, Stage, error_of, reply_of
from syncd.errors import CredentialsRefused, OutcomeUnknown, SyncdError, Transient

_LEADING_DOT = re.compile(rb"(?m)^\.")
_LINE_TROUBLE = (SMTPException, OSError, ValueError)
"""Everything a broken line, a babbling server or a failing handshake makes the library raise."""


class Security(StrEnum):
    """How the connection is protected; never "if the server happens to offer it"."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where the mail server is and how to speak with it. `tls` is used unless `security` is none."""

    host: str
    port: int
    security: Security
    tls: ssl.SSLContext
    command_timeout_s: float
    local_hostname: str | None = None
    username: str | None = None
    password: str = field(default="", repr=False)


class Conversation:
    """A greeted, protected, logged-in connection that takes one message at a time.

    It stays usable after a server's refusal, and hangs up by itself when a reply never came: what would be read next
    might belong to the command before.
    """

    def __init__(self, client: SMTP) -> None:
        self._client = client
        self._is_midway = False

    @property
    def is_open(self) -> bool:
        """Whether nobody has hung up, as far as is known without asking the server."""
        return self._client.is_connected

    async def announce_sender(self, envelope: Envelope) -> None:
        """Return once the server accepts a message from this sender; one left midway before is forgotten first."""
        if self._is_midway:
            await self._say(Stage.SENDER, "RSET")
        self._is_midway = True
        options = [f"SIZE={len(envelope.content)}"] if self._client.supports_extension("size") else []
        await self._say(Stage.SENDER, f"MAIL FROM:<{envelope.sender}>", *options)

    async def announce_recipient(self, envelope: Envelope) -> None:
        """Return once the server accepts this recipient and waits for the content."""
        await self._say(Stage.RECIPIENT, f"RCPT TO:<{envelope.recipient}>")
        await self._say(Stage.DATA, "DATA")

    async def deliver(self, envelope: Envelope, *, timeout_s: float) -> None:
        """Return once the server has taken the content over.

        Raises:
            OutcomeUnknown: the content was sent, and no reply that can be understood came within the time.
        """
        protocol = self._client.protocol
        if protocol is None or not protocol.is_connected:
            raise Transient("the mail server hung up before the letter was sent")
        try:
            protocol.write(_LEADING_DOT.sub(b"..", envelope.content) + b".\r\n")
            code, text = await protocol.read_response(timeout=timeout_s)
        except asyncio.CancelledError:
            self.hang_up()
            raise
        except _LINE_TROUBLE:
            self.hang_up()
            raise OutcomeUnknown("the letter was sent and the mail server's reply was lost") from None
        self._judge(Stage.CONTENT, reply_of(code, text))
        self._is_midway = False

    async def quit(self) -> None:
        """Say goodbye and hang up."""
        with suppress(SyncdError):
            await self._say(Stage.HELLO, "QUIT")
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection without a word."""
        transport = self._client.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
        self._client.close()

    async def _say(self, stage: Stage, *words: str) -> None:
        try:
            code, text = await self._client.execute_command(*(word.encode("ascii") for word in words))
        except asyncio.CancelledError:
            self.hang_up()
            raise
        except _LINE_TROUBLE:
            self.hang_up()
            raise Transient(f"the connection to the mail server was lost at {stage}", is_general=True) from None
        self._judge(stage, reply_of(code, text))

    def _judge(self, stage: Stage, reply: Reply) -> None:
        error = error_of(stage, reply)
        if error is None:
            return
        if not reply.is_refusal:
            self.hang_up()
        raise error


async def open_conversation(server: MailServer) -> Conversation:
    """Return a conversation with a server that is who it should be and accepts who we are.

    Raises:
        Transient: general; unreachable, not greeting, without TLS or with a certificate that does not hold.
        CredentialsRefused: the login is not accepted.
    """
    client = SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.security is Security.TLS,
        start_tls=False,
        tls_context=server.tls,
        local_hostname=server.local_hostname,
        timeout=server.command_timeout_s,
    )
    conversation = Conversation(client)
    is_ready = False
    try:
        await _translated(client.connect(), "unreachable")
        await _translated(client.ehlo(), "not greeting")
        if server.security is Security.STARTTLS:
            await _translated(client.starttls(), "without a TLS that holds")
            await _translated(client.ehlo(), "not greeting")
        if server.username is not None:
            await _log_in(client, server.username, server.password)
        is_ready = True
    finally:
        if not is_ready:
            conversation.hang_up()
    return conversation


async def _translated(step: Awaitable[object], trouble: str) -> None:
    try:
        await step
    except SMTPResponseException as error:
        reply, certificate = reply_of(error.code, error.message), None
    except _LINE_TROUBLE as error:
        reply, certificate = None, _certificate_fault(error)
    else:
        return
    if reply is not None:
        raise error_of(Stage.HELLO, reply) or Transient(f"the mail server is {trouble} ({reply})", is_general=True)
    raise Transient(
        f"the mail server's certificate does not hold ({certificate})" if certificate else
        f"the mail server is {trouble}",
        hint="Check SYNCD_MAIL__HOST, SYNCD_MAIL__PORT and SYNCD_MAIL__SECURITY.",
        is_general=True,
    )  # fmt: skip


def _certificate_fault(error: BaseException) -> str | None:
    """Return the verification's own words when a certificate is at the bottom of an error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__
    return cause.verify_message if cause is not None else None


async def _log_in(client: SMTP, username: str, password: str) -> None:
    try:
        await client.login(username, password)
    except SMTPResponseException as error:
        reply = reply_of(error.code, error.message)
    except OSError:
        raise Transient("the connection to the mail server was lost at the login", is_general=True) from None
    except (SMTPException, ValueError):
        raise CredentialsRefused(
            "the mail server offers no login that we know", hint="Check SYNCD_MAIL__SECURITY and SYNCD_MAIL__USERNAME."
        ) from None
    else:
        return
    raise _login_error(reply)


def _login_error(reply: Reply) -> SyncdError:
    return error_of(Stage.LOGIN, reply) or Transient(f"the login was answered oddly ({reply})", is_general=True)
