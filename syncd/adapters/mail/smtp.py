"""A mailer that speaks SMTP with one mail server, over a few connections that it keeps for a while.

Source: interfaces, section 3.
"""

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from syncd.adapters.mail.conversation import Conversation, MailServer, Security, open_conversation
from syncd.adapters.mail.message import Envelope, open_envelope
from syncd.errors import Misconfigured, SyncdError, Transient

_GOODBYE_S = 2.0


class SmtpMailer:
    """Hands messages over to one mail server. Every `send` ends within its two deadlines added together.

    A connection is used again for the next message. Whatever an idle one answers to a new message's sender, but yes,
    a fresh one is asked: nothing was sent yet, so nothing can be sent twice.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        username: str | None = None,
        password: str = "",
        ca_file: Path | None = None,
        connections: int = 4,
        local_hostname: str | None = None,
        command_timeout_s: float = 30.0,
        handover_timeout_s: float = 120.0,
        final_reply_timeout_s: float = 600.0,
        idle_s: float = 60.0,
    ) -> None:
        """`handover_timeout_s` bounds everything up to the content, `final_reply_timeout_s` the reply to it (RFC 5321
        asks for 600 s). An unused connection is closed after `idle_s`. With `ca_file` only its authorities count.
        `local_hostname` is how we introduce ourselves; by default the machine's full name.

        Raises:
            Misconfigured: `ca_file` cannot be read.
        """
        self._server = MailServer(
            host=host,
            port=port,
            security=security,
            tls=_tls_context(ca_file),
            command_timeout_s=command_timeout_s,
            local_hostname=local_hostname,
            username=username,
            password=password,
        )
        self._handover_timeout_s = handover_timeout_s
        self._final_reply_timeout_s = final_reply_timeout_s
        self._idle_s = idle_s
        self._slots = asyncio.Semaphore(connections)
        self._idle: dict[Conversation, asyncio.TimerHandle] = {}

    @property
    def is_idempotent(self) -> bool:
        """A server delivers what it accepts, each time."""
        return False

    async def send(self, message: EmailMessage) -> None:
        """Return once the server has accepted the message (see the port for what is raised)."""
        envelope = open_envelope(message)
        try:
            async with asyncio.timeout(self._handover_timeout_s) as handover, self._slots:
                conversation = await self._start(envelope)
                try:
                    await conversation.announce_recipient(envelope)
                    handover.reschedule(None)
                    await conversation.deliver(envelope, timeout_s=self._final_reply_timeout_s)
                finally:
                    self._park(conversation)
        except TimeoutError:
            raise Transient("the mail server is too slow", is_general=True) from None

    async def aclose(self) -> None:
        """Say goodbye on every idle connection, briefly."""
        conversations = list(self._idle)
        for timer in self._idle.values():
            timer.cancel()
        self._idle.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await asyncio.gather(*(conversation.quit() for conversation in conversations))

    async def _start(self, envelope: Envelope) -> Conversation:
        """Return a conversation in which the server has accepted the sender."""
        idle = self._take_idle()
        if idle is not None:
            with suppress(SyncdError):
                await idle.announce_sender(envelope)
                return idle
            idle.hang_up()
        fresh = await open_conversation(self._server)
        try:
            await fresh.announce_sender(envelope)
        except SyncdError:
            fresh.hang_up()
            raise
        return fresh

    def _take_idle(self) -> Conversation | None:
        while self._idle:
            conversation, timer = self._idle.popitem()
            timer.cancel()
            if conversation.is_open:
                return conversation
        return None

    def _park(self, conversation: Conversation) -> None:
        if conversation.is_open:
            self._idle[conversation] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, conversation)

    def _retire(self, conversation: Conversation) -> None:
        del self._idle[conversation]
        conversation.hang_up()


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Misconfigured("the authorities' file of the mail server cannot be read", key="mail.ca_file") from error
