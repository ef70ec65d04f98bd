"""Every letter to every role: it renders, names its people, says the same in both parts, and asks for no secret."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from syncd.adapters.mail.context import LetterContext, Office
from syncd.adapters.mail.digest import Digest, DigestRow
from syncd.adapters.mail.letters import Letter, write_digest, write_letter
from syncd.adapters.mail.message import compose, open_envelope
from syncd.model import Event, Facts, MissionId, Role, Step
from tests.adapters.mail.samples import (
    COMPANY_URL,
    EMPTY,
    FACTS,
    MISSION,
    NOW,
    PROFESSIONAL,
    STORED,
    STUDENT_URL,
    TODAY,
)

CONTEXT = LetterContext(contact="alternance@example.org")
EVENTS = [event for event in Event if event is not Event.DIGEST_DAILY]
OFFICES = (Role.SUPERVISOR, Role.SECRETARIAT, Role.CONTINUING_EDUCATION)
NEEDED_BY_OFFICES = (
    "Camille Durand",
    "21900042",
    "M2 MIAGE ID2I",
    "Aix-en-Provence",
    "2025-2026",
    "Société Exemple",
    "12345678200010",
    "du 15 septembre 2025 au 30 septembre 2026",
    "du 1er septembre 2025 au 31 août 2026",
)
FORBIDDEN = re.compile(r"\bNone\b|\{\{|\}\}|\{%|%\}|\bNIR\b|sécurité sociale|Undefined|<built-in|Role\.", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"<>]+")


class _Words(HTMLParser):
    """Collects what a reader of the HTML part sees."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _seen_in(html: str) -> str:
    reader = _Words()
    reader.feed("<body" + html.split("<body", 1)[1])
    return " ".join(" ".join(reader.words).split())


def _flat(text: str) -> str:
    return " ".join(text.split())


def _write(event: Event, role: Role, facts: Facts = FACTS, *, cause: str = "", written_on: date = TODAY) -> Letter:
    return write_letter(event, role, facts, context=CONTEXT, written_on=written_on, cause=cause)


@pytest.mark.parametrize("facts", [FACTS, PROFESSIONAL, STORED, EMPTY], ids=["apprenti", "pro", "stored", "empty"])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("event", EVENTS)
def test_every_letter_is_whole(event: Event, role: Role, facts: Facts) -> None:
    letter = _write(event, role, facts, cause="0.2")

    assert 10 < len(letter.subject) <= 78
    assert "\n" not in letter.subject
    assert letter.text.startswith("Bonjour")
    assert '<html lang="fr">' in letter.html
    for part in (letter.subject, letter.text, _seen_in(letter.html)):
        assert FORBIDDEN.search(part) is None
    assert facts.mission_id in letter.text
    assert "http" not in re.sub(_LINK, "", letter.html.replace("http-equiv", ""))
    assert "<img" not in letter.html
    assert "<link" not in letter.html
    assert "class=" not in letter.html or "style=" in letter.html


@pytest.mark.parametrize("facts", [FACTS, PROFESSIONAL, STORED], ids=["apprenti", "pro", "stored"])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("event", EVENTS)
def test_both_parts_say_the_same(event: Event, role: Role, facts: Facts) -> None:
    letter = _write(event, role, facts)
    seen = _seen_in(letter.html)

    assert set(_LINK.findall(letter.text)) == set(_LINK.findall(seen))
    for paragraph in letter.text.split("\n\n"):
        words = set(re.findall(r"\w{4,}", paragraph.casefold()))
        assert words <= set(re.findall(r"\w{4,}", seen.casefold()))


@pytest.mark.parametrize("role", OFFICES)
@pytest.mark.parametrize("event", EVENTS)
def test_offices_get_all_they_need_about_the_student(event: Event, role: Role) -> None:
    text = _flat(_write(event, role).text)

    for fact in NEEDED_BY_OFFICES:
        assert fact in text


@pytest.mark.parametrize("event", EVENTS)
def test_a_company_learns_neither_the_students_number_nor_address(event: Event) -> None:
    letter = _write(event, Role.HR_CONTACT)

    assert "21900042" not in letter.text + letter.html
    assert "camille.durand@example.org" not in letter.text + letter.html


@pytest.mark.parametrize(
    ("event", "role", "link"),
    [
        (Event.CONTRACT_INITIALISED, Role.STUDENT, STUDENT_URL),
        (Event.STUDENT_PART_REMINDER, Role.STUDENT, STUDENT_URL),
        (Event.DOCUMENTS_AVAILABLE, Role.STUDENT, STUDENT_URL),
        (Event.STUDENT_PART_DONE, Role.HR_CONTACT, COMPANY_URL),
        (Event.COMPANY_PART_REMINDER, Role.HR_CONTACT, COMPANY_URL),
        (Event.DOCUMENTS_AVAILABLE, Role.HR_CONTACT, COMPANY_URL),
    ],
)
def test_each_side_gets_its_own_link(event: Event, role: Role, link: str) -> None:
    letter = _write(event, role)

    assert _LINK.findall(letter.text) == [link]
    assert f'href="{link.replace("&", "&amp;")}"' in letter.html


