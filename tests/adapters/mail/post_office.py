"""Mail servers on loopback: a real one that takes letters in, and one that follows a script."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from syncd.adapters.mail.conversation import Security
from syncd.adapters.mail.smtp import SmtpMailer

HANG_UP = "hang up"
SILENCE = "silence"


@dataclass
class PostOffice:
    """What the real server answers and what it took in. `on_data` may be a reply, `HANG_UP` or `SILENCE`."""

    on_recipient: Callable[[str], str] = lambda _address: "250 OK"
    on_sender: Callable[[str], str] = lambda _address: "250 OK"
    on_data: str = "250 2.0.0 queued"
    thinks_for_s: float = 0.0
    password: bytes | None = None
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    visits: list[SMTP] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 (the library's names)
        self, _server: SMTP, _session: object, envelope: Any, address: str, _options: list[str]
    ) -> str:
        reply = self.on_sender(address)
        if reply.startswith("250"):
            envelope.mail_from = address
        return reply

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: object, envelope: Any, address: str, _options: list[str]
    ) -> str:
        reply = self.on_recipient(address)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, _session: object, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.original_content, policy=policy.SMTP)
        assert isinstance(letter, EmailMessage)
        if self.on_data == HANG_UP:
            _abort(server)
            return "250 never seen"
        await asyncio.sleep(30 if self.on_data == SILENCE else self.thinks_for_s)
        if self.on_data.startswith("250"):
            self.letters.append(letter)
            self.recipients += envelope.rcpt_tos
        return self.on_data

    def authenticate(
        self, _server: SMTP, _session: object, _envelope: object, _mechanism: str, login: Any
    ) -> AuthResult:
        """Accept the one password, answer the rest with the server's own 535."""
        return AuthResult(success=login.password == self.password, handled=False)

    def hang_up_everywhere(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for visit in self.visits:
            _abort(visit)


def _abort(visit: SMTP) -> None:
    if isinstance(visit.transport, asyncio.WriteTransport):
        visit.transport.abort()


@asynccontextmanager
async def serve(
    office: PostOffice, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Yield the port of a real SMTP server on loopback."""
    loop = asyncio.get_running_loop()

    def answer() -> SMTP:
        visit = SMTP(
            office,
            loop=loop,
            hostname="mail.example.org",
            tls_context=starttls,
            auth_require_tls=False,
            authenticator=office.authenticate if office.password is not None else None,
        )
        office.visits.append(visit)
        return visit

    server = await loop.create_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        office.hang_up_everywhere()
        server.close()
        await asyncio.sleep(0.01)


GOOD_SCRIPT: Mapping[str, str] = {
    "": "220 mail.example.org",
    "EHLO": "250 mail.example.org",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    ".": "250 queued",
    "RSET": "250 OK",
    "QUIT": "221 bye",
}


@asynccontextmanager
async def recite(script: Mapping[str, str]) -> AsyncIterator[int]:
    """Yield the port of a server that answers each command by its script; `""` is the greeting, `.` the content."""
    visits: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(writer)
        word, in_content = "", False
        while True:
            reply = {**GOOD_SCRIPT, **script}.get(word, "502 unknown")
            if reply == HANG_UP:
                writer.transport.abort()
                return
            if reply != SILENCE:
                writer.write(f"{reply}\r\n".encode())
            in_content = reply.startswith("354")
            line = await reader.readline()
            while in_content and line not in (b".\r\n", b""):
                line = await reader.readline()
            if not line:
                return
            word = "." if in_content else line.split()[0].decode().upper()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in visits:
            writer.transport.abort()
        await asyncio.sleep(0.01)


def mailer_for(port: int, *, security: Security = Security.NONE, **options: Any) -> SmtpMailer:
    """Return an impatient mailer for a server on loopback."""
    patience: dict[str, Any] = {"command_timeout_s": 2.0, "handover_timeout_s": 5.0, "final_reply_timeout_s": 5.0}
    options = {"local_hostname": "localhost", **patience, **options}
    return SmtpMailer(host="127.0.0.1", port=port, security=security, **options)
