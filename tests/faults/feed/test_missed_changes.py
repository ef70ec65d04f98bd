"""Q03, Q04: what CACTUS puts behind our place in its feed, or leaves out of it, is found within a day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import OutcomeUnknown, Transient
from syncd.jobs.compare import compare_when_due
from syncd.model import ContractId, Step
from syncd.ports.cactus import FeedPage
from tests.faults.upgrade.passes import whole_pass
from tests.jobs.workshop import Workshop, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import mission

CONTRACT = ContractId("MOCK-1")
AN_HOUR = timedelta(hours=1)


class FeedWithGaps(MockCactus):
    """Puts changes behind the places in its feed that it has given: who reads on misses them."""

    hides_changes = False

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:
        """Return the changes, without those that came to stand behind this place."""
        page = await super().changes(after, limit=limit)
        return replace(page, items=()) if self.hides_changes and after is not None else page


class ForgetfulFeed(MockCactus):
    """Never says anything in its feed."""

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:  # noqa: ARG002 - the port's shape
        """Say nothing."""
        return FeedPage(items=(), cursor=after or "0", has_more=False)


async def days_pass(workshop: Workshop) -> None:
    """Do a whole pass every few hours, for a day and a little."""
    for _ in range(6):
        workshop.clock.advance(5 * AN_HOUR)
        await whole_pass(workshop.works)


async def to_done(workshop: Workshop) -> None:
    """Bring the first mission to its end."""
    workshop.rows.put(mission(1))
    await whole_pass(workshop.works)
    hands: tuple[Callable[[ContractId], object], ...] = (
        workshop.cactus.fill_student, workshop.cactus.fill_company, workshop.cactus.generate,
    )  # fmt: skip
    for hand in hands:
        hand(CONTRACT)
        workshop.clock.advance(AN_HOUR)
        await whole_pass(workshop.works)
    assert await workshop.step(1) is Step.DONE


async def test_q03_a_reopening_that_was_put_behind_our_place_is_found_within_a_day(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = FeedWithGaps(clock)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await to_done(workshop)
        cactus.hides_changes = True
        cactus.reopen(CONTRACT)

        await whole_pass(workshop.works)
        at_first = await workshop.step(1)
        await days_pass(workshop)

        assert at_first is Step.DONE
        assert await workshop.step(1) is Step.AWAITING_STUDENT
        assert "contract.reopened" in [letter.event for letter in (await workshop.view(1)).letters]


async def test_q03_where_the_feed_says_nothing_each_contract_that_awaits_somebody_is_read_within_a_day(
    tmp_path: Path,
) -> None:
    clock = FixedClock(NOW)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=ForgetfulFeed(clock)) as workshop:
        workshop.rows.put(mission(1))
        await whole_pass(workshop.works)
        workshop.cactus.fill_student(CONTRACT)

        await days_pass(workshop)

        assert await workshop.step(1) is Step.AWAITING_COMPANY


async def test_a_feed_that_agrees_is_compared_at_no_write_and_no_request(tmp_path: Path) -> None:
    async with open_workshop(tmp_path, tmp_path) as workshop:
        await to_done(workshop)
        before = await workshop.view(1)
        assert await compare_when_due(workshop.works) is None
        workshop.clock.advance(timedelta(days=1))

        compared = await compare_when_due(workshop.works)
        again = await compare_when_due(workshop.works)

        assert (compared, again) == (0, None)
        assert await workshop.view(1) == before


@pytest.mark.parametrize("error", [Transient("away", is_general=True), OutcomeUnknown("no answer")], ids=type)
async def test_a_comparison_that_was_cut_short_is_made_again_within_the_hour(tmp_path: Path, error: Exception) -> None:
    async with open_workshop(tmp_path, tmp_path) as workshop:
        await to_done(workshop)
        await compare_when_due(workshop.works)
        workshop.clock.advance(timedelta(days=1))
        workshop.cactus.faults.failure = error  # type: ignore[assignment]
        with pytest.raises(type(error)):
            await compare_when_due(workshop.works)
        workshop.cactus.faults.failure = None

        workshop.clock.advance(timedelta(minutes=31))

        assert await compare_when_due(workshop.works) == 0