def test_without_a_link_the_letter_names_cactus() -> None:
    letter = _write(Event.CONTRACT_INITIALISED, Role.STUDENT, replace(FACTS, remote=None))

    assert "http" not in letter.text
    assert "Connectez-vous à CACTUS" in letter.text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "javascript://x.example.org/%0aalert(1)",
        "https://x.example.org/ a",
        "https://",
        "data:text/html,x",
        'https://x.example.org/"onclick=',
        "https://[broken",
    ],
)
def test_a_link_that_is_none_is_left_out(url: str) -> None:
    assert FACTS.remote is not None
    facts = replace(FACTS, remote=replace(FACTS.remote, student_url=url))

    letter = _write(Event.CONTRACT_INITIALISED, Role.STUDENT, facts)

    assert url not in letter.html
    assert url not in letter.text


def test_m11_html_in_names_is_text_for_the_reader_of_both_parts() -> None:
    name = "<script>alert('x')</script>"
    mission = replace(MISSION, student_first_name=name, company_name="Dupont & <b>Fils</b>", mission_title="{{ 7*7 }}")
    facts = replace(FACTS, mission=mission)

    for event in EVENTS:
        for role in Role:
            letter = _write(event, role, facts)
            assert "<script" not in letter.html
            assert "<b>" not in letter.html
            assert name in letter.text
            assert "Dupont & <b>Fils</b>" in _seen_in(letter.html)
            assert "49" not in letter.text.split("Mission")[-1].split("\n")[0]


def test_m11_a_name_with_line_breaks_adds_no_line_to_the_text() -> None:
    mission = replace(MISSION, student_first_name="Camille\r\n\r\nPS\u2028: virez\x00 1000 euros")

    letter = _write(Event.CONTRACT_INITIALISED, Role.HR_CONTACT, replace(FACTS, mission=mission))

    assert "Camille PS : virez 1000 euros Durand" in letter.text.replace("\u00a0", " ")
    assert "\n" not in letter.subject


def test_m09_a_hostile_name_never_becomes_a_header() -> None:
    mission = replace(MISSION, student_first_name="Zoé\r\nBcc: x@example.org")

    letter = _write(Event.CONTRACT_INITIALISED, Role.SUPERVISOR, replace(FACTS, mission=mission))
    message = compose(
        letter,
        sender="a@example.org",
        recipient="b@example.org",
        message_id="<1@example.org>",
        event=Event.CONTRACT_INITIALISED,
        mission_id=MISSION.mission_id,
        date=NOW,
    )

    assert b"\nBcc:" not in open_envelope(message).content


def test_very_long_names_keep_the_subject_short() -> None:
    mission = replace(MISSION, student_last_name="Très-Long " * 30)

    assert len(_write(Event.CONTRACT_INITIALISED, Role.SUPERVISOR, replace(FACTS, mission=mission)).subject) <= 120


@pytest.mark.parametrize(
    ("written_on", "said"),
    [
        (date(2025, 9, 1), "au plus tard le samedi 6 septembre 2025"),
        (date(2025, 9, 11), "au plus tard le dimanche 14 septembre 2025"),
        (date(2025, 9, 14), "dès aujourd'hui"),
        (date(2025, 10, 30), "dès aujourd'hui"),
    ],
)
def test_the_deadline_is_a_day_and_never_past(written_on: date, said: str) -> None:
    assert said in _flat(_write(Event.CONTRACT_INITIALISED, Role.STUDENT, written_on=written_on).text)


@pytest.mark.parametrize(("cause", "said"), [("0.1", "Rappel :"), ("1.2", "Deuxième rappel :"), ("0.3", "Dernier")])
@pytest.mark.parametrize(
    ("event", "role"), [(Event.STUDENT_PART_REMINDER, Role.STUDENT), (Event.COMPANY_PART_REMINDER, Role.HR_CONTACT)]
)
def test_reminders_grow_firmer(event: Event, role: Role, cause: str, said: str) -> None:
    assert _write(event, role, cause=cause).subject.startswith(said)


def test_an_m1_registers_before_the_documents_and_the_office_is_told_so() -> None:
    early = _write(Event.REGISTRATION_REQUESTED, Role.SECRETARIAT, FACTS).text
    late = _write(Event.REGISTRATION_REQUESTED, Role.SECRETARIAT, STORED).text

    assert "dès la validation" in early
    assert "dès la validation" not in late
    assert "sont établis" in late


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        (FACTS, "secrétariat MIAGE d'Aix-en-Provence"),
        (replace(FACTS, mission=replace(MISSION, campus="marseille")), "secrétariat MIAGE de Marseille"),
        (replace(FACTS, mission=replace(MISSION, campus="mars")), "secrétariat MIAGE de votre campus"),
        (PROFESSIONAL, "la FEG, site Colbert"),
    ],
)
def test_the_student_is_told_where_to_register(facts: Facts, place: str) -> None:
    letter = _write(Event.REGISTRATION_INVITED, Role.STUDENT, facts)

    assert place in _flat(letter.text)
    assert "pièce d'identité" in letter.text


