"""The catalogue itself, and everything in the source that names an event."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.events import ALWAYS_KEPT, CATALOGUE, Entry, Uncatalogued, check, log_happening, loggable, sentence
from syncd.events.french import spoken
from syncd.model import DocumentKind, Event, NotificationState, RemoteStatus, Role, Step
from tests.support.log import RecordingLog

SYNCD = Path(__file__).parents[1] / "syncd"
LEVELS = {"debug", "info", "warning", "error"}
PERSONAL = re.compile(r"name|mail|phone|address|siret|student_number|nir|token|secret|password|body|url")
NOT_PERSONAL = {"mails", "mailer"}
ENTRIES = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.name)


# ------------------------------------------------------------------------------------------------------ the catalogue


@ENTRIES
def test_a_name_is_an_object_and_a_past_participle(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", entry.name)
    assert CATALOGUE[entry.name] is entry


@ENTRIES
def test_an_entry_says_what_it_means_in_english_and_in_french(entry: Entry) -> None:
    assert entry.meaning_en.endswith(".")
    assert entry.sentence_fr[0].isupper() or entry.sentence_fr[0] == "{"
    assert not entry.sentence_fr.endswith(".")


@ENTRIES
def test_a_sentence_only_shows_keys_that_the_entry_has(entry: Entry) -> None:
    shown = set(re.findall(r"\{(\w+)\}", entry.sentence_fr))

    assert shown <= entry.known_keys


@ENTRIES
def test_i8_no_key_that_may_be_logged_is_about_a_person(entry: Entry) -> None:
    assert not [key for key in entry.logged_keys - NOT_PERSONAL if PERSONAL.search(key)]
    assert not entry.timeline_keys & entry.logged_keys


@ENTRIES
def test_a_sentence_without_any_detail_is_still_whole(entry: Entry) -> None:
    said = sentence(entry.name, {})

    assert said
    assert not set("[]{}") & set(said)


# ------------------------------------------------------------------------------------------------------------ reading


def test_a_sentence_shows_what_is_known_and_leaves_out_the_rest() -> None:
    known = {"status": "generated", "previous": "completed", "student_part": None}

    assert sentence("contract.changed", known) == "CACTUS : complet → généré"
    assert sentence("contract.changed", {"status": "generated"}) == "CACTUS : généré"
    assert sentence("contract.held", {"codes": ["SIRET_INVALID", "MENTOR_MISSING"]}) == (
        "Contrat retenu : SIRET_INVALID, MENTOR_MISSING"
    )


def test_a_value_with_braces_is_shown_as_it_is() -> None:
    assert sentence("contract.released", {"reason": "{error} [demain]"}) == "Relâché à la main : {error} [demain]"


def test_an_unknown_event_is_shown_by_its_name() -> None:
    assert sentence("contract.invented", {"status": "x"}) == "contract.invented"


def test_an_unknown_word_is_shown_as_it_came() -> None:
    assert sentence("contract.status_unknown", {"status": "en_orbite"}) == "CACTUS emploie un état inconnu : en_orbite"


@pytest.mark.parametrize(
    ("key", "word"),
    [
        *(("step", word) for word in Step),
        *(("status", word) for word in RemoteStatus),
        *(("role", word) for word in Role),
        *(("kind", word) for word in DocumentKind),
        *(("letter", word) for word in Event),
        *(("state", word) for word in NotificationState),
    ],
)
def test_every_word_of_the_procedure_has_a_french_one(key: str, word: str) -> None:
    assert "_" not in spoken(key, word)
    assert "." not in spoken(key, word)
    assert spoken(key, word) != word or word == DocumentKind.CONVENTION


def test_yes_no_numbers_and_lists_are_said_in_french() -> None:
    said = [spoken("is_found", True), spoken("is_found", False), spoken("count", 3), spoken("role", ("student",))]

    assert said == ["oui", "non", "3", "étudiant"]


def test_check_accepts_what_the_catalogue_has() -> None:
    check("contract.released", {"mission_id", "step", "reason"})
    check("letter.sent", ALWAYS_KEPT)


def test_check_names_an_unknown_event() -> None:
    with pytest.raises(Uncatalogued, match=r"contract\.invented"):
        check("contract.invented", ())


def test_check_names_unknown_keys() -> None:
    with pytest.raises(Uncatalogued, match=r"letter\.sent has no such keys.*: body, student_email"):
        check("letter.sent", {"letter", "student_email", "body"})


def test_a_log_may_not_carry_what_only_a_timeline_keeps() -> None:
    assert "reason" in CATALOGUE["contract.released"].known_keys
    assert "reason" not in loggable("contract.released")
    assert loggable("contract.invented") == ALWAYS_KEPT


def test_a_recording_log_refuses_what_production_would_drop() -> None:
    log = RecordingLog()
    log.info("contract.initialised", mission_id="M1", contract_id="C1")

    with pytest.raises(Uncatalogued):
        log.info("contract.initialised", student_email="x")
    with pytest.raises(AssertionError, match="is info in the catalogue, not error"):
        log.error("contract.initialised")
    with pytest.raises(AssertionError, match="in a timeline, not in a log"):
        log.info("contract.released", reason="x")

    assert log.events() == ["contract.initialised"]
    assert log.of("contract.initialised") == [{"mission_id": "M1", "contract_id": "C1"}]


def test_what_happened_to_a_contract_is_logged_as_loud_as_the_catalogue_says() -> None:
    log = RecordingLog()

    log_happening(log, "letter.failed", {"event": "decision.favourable", "role": "student"}, mission_id="M1")
    log_happening(log, "contract.released", {"reason": "vu avec Camille", "step": "held"}, mission_id="M2", took_ms=3)

    assert log.of("letter.failed") == [{"mission_id": "M1", "letter": "decision.favourable", "role": "student"}]
    assert log.of("contract.released") == [{"mission_id": "M2", "step": "held", "took_ms": 3}]


# --------------------------------------------------------------------------------------------------------- the source


class Use:
    """A place in the source that names an event: a log call, or an entry of a timeline."""

    def __init__(self, path: Path, node: ast.Call, event: str, keys: set[str], level: str | None) -> None:
        self.where = f"{path.relative_to(SYNCD.parent)}:{node.lineno}"
        self.event, self.keys, self.level = event, keys, level


def _uses() -> Iterator[Use]:
    for path in sorted(SYNCD.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (use := _log_call(path, node) or _timeline_entry(path, node)) is not None:
                yield use


def _log_call(path: Path, node: ast.Call) -> Use | None:
    """`log.info("a.b", key=…)`, `self._log.error(…)`: a method named as a level, of something named as a log."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
        return None
    event = _text(node.args[0]) if node.args else None
    if not ast.unparse(node.func.value).endswith("log") or event is None:
        return None
    keys = {keyword.arg for keyword in node.keywords if keyword.arg is not None} - {"exc_info"}
    return Use(path, node, event, keys, node.func.attr)


