"""What leaves for whom: the writer with a real ledger behind it, and the supervisor's digest."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from syncd.adapters.mail.digest import Digest, DigestRow
from syncd.adapters.mail.morning import gather_digest
from syncd.adapters.mail.writer import AddressBook, LetterWriter
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import HoldCode, Mission, Role, Step
from syncd.ports.ledger import QueuedLetter
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.letters import letter_writer
from tests.jobs.workshop import POLICY, Workshop, id_of, numbered, open_workshop
from tests.support.facts import known

BOOK = AddressBook(supervisor="responsable@example.org", secretariats={"aix": "aix@example.org"})
ENVIRONMENT = {
    "SYNCD_MAIL__SENDER": "MIAGE alternance <alternance@example.org>",
    "SYNCD_MAIL__ADDRESSES__SUPERVISOR": "responsable@example.org",
}


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    """The jobs of one process on a new ledger."""
    async with open_workshop(tmp_path, tmp_path) as opened:
        yield opened


def writer_of(workshop: Workshop, **environment: str) -> LetterWriter:
    """Return a writer made from settings."""
    settings = load_settings(None, ENVIRONMENT | environment, places=Places(config_files=()))
    return letter_writer(settings, POLICY, workshop.ledger, workshop.clock)


async def take(workshop: Workshop) -> dict[str, QueuedLetter]:
    """Take every letter that is due, by its role."""
    taken = await workshop.ledger.take_letters(limit=50, now=workshop.clock.now())
    return {str(letter.role): letter for letter in taken}


def text_of(message: EmailMessage) -> str:
    """Return the text part."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


# ----------------------------------------------------------------------------------------------------------- addresses


def test_every_role_has_an_address_of_the_mission_or_of_the_office() -> None:
    facts = known(numbered(1))

    assert {role: BOOK.address_of(role, facts) for role in (Role.STUDENT, Role.HR_CONTACT, Role.SECRETARIAT)} == {
        Role.STUDENT: "student1@example.org", Role.HR_CONTACT: "rh1@example.com", Role.SECRETARIAT: "aix@example.org",
    }  # fmt: skip
    assert BOOK.address_of(Role.SUPERVISOR, None) == "responsable@example.org"


@pytest.mark.parametrize(
    ("role", "campus", "key"),
    [
        (Role.CONTINUING_EDUCATION, "aix", "mail.addresses.continuing_education"),
        (Role.SECRETARIAT, "marseille", "mail.addresses.secretariat_marseille"),
    ],
)
def test_an_office_without_an_address_is_named_by_its_setting(role: Role, campus: str, key: str) -> None:
    with pytest.raises(Misconfigured) as missing:
        BOOK.address_of(role, known(numbered(1, campus=campus)))

    assert missing.value.key == key


def test_a_mission_that_lost_its_address_refuses_the_letter() -> None:
    with pytest.raises(Refused) as refused:
        BOOK.address_of(Role.STUDENT, known(numbered(1, student_email=None)))

    assert refused.value.code is RefusalCode.ADDRESS


async def test_a_letter_goes_to_the_address_as_it_is_now_under_the_name_it_always_had(workshop: Workshop) -> None:
    await workshop.initialised(1)
    await workshop.discover(numbered(1, student_email="autre@example.org"))
    letter = (await take(workshop))["student"]

    first, again = [await writer_of(workshop)(letter) for _ in range(2)]

    assert first["To"] == "autre@example.org"
    assert first["Message-ID"] == again["Message-ID"] == letter.message_id
    assert (first["X-Syncd-Event"], first["X-Syncd-Mission"]) == ("contract.initialised", id_of(1))
    assert first["From"] == "MIAGE alternance <alternance@example.org>"


