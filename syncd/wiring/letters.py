"""What letters are written with, made from settings."""

from dataclasses import replace
from datetime import timedelta

from syncd.adapters.mail.context import LetterContext, Office
from syncd.adapters.mail.morning import gather_digest
from syncd.adapters.mail.writer import AddressBook, LetterWriter
from syncd.jobs.send import MailPatience
from syncd.model import Policy, Track
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.settings import Settings


def letter_writer(settings: Settings, policy: Policy, ledger: Ledger, clock: Clock) -> LetterWriter:
    """Return what composes the letters."""
    mail, addresses = settings.mail, settings.mail.addresses
    return LetterWriter(
        context=_letter_context(settings, policy),
        addresses=AddressBook(
            supervisor=addresses.supervisor,
            continuing_education=addresses.continuing_education,
            secretariats=addresses.secretariats(),
        ),
        sender=mail.sender,
        reply_to=mail.reply_to,
        redirect_all_to=mail.redirect_all_to,
        clock=clock,
        digest=lambda: gather_digest(ledger, clock, policy),
    )


def mail_patience(settings: Settings, policy: Policy) -> MailPatience:
    """Return how long letters wait."""
    return MailPatience(
        delays=policy.patience,
        greylist_delay=settings.greylist_delay,
        unknown_resend_after=settings.unknown_resend_delay,
        expires_after=timedelta(days=settings.mail.expire_days),
        most_per_hour=settings.guard.max_mails_per_hour,
    )


def _letter_context(settings: Settings, policy: Policy) -> LetterContext:
    letters, addresses = settings.mail.letters, settings.mail.addresses
    usual = LetterContext()
    hours = {"hours": letters.opening_hours} if letters.opening_hours else {}

    def office(known: Office, place: str, contact: str | None) -> Office:
        return replace(known, place=place, contact=contact, **hours)

    return replace(
        usual,
        department=letters.department,
        signature=letters.signature,
        contact=letters.contact or addresses.supervisor,
        campaigns=policy.campaigns,
        papers=dict.fromkeys(Track, letters.papers),
        secretariats={
            "aix": office(usual.secretariats["aix"], letters.place_aix, addresses.secretariat_aix),
            "marseille": office(
                usual.secretariats["marseille"], letters.place_marseille, addresses.secretariat_marseille
            ),
        },
        continuing_education=office(
            usual.continuing_education, letters.place_continuing_education, addresses.continuing_education
        ),
    )
