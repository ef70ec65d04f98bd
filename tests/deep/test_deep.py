"""The runner of the long suites: it forgets nothing, repeats nothing, and judges coverage by its word."""

from pathlib import Path
from typing import Any

import pytest

from tests.deep.__main__ import ROOT, state_of_the_files
from tests.deep.coverage import WHOLLY, judge
from tests.deep.parts import PARTS

MOST_MINUTES = 150


def test_every_suite_of_faults_belongs_to_one_part() -> None:
    folders = {f"tests/faults/{folder.name}" for folder in (ROOT / "tests" / "faults").iterdir() if _has_tests(folder)}

    named = [tests for part in PARTS for tests in part.tests]

    assert len(named) == len(set(named))
    assert folders - {"tests/faults/soak"} == set(named)  # the hour of soaking is `make deep-soak`


def test_the_parts_fit_the_time() -> None:
    assert sum(part.minutes for part in PARTS) <= MOST_MINUTES


@pytest.mark.parametrize(
    ("file", "is_due"),
    [
        ("syncd/a.py", True),
        ("requirements-dev.lock", True),
        ("tests/support/clock.py", True),
        ("tests/faults/mail/test_own.py", True),
        ("tests/faults/crash/test_another.py", False),
        ("README.md", False),
    ],
)
def test_a_part_is_due_again_when_what_it_depends_on_has_changed(file: str, is_due: bool, tmp_path: Path) -> None:
    (mail,) = (part for part in PARTS if part.name == "mail")
    for name in ("syncd/a.py", "pyproject.toml", "requirements-dev.lock", "tests/b.py", file):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("1")
    before = state_of_the_files(tmp_path, mail)

    (tmp_path / file).write_text("2")

    assert (state_of_the_files(tmp_path, mail) != before) is is_due


def test_full_coverage_is_accepted() -> None:
    assert list(judge(_measured())) == []


def test_one_branch_that_is_not_covered_is_a_fault() -> None:
    measured = _measured()
    measured["files"]["syncd/procedure.py"]["missing_branches"] = [[12, 15]]

    assert list(judge(measured)) == ["syncd/procedure.py: not covered: 12->15"]


def test_a_room_that_was_not_measured_is_a_fault() -> None:
    measured = _measured()
    del measured["files"]["syncd/procedure.py"]

    assert list(judge(measured)) == ["syncd/procedure.py: not measured"]


def test_too_little_of_the_whole_is_a_fault() -> None:
    assert list(judge(_measured(percent=94.9))) == ["94.90 % of the branches are covered, 95.0 % are wanted"]


def _measured(percent: float = 96.0) -> dict[str, Any]:
    files = [f"{name}ledger.py" if name.endswith("/") else name for name in WHOLLY]
    return {
        "files": {file: {"missing_lines": [], "missing_branches": []} for file in files},
        "totals": {"percent_covered": percent},
    }


def _has_tests(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("test_*.py"))