async def test_on_a_test_site_everything_goes_to_one_address(workshop: Workshop) -> None:
    await workshop.initialised(1)
    writer = writer_of(workshop, SYNCD_MAIL__REDIRECT_ALL_TO="essai@example.org")

    messages = [await writer(letter) for letter in (await take(workshop)).values()]

    assert {str(message["To"]) for message in messages} == {"essai@example.org"}
    assert sorted(str(message["Subject"]).partition("]")[0] for message in messages) == [
        "[pour rh1@example.com", "[pour student1@example.org",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------- the digest


async def gathered(workshop: Workshop) -> Digest:
    """Return the digest of this morning."""
    return await gather_digest(workshop.ledger, workshop.clock, POLICY)


def said(rows: tuple[DigestRow, ...]) -> dict[str, str]:
    """Return the notes of a section by mission."""
    return {row.mission_id: row.note for row in rows}


async def settle(workshop: Workshop, *missions: Mission) -> None:
    """Discover missions and work on them."""
    await workshop.discover(*missions)
    await workshop.works.advancer.drain()


async def test_a_quiet_morning_has_nothing_to_say(workshop: Workshop) -> None:
    digest = await gathered(workshop)

    assert list(digest.sections()) == []


async def test_every_contract_is_in_one_section_with_its_reason_in_french(workshop: Workshop) -> None:
    await settle(workshop, *(numbered(number) for number in range(1, 6)), numbered(6, company_siret="1"))
    await settle(workshop, numbered(2, mission_title="Un autre titre"))  # after the sending
    found = await workshop.cactus.find(id_of(3))
    assert found is not None
    workshop.cactus.fill_student(found.contract_id)
    await workshop.drain_later(timedelta(days=1, hours=1))

    digest = await gathered(workshop)

    assert set(said(digest.needs_person)) == {id_of(2)}
    assert said(digest.held) == {id_of(6): "Le SIRET manque ou est invalide (14 chiffres, clé de contrôle)."}
    assert {row.mission_id for row in digest.awaiting_student} == {id_of(1), id_of(4), id_of(5)}
    assert {row.mission_id for row in digest.awaiting_company} == {id_of(3)}
    assert digest.late == digest.failed_letters == ()
    for _, rows in digest.sections():
        assert all(row.student == "Jérôme Lefèvre-Ndiaye" and row.company and row.since for row in rows)
        assert not any(code in row.note for row in rows for code in HoldCode)


async def test_what_is_urgent_or_late_says_why(workshop: Workshop) -> None:
    asked_at = datetime(2025, 9, 5, 8, tzinfo=UTC)
    await settle(workshop, numbered(1, submitted_at=asked_at), numbered(2), numbered(3))
    for _ in range(6):
        await workshop.drain_later(timedelta(days=1, hours=1))

    digest = await gathered(workshop)

    assert said(digest.late) == {
        id_of(1): "Demande tardive. Relances déjà envoyées : 1.",
        id_of(2): "Relances déjà envoyées : 1.",
        id_of(3): "Relances déjà envoyées : 1.",
    }
    assert digest.late[0].mission_id == id_of(1)
    assert digest.awaiting_student == ()


async def test_a_start_that_is_near_is_late_whatever_was_asked_when(workshop: Workshop) -> None:
    await settle(workshop, numbered(1))
    workshop.clock.set_wall(datetime(2025, 9, 11, 8, tzinfo=UTC))

    digest = await gathered(workshop)

    assert said(digest.late) == {id_of(1): "Début du contrat : 15/09/2025."}


async def test_letters_that_nobody_takes_are_named_with_whom_they_were_for(workshop: Workshop) -> None:
    await settle(workshop, numbered(1), numbered(2))
    workshop.post.for_ever["*"] = Refused("550 no such mailbox zoe@example.org")
    await workshop.works.deliverer.drain()

    digest = await gathered(workshop)

    assert said(digest.failed_letters) == dict.fromkeys(
        (id_of(2), id_of(1)),
        "« contrat initialisé » (contact RH) : refusé. « contrat initialisé » (étudiant) : refusé.",
    )


async def test_missions_of_before_this_installation_are_not_talked_about(tmp_path: Path) -> None:
    policy = replace(POLICY, since=datetime(2025, 6, 5).date())  # noqa: DTZ001 - a day
    async with open_workshop(tmp_path, tmp_path, policy=policy) as workshop:
        await settle(workshop, numbered(1))

        assert await workshop.step(1) is Step.HELD
        assert list((await gather_digest(workshop.ledger, workshop.clock, policy)).sections()) == []


async def test_the_digest_is_written_and_sent_to_the_supervisor(workshop: Workshop) -> None:
    await settle(workshop, numbered(1, company_siret="1"))
    await workshop.ledger.queue_digest("2025-06-10", now=workshop.clock.now())
    letter = (await take(workshop))["supervisor"]

    message = await writer_of(workshop)(letter)

    assert message["To"] == "responsable@example.org"
    assert message["X-Syncd-Event"] == "digest.daily"
    assert "Le SIRET manque ou est invalide" in " ".join(text_of(message).split())
