"""Who waits at the gate of CACTUS when the signal comes has asked nothing yet, and asks nothing more."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.jobs.discover import discover
from syncd.jobs.works import Works
from syncd.model import Asked, MissionId
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works
from tests.jobs.workshop import until
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import Missions, mission

MISSIONS = [MissionId(f"FVMA-2025-{number:04d}") for number in range(1, 9)]


@pytest.fixture
async def works(tmp_path: Path) -> AsyncIterator[Works]:
    """Eight missions, and a CACTUS that may be asked once a second."""
    missions = Missions(tmp_path / "fvma.sqlite3")
    missions.put(*(mission(number) for number in range(1, 9)))
    environ = {
        "SYNCD_STATE_DIRECTORY": str(tmp_path / "state"),
        "SYNCD_MISSIONS__URL": f"sqlite:///{missions.file}",
        "SYNCD_CACTUS__ADAPTER": "mock",
        "SYNCD_CACTUS__REQUESTS_PER_SECOND": "1",
        "SYNCD_MAIL__ADAPTER": "folder",
    }
    settings = load_settings(None, environ, places=Places(config_files=()))
    async with open_works(settings, clock=FixedClock(NOW)) as opened:
        await discover(opened.missions, opened.ledger, opened.clock)
        yield opened


async def test_c04_what_waits_at_the_gate_when_the_signal_comes_is_not_begun_and_is_known_not_to_be(
    works: Works,
) -> None:
    cactus = works.cactus
    assert isinstance(cactus, MockCactus)
    working = asyncio.create_task(works.advancer.run())
    await until(lambda: cactus.initialisations == 1)

    works.advancer.begin_nothing_more()
    async with asyncio.timeout(1):
        await works.advancer.stop()
        await working

    views = [await works.ledger.view(mission_id) for mission_id in MISSIONS]
    assert cactus.initialisations == 1
    assert Counter(view.facts.asked for view in views if view is not None) == {Asked.ANSWERED: 1, Asked.NOT_APPLIED: 7}
    assert not any(view.is_claimed for view in views if view is not None)
