"""The full comparison: what ledger and CACTUS do not agree on is named and looked at again."""

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import CursorExpired, Transient
from syncd.jobs.compare import Comparison, compare
from syncd.jobs.discover import discover
from syncd.model import ContractId, HoldCode, Step
from syncd.ports.cactus import FeedPage
from tests.jobs.workshop import POLICY, Workshop, id_of, numbered, open_workshop
from tests.support.facts import FEEDLESS
from tests.world.missions import mission


@pytest.fixture
async def settled(workshop: Workshop) -> Workshop:
    """Three contracts that ledger, store and CACTUS agree on."""
    workshop.rows.put(*(mission(number) for number in range(1, 4)))
    await discover(workshop.works.missions, workshop.ledger, workshop.clock)
    await workshop.works.advancer.drain()
    return workshop


async def kinds(workshop: Workshop) -> dict[str, str | None]:
    """Compare, and return each difference by its kind."""
    found = await compare(workshop.works)
    return {difference.kind: difference.mission_id for difference in found.differences}


def contract_id(number: int) -> ContractId:
    """Return what the mock called a contract."""
    return ContractId(f"MOCK-{number}")


async def test_where_all_agree_there_is_no_difference(settled: Workshop) -> None:
    told: list[tuple[str, int]] = []

    found = await compare(settled.works, tell=lambda what, count: told.append((what, count)))

    assert (found.differences, found.remote_read, found.store.missing) == ((), 3, ())
    assert told == [("store", 3), ("cactus", 3)]


async def test_a_change_that_the_feed_told_and_nobody_read_is_found_and_looked_at(settled: Workshop) -> None:
    settled.cactus.fill_student(contract_id(2))
    settled.cactus.say_status(contract_id(2), "initialised")  # the status word is the same, a part is not

    found = await kinds(settled)
    await settled.works.advancer.drain()

    assert found == {"state": id_of(2)}
    assert await settled.step(2) is Step.AWAITING_COMPANY


async def test_a_contract_that_cactus_no_longer_lists_is_asked_for_by_itself(settled: Workshop) -> None:
    settled.cactus.forget(contract_id(3))

    found = await kinds(settled)
    await settled.works.advancer.drain()

    assert found == {"missing_contract": id_of(3)}
    assert (await settled.view(3)).row.hold_codes == (HoldCode.REMOTE_MISSING,)


async def test_a_contract_that_nobody_asked_for_is_named(settled: Workshop) -> None:
    await settled.cactus.initialise(numbered(77), key="by hand")

    assert await kinds(settled) == {"unknown_contract": id_of(77)}


async def test_another_contract_under_our_reference_is_named(settled: Workshop) -> None:
    other = replace((await settled.cactus.changes(None, limit=1)).items[0], contract_id=ContractId("other"))
    settled.cactus._keep(other)

    assert await kinds(settled) == {"other_contract": id_of(1)}


async def test_b07_a_contract_that_a_restored_ledger_forgot_is_named_while_it_is_held(
    settled: Workshop,
) -> None:
    settled.rows.put(mission(4, student_number=mission(1)["student_number"]))
    await settled.cactus.initialise(numbered(4), key="before the restore")

    found = await kinds(settled)
    await settled.works.advancer.drain()

    assert found == {"other_contract": id_of(4)}
    assert (await settled.view(4)).row.hold_codes == (HoldCode.DUPLICATE_ACTIVE_CONTRACT,)


async def test_without_a_feed_every_contract_is_read_at_the_next_pass(tmp_path: Path) -> None:
    policy = replace(FEEDLESS, patience=POLICY.patience)
    async with open_workshop(tmp_path, tmp_path, policy=policy) as workshop:
        workshop.rows.put(mission(1), mission(2))
        await discover(workshop.works.missions, workshop.ledger, workshop.clock)
        await workshop.works.advancer.drain()
        workshop.cactus.fill_student(contract_id(1))

        found: Comparison = await compare(workshop.works)
        await workshop.works.advancer.drain()

        assert (found.remote_read, found.differences) == (2, ())
        assert await workshop.step(1) is Step.AWAITING_COMPANY


@pytest.mark.parametrize("forgets", ["its beginning", "every place in it"])
async def test_a_feed_that_cannot_be_read_through_is_a_trouble_and_no_endless_loop(
    settled: Workshop, forgets: str
) -> None:
    class NoFeed(MockCactus):
        asked = 0

        async def changes(self, after: str | None, *, limit: int) -> FeedPage:  # noqa: ARG002 - the port's shape
            self.asked += 1
            assert self.asked < 10, "it goes on for ever"
            if after is None and forgets != "its beginning":
                return FeedPage(items=(), cursor="somewhere", has_more=True)
            raise CursorExpired("gone")

    works = replace(settled.works, cactus=NoFeed(settled.clock))

    with pytest.raises(Transient, match="beginning"):
        await compare(works)
