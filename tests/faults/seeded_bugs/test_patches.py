"""The bugs apply, their catchers exist, and the mechanism tells a bug from a harmless change."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.faults.seeded_bugs.bug import Bug, DoesNotApplyError, Edit
from tests.faults.seeded_bugs.catalogue import BUGS
from tests.faults.seeded_bugs.nursery import ROOT, Nursery, open_nursery
from tests.faults.seeded_bugs.planting import CatchersAreBrokenError, Fate, check_catchers, plant
from tests.support.scale import Amount, Figures

ASKED_FOR = {
    "naive push", "outbox in its own transaction", "no fencing", "random key", "id > cursor", "swallowed cancellation",
    "default BEGIN", "no wait for a late apply", "refused recipients ignored", "cursor saved before the rows",
    "notification key without its cause", "attempts counted after the work", "document row before its file",
    "hold that hides its second reason", "resync that skips the guard",
}  # fmt: skip
SHARDS = 2
IN_THE_PROCEDURE = "syncd/procedure.py"
CATCHER = "tests/test_procedure.py::test_r02_the_key_is_the_same_for_ever_and_another_one_after_a_refusal"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Give a copy of the checkout."""
    with open_nursery() as opened:
        yield opened


def bug_of(old: str, new: str, *catchers: str) -> Bug:
    """Return a bug in the procedure."""
    edit = Edit(path=IN_THE_PROCEDURE, old=old, new=new)
    return Bug(name="of this test", story="", edits=(edit,), catchers=catchers or (CATCHER,))


# ------------------------------------------------------------------------------------------------------- the catalogue


def test_every_bug_that_was_asked_for_is_there_and_has_a_name_of_its_own() -> None:
    names = [bug.name for bug in BUGS]

    assert set(names) >= ASKED_FOR
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_applies_to_the_product_as_it_is_and_gives_code_that_compiles(bug: Bug) -> None:
    for path, text in bug.applied(ROOT).items():
        compile(text, str(path), "exec")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_catcher_exists(bug: Bug) -> None:
    for catcher in bug.catchers:
        file, _, name = catcher.partition("::")
        assert name in names_in(ROOT / file), catcher


@cache
def names_in(file: Path) -> frozenset[str]:
    """Return the names of the tests in a file."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# ------------------------------------------------------------------------------------------------------- the mechanism


def test_a_text_that_is_not_there_once_is_refused() -> None:
    for old in ("nobody wrote this", "Facts"):
        with pytest.raises(DoesNotApplyError):
            bug_of(old, "").applied(ROOT)


def test_a_harmless_change_survives_and_leaves_no_trace(nursery: Nursery) -> None:
    harmless = bug_of(
        'return str(uuid5(_KEYS, f"{ask_round}:{mission_id}"))',
        "return f\"{uuid5(_KEYS, f'{ask_round}:{mission_id}')}\"",
    )

    survived = plant(nursery, harmless)

    assert survived.fate is Fate.SURVIVED
    check_catchers(nursery, [harmless])
    assert (ROOT / IN_THE_PROCEDURE).read_text().count("return str(uuid5(_KEYS") == 1


def test_a_change_that_only_breaks_an_import_is_not_caught(nursery: Nursery) -> None:
    assert plant(nursery, bug_of("from uuid import UUID, uuid5", "from uuid import UUID, uuid9")).fate is Fate.UNCLEAR


def test_catchers_that_fail_by_themselves_catch_nothing(nursery: Nursery) -> None:
    broken = bug_of("uuid5(_KEYS", "uuid5(_KEYS", "tests/test_procedure.py::test_that_nobody_wrote")

    with pytest.raises(CatchersAreBrokenError):
        check_catchers(nursery, [broken])


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_bugs_are_caught(nursery: Nursery, amount: Amount, figures: Figures, shard: int) -> None:
    bugs = BUGS[shard::SHARDS]
    bugs = bugs[: amount(quick=1, deep=len(bugs))]
    check_catchers(nursery, bugs)

    fates = {bug.name: plant(nursery, bug) for bug in bugs}

    figures.note("seeded bugs", planted=len(bugs), caught=sum(r.fate is Fate.CAUGHT for r in fates.values()))
    assert {name: result.by for name, result in fates.items() if result.fate is not Fate.CAUGHT} == {}