def test_what_the_department_configures_is_what_letters_say() -> None:
    context = LetterContext(
        department="Département Essai",
        signature="L'équipe d'essai",
        cactus_name="OPUNTIA",
        secretariats={"aix": Office(name="le bureau 12", place="bâtiment B", contact="bureau12@example.org")},
        fill_within_days=1,
    )

    invited = write_letter(Event.REGISTRATION_INVITED, Role.STUDENT, FACTS, context=context, written_on=TODAY)
    opened = write_letter(Event.CONTRACT_INITIALISED, Role.STUDENT, FACTS, context=context, written_on=TODAY)

    assert "Le bureau 12, bâtiment B" in invited.text
    assert "bureau12@example.org" in invited.text
    assert "OPUNTIA" in opened.text
    assert "CACTUS" not in opened.text
    assert "mardi 2 septembre 2025" in opened.text
    assert "Département Essai" in opened.html
    assert "L'équipe d'essai" in opened.text


@pytest.mark.parametrize(("status", "word"), [("cancelled", "annulé"), ("terminated", "rompu"), ("closed", "clos")])
def test_each_ending_has_its_word(status: str, word: str) -> None:
    assert FACTS.remote is not None
    facts = replace(FACTS, remote=replace(FACTS.remote, status=status))

    assert _write(Event.CONTRACT_CANCELLED, Role.STUDENT, facts).subject == f"Votre contrat est {word}"


def test_a_refusal_says_the_remotes_reason() -> None:
    assert FACTS.remote is not None
    facts = replace(FACTS, remote=replace(FACTS.remote, rejection_reason="Le SIRET\nest fermé."))

    assert "Le SIRET est fermé." in _write(Event.CONTRACT_REFUSED, Role.SUPERVISOR, facts).text
    assert "aucun motif" in _write(Event.CONTRACT_REFUSED, Role.SUPERVISOR, FACTS).text


@pytest.mark.parametrize(("name", "said"), [("Alice", "d'Alice"), ("Élodie", "d'Élodie"), ("Yves", "d'Yves"),
                                            ("Yasmine", "de Yasmine"), ("Camille", "de Camille")])  # fmt: skip
def test_names_are_elided(name: str, said: str) -> None:
    facts = replace(FACTS, mission=replace(MISSION, student_first_name=name))

    assert said in _write(Event.CONTRACT_INITIALISED, Role.HR_CONTACT, facts).subject


def test_french_signs_have_their_no_break_space() -> None:
    letter = _write(Event.CONTRACT_INITIALISED, Role.STUDENT)

    for part in (letter.text, letter.html):
        assert re.search(r" [:;!?»](\s|<|$)", part) is None
    assert "question\u00a0?" in letter.text
    assert "question\u00a0?" in letter.html


def _row(number: int, *, note: str = "") -> DigestRow:
    return DigestRow(
        mission_id=MissionId(f"FVMA-2025-{number:04}"),
        student="Camille <Durand>",
        company="Société Exemple",
        step=Step.AWAITING_STUDENT,
        since=TODAY - timedelta(days=12),
        note=note,
    )


def test_the_digest_lists_each_section_with_names_ages_and_reasons() -> None:
    digest = Digest(day=TODAY, late=(_row(1, note="Début dans 3 jours."),), awaiting_student=(_row(2), _row(3)))

    letter = write_digest(digest, context=CONTEXT)

    assert letter.subject == "Alternance : le point du lundi 1er septembre 2025"
    for part in (_flat(letter.text).casefold(), _seen_in(letter.html).casefold()):
        assert "urgents ou en retard (1)" in part
        assert "en attente de l'étudiant (2)" in part
        assert "retenus" not in part
        for words in ("fvma-2025-0003", "camille <durand>", "20 août 2025", "12 jours", "début dans 3 jours."):
            assert words in part
    assert FORBIDDEN.search(letter.text + _seen_in(letter.html)) is None


def test_a_long_section_is_cut_and_counted() -> None:
    digest = Digest(day=TODAY, awaiting_company=tuple(_row(number) for number in range(70)))

    letter = write_digest(digest, context=LetterContext(digest_rows=10))

    assert letter.text.count("FVMA-") == letter.html.count("FVMA-") == 10
    assert "… et 60 de plus" in letter.text
    assert "… et 60 de plus" in letter.html


def test_an_empty_digest_says_that_all_is_well() -> None:
    assert "Tout va bien" in write_digest(Digest(day=TODAY), context=CONTEXT).text
