"""R12: too many requests, said in every way there is: the whole adapter slows down, and nobody is to blame."""

from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.faults.remote.counter import HONEST, Fate
from tests.faults.remote.registry import is_creation
from tests.faults.remote.rig import Rig, open_rig
from tests.jobs.workshop import id_of
from tests.support.facts import NOW
from tests.world.remote import Answer, Request

COUNT, CONCURRENCY = 16, 4
USUAL_REST_S = 30.0


def on(seconds: float) -> str:
    """Return a moment as HTTP writes it."""
    return format_datetime((NOW + timedelta(seconds=seconds)).astimezone(UTC), usegmt=True)


FORMS: dict[str, tuple[str | None, float]] = {
    "seconds": ("120", 120.0),
    "no seconds": ("0", 1.0),
    "a date": (on(90), 90.0),
    "a date of old": ("Tuesday, 10-Jun-25 08:02:00 GMT", 120.0),
    "a date that is past": (on(-86_400), 1.0),
    "a date in ten years": (on(315_360_000), 3_600.0),
    "negative": ("-5", 1.0),
    "ten years": ("315360000", 3_600.0),
    "more digits than a number has": ("9" * 5_000, 3_600.0),
    "garbage": ("after lunch", USUAL_REST_S),
    "a fraction": ("1.5", USUAL_REST_S),
    "a date that is none": ("Tue, 32 Jun 2025 08:00:00 GMT", USUAL_REST_S),
    "nothing": ("", USUAL_REST_S),
    "no header": (None, USUAL_REST_S),
}
"""What is said, and how many seconds everybody rests."""


class Limit:
    """Refuses one request after so many, in these words."""

    def __init__(self, value: str | None, *, after: int) -> None:
        headers = {} if value is None else {"Retry-After": value}
        self._answer = Answer(429, b"", headers)
        self._left = after

    def __call__(self, request: Request, _nth: int) -> Fate:
        """Decide over a request."""
        if not is_creation(request):
            return HONEST
        self._left -= 1
        return Fate(instead=self._answer, after=None) if self._left == 0 else HONEST


async def attempts(rig: Rig) -> set[int]:
    """Return how often contracts failed by themselves."""
    views = [await rig.first.view(number) for number in range(1, COUNT + 1)]
    return {view.facts.attempts for view in views}


@pytest.mark.parametrize(("value", "rest_s"), FORMS.values(), ids=FORMS.keys())
async def test_r12_one_refusal_slows_everybody_for_as_long_as_it_says(
    tmp_path: Path, value: str | None, rest_s: float
) -> None:
    async with open_rig(tmp_path, Limit(value, after=6), concurrency=CONCURRENCY) as rig:
        await rig.discover(*range(1, COUNT + 1))
        await rig.work()
        asked = len(rig.desk.turn_the_page())
        state = await rig.first.gate_state()
        blamed = await attempts(rig)

        await rig.live(timedelta(seconds=rest_s - 0.5), shortest=timedelta(seconds=rest_s / 4), feed=True)
        meanwhile = rig.desk.turn_the_page()
        await rig.live(timedelta(seconds=5))

        assert 6 <= asked <= 6 + CONCURRENCY
        assert state.closed_until == NOW + timedelta(seconds=rest_s)
        assert meanwhile == []
        assert blamed == {0}
        assert await rig.are_initialised(COUNT)
        assert rig.registry.duplicates() == {}
        assert {len(rig.registry.asked_at[id_of(n)]) for n in range(1, COUNT + 1)} <= {1, 2}


async def test_r12_a_limit_that_never_says_how_long_is_asked_at_the_usual_pace(tmp_path: Path) -> None:
    """No harder than an outage: one question in thirty seconds."""
    limited = Fate(instead=Answer(429, b"slow down"), after=None)
    async with open_rig(tmp_path, lambda _request, _nth: limited, concurrency=CONCURRENCY) as rig:
        await rig.discover(*range(1, COUNT + 1))
        await rig.work()
        rig.desk.turn_the_page()

        await rig.live(timedelta(minutes=5), shortest=timedelta(seconds=1), longest=timedelta(seconds=15), feed=True)

        assert len(rig.desk.turn_the_page()) <= 10
        assert await attempts(rig) == {0}
