"""The port to the mail server."""

from email.message import EmailMessage
from typing import Protocol


class Mailer(Protocol):
    """Hands one message to one recipient (its `To` header) over to a mail server.

    Safe for concurrent use within one event loop; ends within its total deadline.
    """

    @property
    def is_idempotent(self) -> bool:
        """Whether sending the same message again has no further effect: then an unknown outcome may be repeated."""

    async def send(self, message: EmailMessage) -> None:
        """Return once the server has accepted the message.

        Raises:
            Transient: not accepted, later perhaps (`is_general`: no message would be: unreachable, no TLS).
            CredentialsRefused: the server does not accept our login.
            Refused: `ADDRESS` or `CONTENT`, this message will never be accepted.
            OutcomeUnknown: the content was sent and the answer was lost.
        """

    async def aclose(self) -> None:
        """Close every connection."""
