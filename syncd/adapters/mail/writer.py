"""Write a queued letter as it must leave now: to the address as it is now, with the facts as they are now."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage

from syncd.adapters.mail.context import LetterContext
from syncd.adapters.mail.digest import Digest
from syncd.adapters.mail.letters import Letter, write_digest, write_letter
from syncd.adapters.mail.message import compose
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import Facts, Role
from syncd.ports.clock import Clock
from syncd.ports.ledger import QueuedLetter
from syncd.workdays import paris_day


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """The offices' addresses, by role and, for the secretariats, by campus."""

    supervisor: str | None = None
    continuing_education: str | None = None
    secretariats: Mapping[str, str]

    def address_of(self, role: Role, facts: Facts | None) -> str:
        """Return where a role of this contract reads its mail.

        Raises:
            Misconfigured: nobody told the office's address.
            Refused: `ADDRESS`, the mission's row has none (any more).
        """
        mission = facts.mission if facts is not None else None
        match role:
            case Role.STUDENT:
                return _known(mission.student_email if mission else None)
            case Role.HR_CONTACT:
                return _known(mission.hr_contact_email if mission else None)
            case Role.SUPERVISOR:
                return _configured(self.supervisor, "supervisor")
            case Role.CONTINUING_EDUCATION:
                return _configured(self.continuing_education, "continuing_education")
            case Role.SECRETARIAT:
                campus = (mission.campus if mission else None) or ""
                return _configured(self.secretariats.get(campus), f"secretariat_{campus}")


def _known(address: str | None) -> str:
    if address is None:
        raise Refused("the mission's row has no address for this recipient", code=RefusalCode.ADDRESS)
    return address


def _configured(address: str | None, name: str) -> str:
    if address is None:
        raise Misconfigured("this office has no mail address in the configuration", key=f"mail.addresses.{name}")
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterWriter:
    """Composes letters; `digest` gathers what the supervisor's daily letter tells."""

    context: LetterContext
    addresses: AddressBook
    sender: str
    reply_to: str | None
    redirect_all_to: str | None
    clock: Clock
    digest: Callable[[], Awaitable[Digest]]

    async def __call__(self, queued: QueuedLetter) -> EmailMessage:
        """Return the message of a queued letter; the same Message-ID at every attempt."""
        letter = await self.write(queued)
        return compose(
            letter,
            sender=self.sender,
            recipient=self.addresses.address_of(queued.role, queued.facts),
            message_id=queued.message_id,
            event=queued.event,
            mission_id=queued.mission_id,
            date=self.clock.now(),
            redirect_all_to=self.redirect_all_to,
            reply_to=self.reply_to,
        )

    async def write(self, queued: QueuedLetter) -> Letter:
        """Return the words of a queued letter."""
        if queued.facts is None:
            return write_digest(await self.digest(), context=self.context)
        return write_letter(
            queued.event,
            queued.role,
            queued.facts,
            context=self.context,
            written_on=paris_day(self.clock.now()),
            cause=queued.cause,
        )
