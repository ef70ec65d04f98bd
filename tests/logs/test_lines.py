"""What a line says, and what it never says of a person."""

import io
import json
from pathlib import Path
from typing import cast

import structlog
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Transient
from syncd.logs import configure_logs, get_log
from syncd.logs.cleaning import _MASK, _NIR, keep_catalogued
from syncd.logs.configuration import _as_json
from tests.logs.page import SECRET, Page

# ------------------------------------------------------------------------------------------------------- what is said


def test_a_line_is_one_json_document_with_its_instant_level_and_event_first() -> None:
    page = Page()

    page.log.info("contract.initialised", mission_id="M-1", contract_id="C-1", took_ms=182)

    line = page.line()
    assert list(line) == ["timestamp", "level", "event", "mission_id", "contract_id", "took_ms"]
    assert str(line["timestamp"]).endswith("Z")
    assert (line["level"], line["event"], line["took_ms"]) == ("info", "contract.initialised", 182)


def test_less_important_events_are_left_out() -> None:
    page = Page("warning")

    page.log.info("contract.initialised")
    page.log.warning("contract.failed", error="down")

    assert page.line()["event"] == "contract.failed"


def test_configuring_again_changes_the_logs_that_are_already_held() -> None:
    held = Page("error").log

    page = Page("debug")
    held.debug("contract.read", status="generated")

    assert page.line()["level"] == "debug"


def test_accents_stay_readable_and_lone_surrogates_stay_json() -> None:
    page = Page()

    page.log.info("contract.changed", status="clôturé \udc80")

    assert page.line()["status"] == "clôturé \ufffd"
    assert "clôturé" in page.text.getvalue()


@given(said=st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False), st.lists(st.text())))
def test_a_line_is_written_byte_for_byte_as_the_encoder_writes_the_whole(said: object) -> None:
    line = {"event": "contract.failed", "said": said, "attempts": 2}

    assert _as_json(None, "warning", line) == json.dumps(line, ensure_ascii=False)


def test_lists_of_words_are_kept() -> None:
    page = Page()

    page.log.warning("contract.held", codes=("SIRET_INVALID", "MENTOR_MISSING"))

    assert page.line()["codes"] == ["SIRET_INVALID", "MENTOR_MISSING"]


def test_for_eyes_a_line_has_no_json_and_no_control_characters() -> None:
    text = io.StringIO()
    configure_logs("info", "console", text)

    get_log().info("contract.changed", status="\x1b[2Jgone")

    assert "contract.changed" in text.getvalue()
    assert "{" not in text.getvalue()
    assert "\x1b" not in text.getvalue()


# -------------------------------------------------------------------------------------------------- what is never said


def test_i8_a_key_that_the_catalogue_does_not_have_is_dropped_and_counted() -> None:
    page = Page()

    page.log.info("contract.initialised", mission_id="M-1", student_email=SECRET, to=SECRET)

    line = page.line()
    assert set(line) == {"timestamp", "level", "event", "mission_id", "unknown_keys"}
    assert line["unknown_keys"] == 2


def test_i8_a_value_that_is_not_plain_is_dropped_and_counted() -> None:
    page = Page()

    page.log.info("contract.changed", status=cast("str", {"email": SECRET}), previous=cast("str", Path(SECRET)))

    assert page.line()["unknown_keys"] == 2
    assert SECRET not in page.text.getvalue()


def test_i8_what_looks_like_an_address_or_a_social_security_number_is_masked() -> None:
    page = Page()

    page.log.warning("contract.failed", error=f"user <{SECRET}> of 2 85 07 78 006 084 36, SIRET 13001533200013")

    assert page.line()["error"] == "user <[masked]> of [masked], SIRET 13001533200013"


@given(said=st.one_of(st.text(alphabet="12345 .x٣", max_size=24), st.from_regex(_NIR, fullmatch=True)))
def test_i8_no_social_security_number_is_too_short_to_be_masked(said: str) -> None:
    line = keep_catalogued(None, "warning", {"event": "contract.failed", "error": said})

    assert line["error"] == _NIR.sub(_MASK, said)


def test_i8_a_url_keeps_no_credentials() -> None:
    page = Page()

    page.log.warning("missions.unreachable", error="postgresql://reader:hunter2@db/fvma")

    assert "hunter2" not in page.text.getvalue()


def test_i8_a_long_text_is_cut() -> None:
    page = Page()

    page.log.warning("contract.failed", error="x" * 10_000_000)

    assert len(str(page.line()["error"])) == 300


def test_i8_an_unknown_event_that_is_a_sentence_keeps_nothing_of_it() -> None:
    page = Page()

    sentence = f"sent to {SECRET}"
    page.log.info(sentence, mission_id="M-1")
    page.log.info("contract.invented", status="x", mission_id="M-2")

    first, second = page.lines()
    assert (first["event"], first["mission_id"]) == ("log.dropped", "M-1")
    assert (second["event"], second["mission_id"], second["unknown_keys"]) == ("contract.invented", "M-2", 1)


def test_i8_of_a_foreign_error_only_its_type_and_place_are_written() -> None:
    page = Page()

    try:
        raise ValueError(f"duplicate key ({SECRET})")
    except ValueError as error:
        page.log.error("contract.crashed", exc_info=error)

    line = page.line()
    assert line["exception"] == "ValueError"
    assert str(line["place"]).startswith("test_lines.py:")
    assert "error" not in line
    assert SECRET not in page.text.getvalue()


def test_our_own_error_is_written_with_its_message_and_the_types_of_its_causes() -> None:
    page = Page()

    try:
        try:
            raise OSError(SECRET)
        except OSError as cause:
            raise Transient("CACTUS is unreachable") from cause
    except Transient as error:
        page.log.warning("contract.failed", exc_info=error)

    line = page.line()
    assert (line["error"], line["exception"]) == ("CACTUS is unreachable", "Transient from OSError")


def test_of_a_group_of_errors_the_first_is_named() -> None:
    page = Page()

    page.log.error("contract.crashed", exc_info=ExceptionGroup("tasks", [ExceptionGroup("more", [KeyError(SECRET)])]))

    assert page.line()["exception"] == "ExceptionGroup from ExceptionGroup from KeyError"


def test_an_error_that_is_being_handled_can_be_pointed_at() -> None:
    page = Page()

    try:
        raise KeyError(SECRET)
    except KeyError:
        structlog.get_logger().exception("contract.crashed")

    assert (page.line()["level"], page.line()["exception"]) == ("error", "KeyError")
