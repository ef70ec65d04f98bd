"""Plants bugs one after another, and says of each whether it was caught."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.seeded_bugs.bug import Bug, DoesNotApplyError
from tests.faults.seeded_bugs.nursery import Ending, Nursery


class Fate(StrEnum):
    """What became of a bug."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    UNCLEAR = "unclear"
    """The catchers broke instead of failing, or the bug could not be planted: nobody can say that it is noticed."""


_FATES = {Ending.FAILED: Fate.CAUGHT, Ending.PASSED: Fate.SURVIVED, Ending.BROKE: Fate.UNCLEAR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one bug, and by which test."""

    name: str
    fate: Fate
    by: str
    took_s: float


class CatchersAreBrokenError(Exception):
    """A catcher fails although nothing is planted."""


def check_catchers(nursery: Nursery, bugs: Sequence[Bug]) -> None:
    """Return when all catchers of these bugs pass on the product as it is.

    Raises:
        CatchersAreBrokenError: one does not.
    """
    run = nursery.run(sorted({catcher for bug in bugs for catcher in bug.catchers}))
    if run.ending is not Ending.PASSED:
        raise CatchersAreBrokenError(run.by)


def plant(nursery: Nursery, bug: Bug) -> Result:
    """Plant one bug, and see who notices."""
    try:
        with nursery.planted(bug):
            run = nursery.run(bug.catchers)
    except DoesNotApplyError as error:
        return Result(name=bug.name, fate=Fate.UNCLEAR, by=f"it is to be written anew: {error}", took_s=0.0)
    return Result(name=bug.name, fate=_FATES[run.ending], by=run.by, took_s=run.took_s)


def plant_all(nursery: Nursery, bugs: Sequence[Bug], tell: Callable[[Result], None]) -> list[Result]:
    """Plant one bug after another; each result is told as soon as it is known."""
    results = []
    for bug in bugs:
        results.append(plant(nursery, bug))
        tell(results[-1])
    return results
