"""R01 to R05: whatever became of a request, its contract is made once, whether the remote honours keys or not."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from syncd.errors import OutcomeUnknown
from tests.faults.remote.counter import HONEST, TROUBLES, Decide, Fate, Said
from tests.faults.remote.registry import AT_ONCE, is_creation, reference_of
from tests.faults.remote.rig import KINDS, PROCESSING_TIME, SOON_OVER, Rig, open_rig
from tests.jobs.workshop import id_of, numbered
from tests.world.remote import Request

KEYS = pytest.mark.parametrize("honours_keys", KINDS, ids=KINDS.values())
A_LONG_TIME = 3 * PROCESSING_TIME
NUMBERS = range(1, len(TROUBLES) + 1)
"""One mission for each trouble."""


def first_meets(*fates: Fate) -> Decide:
    """The first request for each mission meets the fate of its number; everything else goes well."""
    by_reference = {id_of(number): fate for number, fate in enumerate(fates, start=1)}

    def decide(request: Request, nth: int) -> Fate:
        return by_reference[reference_of(request)] if nth == 1 else HONEST  # type: ignore[index]

    return decide


def each_trouble(*, after: timedelta | None) -> Iterable[Fate]:
    """Return every trouble, with the work done then."""
    return [Fate(said=said, after=after, status=504) for said in TROUBLES]


def gaps(rig: Rig) -> list[float]:
    """Return the seconds between two requests for one mission, wherever there were two."""
    return [later - at for asked in rig.registry.asked_at.values() for at, later in pairwise(asked)]


async def judge(rig: Rig, count: int = len(NUMBERS)) -> None:
    """Each mission has one contract, and the ledger knows which."""
    rig.registry.finish()
    linked = await rig.first.ledger.list_linked(after=None, limit=1000)
    assert rig.registry.duplicates() == {}
    assert rig.registry.pairs() == set(linked)
    assert await rig.are_initialised(count)


@KEYS
async def test_r01_what_was_never_applied_is_asked_for_again(tmp_path: Path, honours_keys: bool) -> None:
    decide = first_meets(*each_trouble(after=None))
    async with open_rig(tmp_path, decide, honours_keys=honours_keys, deadline=SOON_OVER) as rig:
        await rig.discover(*NUMBERS)
        await rig.work()

        await rig.live(A_LONG_TIME)

        await judge(rig)
        assert {len(asked) for asked in rig.registry.asked_at.values()} == {2}
        assert honours_keys or min(gaps(rig)) >= PROCESSING_TIME.total_seconds()


@KEYS
async def test_r02_what_was_applied_without_an_answer_is_found_and_never_asked_for_again(
    tmp_path: Path, honours_keys: bool
) -> None:
    decide = first_meets(*each_trouble(after=AT_ONCE))
    async with open_rig(tmp_path, decide, honours_keys=honours_keys, deadline=SOON_OVER) as rig:
        await rig.discover(*NUMBERS)
        await rig.work()

        await rig.live(timedelta(minutes=1))

        await judge(rig)
        assert {len(asked) for asked in rig.registry.asked_at.values()} == {1}


@pytest.mark.parametrize("share", [0.3, 1.0])
@KEYS
async def test_r03_what_is_applied_late_meets_no_second_request_unless_its_key_makes_that_harmless(
    tmp_path: Path, honours_keys: bool, share: float
) -> None:
    late = PROCESSING_TIME * share
    decide = first_meets(*each_trouble(after=late))
    async with open_rig(tmp_path, decide, honours_keys=honours_keys, deadline=SOON_OVER) as rig:
        await rig.discover(*NUMBERS)
        await rig.work()

        await rig.live(A_LONG_TIME, feed=share > 0.5)

        await judge(rig)
        if not honours_keys:
            assert rig.registry.met == []
            assert {len(asked) for asked in rig.registry.asked_at.values()} == {1}


@KEYS
async def test_r04_a_look_up_that_does_not_see_the_contract_yet_makes_no_second_one(
    tmp_path: Path, honours_keys: bool
) -> None:
    async with open_rig(
        tmp_path, first_meets(*each_trouble(after=AT_ONCE)), honours_keys=honours_keys, deadline=SOON_OVER
    ) as rig:
        rig.registry.shown_after = PROCESSING_TIME - timedelta(seconds=1)
        await rig.discover(*NUMBERS)
        await rig.work()

        await rig.live(A_LONG_TIME, feed=True)

        await judge(rig)
        assert honours_keys or gaps(rig) == []


@KEYS
async def test_r05_after_an_outage_longer_than_the_remote_keeps_its_keys_the_first_question_is_a_look_up(
    tmp_path: Path, honours_keys: bool
) -> None:
    is_down = False

    def decide(request: Request, nth: int) -> Fate:
        if is_down:
            return Fate(said=Said.FAILURE, after=None)
        return Fate(said=Said.NOTHING) if nth == 1 else HONEST

    async with open_rig(tmp_path, decide, honours_keys=honours_keys, deadline=SOON_OVER) as rig:
        rig.registry.keys_last = timedelta(hours=24)
        await rig.discover(1, 2, 3)
        await rig.work()
        is_down = True
        await rig.live(timedelta(hours=26), shortest=timedelta(hours=5))
        is_down = False
        before = len(rig.registry.requests)

        await rig.live(timedelta(minutes=5))

        since = rig.registry.requests[before:]
        assert [request for request in since if is_creation(request)] == []
        assert {request.query.get("external_reference") for request in since} >= {id_of(1), id_of(2), id_of(3)}
        await judge(rig, 3)


@KEYS
async def test_the_harness_catches_who_simply_asks_again(tmp_path: Path, honours_keys: bool) -> None:
    """Without a look-up and without patience, only keys prevent a second contract."""
    async with open_rig(
        tmp_path, first_meets(*each_trouble(after=PROCESSING_TIME)), honours_keys=honours_keys, deadline=SOON_OVER
    ) as rig:
        for number in NUMBERS:
            try:
                await rig.first.works.cactus.initialise(numbered(number), key=f"k-{number}")
            except OutcomeUnknown:
                await rig.first.works.cactus.initialise(numbered(number), key=f"k-{number}")
        rig.registry.finish()

        assert len(rig.registry.duplicates()) == (0 if honours_keys else len(NUMBERS))
        assert len(rig.registry.met) == len(NUMBERS)
