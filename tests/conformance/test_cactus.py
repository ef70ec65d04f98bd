"""The in-memory CACTUS and the HTTP adapter keep the promises of the port; the latter against the simulator."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from syncd.adapters.cactus.auth import NoAuthentication
from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.mock import MockCactus
from syncd.adapters.cactus.simulator import Simulator, serve
from tests.conformance.cactus_remote import Remote
from tests.conformance.cactus_suite import CactusConformance
from tests.support.clock import TickingClock


class TestMock(CactusConformance):
    """The in-memory CACTUS."""

    @pytest.fixture
    def remote(self) -> Remote:
        mock = MockCactus(TickingClock())
        return Remote(cactus=mock, hands=mock)


class TestHttp(CactusConformance):
    """The HTTP adapter, over a real socket, against the simulator."""

    @pytest.fixture
    async def remote(self) -> AsyncIterator[Remote]:
        simulator = Simulator(TickingClock())
        async with serve(simulator) as base_url:
            cactus = HttpCactus(
                base_url=base_url,
                authentication=NoAuthentication(),
                timeout=timedelta(seconds=10),
                concurrency=4,
                clock=TickingClock(),
            )
            yield Remote(cactus=cactus, hands=simulator)
            await cactus.aclose()
