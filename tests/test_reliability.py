"""docs/reliability.md is checked: each row of its catalogue has a test with its id, and whatever it names exists."""

import re
from functools import cache

from tests.test_structure import ROOT, python_files

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| ([CRQTPBLMO]\d\d) \|", re.MULTILINE)
_OF_A_ROW = re.compile(r"^test_([crqtpblmo]\d\d)_")


@cache
def names_of_tests() -> frozenset[str]:
    """Return the names of all test functions."""
    defined = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)
    return frozenset(
        name for path in python_files("tests/") for name in defined.findall(path.read_text(encoding="utf-8"))
    )


def test_every_row_of_the_catalogue_has_a_test_that_carries_its_id() -> None:
    tested = {found[1].upper() for name in names_of_tests() if (found := _OF_A_ROW.match(name))}

    assert set(_ROW.findall(PAGE)) - tested == set()


def test_every_test_of_a_row_has_its_row_in_the_catalogue() -> None:
    tested = {found[1].upper() for name in names_of_tests() if (found := _OF_A_ROW.match(name))}

    assert tested - set(_ROW.findall(PAGE)) == set()


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))

    assert named
    assert named - names_of_tests() == set()


def test_every_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