def _timeline_entry(path: Path, node: ast.Call) -> Use | None:
    """`TimelineEntry(event="a.b", detail={"key": …})`."""
    if not (isinstance(node.func, ast.Name) and node.func.id == "TimelineEntry"):
        return None
    arguments = {keyword.arg: keyword.value for keyword in node.keywords}
    event, detail = _text(arguments.get("event")), arguments.get("detail")
    if event is None:
        return None
    keys = map(_text, detail.keys if isinstance(detail, ast.Dict) else [])
    return Use(path, node, event, {key for key in keys if key is not None}, None)


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_event_and_key_in_the_source_is_in_the_catalogue() -> None:
    mistakes = []
    for use in _uses():
        entry = CATALOGUE.get(use.event)
        if entry is None:
            mistakes.append(f"{use.where}: {use.event} is not in the catalogue")
            continue
        allowed = entry.logged_keys if use.level is not None else entry.known_keys
        mistakes += [f"{use.where}: {use.event} may not carry {key}" for key in sorted(use.keys - allowed)]
        if use.level not in (None, str(entry.level)):
            mistakes.append(f"{use.where}: {use.event} is {entry.level} in the catalogue, not {use.level}")

    assert mistakes == []


FORESEEN = {
    "mission.skipped", "contract.asked", "contract.read", "contract.brake_applied", "letter.sent", "letter.deferred",
    "letter.failed", "letter.unknown", "guard.approved", "replica.started", "replica.stopped", "replica.rescued",
    "config.loaded",
}  # fmt: skip
"""Events that the dashboard or a timeline waits for and no room writes yet."""


def test_every_event_of_the_catalogue_is_written_somewhere() -> None:
    catalogue = SYNCD / "events" / "catalogue.py"
    source = "".join(path.read_text(encoding="utf-8") for path in SYNCD.rglob("*.py") if path != catalogue)

    assert {name for name in CATALOGUE if f'"{name}"' not in source} <= FORESEEN
