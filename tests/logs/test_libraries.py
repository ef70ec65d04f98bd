"""What libraries and the interpreter say, passed on without their texts."""

import logging
import sys
import threading
import warnings

import pytest

from syncd.logs.libraries import capture_crashes
from tests.logs.page import SECRET, Page


def test_o05_debug_level_shows_no_more_of_a_person() -> None:
    page = Page("debug")

    logging.getLogger("sqlalchemy.engine").debug("INSERT … %s", SECRET)
    logging.getLogger("httpx").info("GET %s", SECRET)
    logging.getLogger("unheard.of").info("hello %s", SECRET)
    page.log.debug("contract.read", status="generated", student_email=SECRET)

    assert page.line()["event"] == "contract.read"
    assert SECRET not in page.text.getvalue()


@pytest.mark.parametrize(
    "name", ["uvicorn.error", "sqlalchemy.pool", "aiohttp.client", "asyncio", "alembic", "unheard.of"]
)
def test_i8_a_librarys_warning_is_passed_on_without_its_text(name: str) -> None:
    page = Page()

    logging.getLogger(name).warning("cannot send %s", SECRET)

    line = page.line()
    assert (line["event"], line["library"], line["severity"]) == ("library.warned", name, "warning")
    assert str(line["place"]).startswith("test_libraries:")
    assert SECRET not in page.text.getvalue()


def test_i8_a_librarys_error_names_the_type_behind_it() -> None:
    page = Page()

    try:
        raise ConnectionError(SECRET)
    except ConnectionError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved: %s", SECRET)

    line = page.line()
    assert (line["level"], line["severity"], line["exception"]) == ("warning", "error", "ConnectionError")
    assert SECRET not in page.text.getvalue()


def test_a_python_warning_is_passed_on_without_its_text() -> None:
    page = Page()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(SECRET, stacklevel=1)
        logging.captureWarnings(False)

    assert page.line()["library"] == "py.warnings"
    assert SECRET not in page.text.getvalue()


def test_i8_an_error_that_nobody_caught_is_one_line_without_its_text() -> None:
    page = Page()
    capture_crashes(page.log)

    thread = threading.Thread(target=lambda: int(SECRET))
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(SECRET), None)

    assert [line["exception"] for line in page.lines()] == ["ValueError", "ValueError"]
    assert {line["event"] for line in page.lines()} == {"daemon.crashed"}
    assert SECRET not in page.text.getvalue()
