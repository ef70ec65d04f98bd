"""A simulator, and a program that asks it without a socket."""

from collections.abc import AsyncIterator

import httpx
import pytest

from syncd.adapters.cactus.simulator import Simulator, create_app
from tests.adapters.cactus.simulator.samples import a_simulator


@pytest.fixture
def simulator() -> Simulator:
    """A simulator without any contract."""
    return a_simulator()


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the simulator's application."""
    transport = httpx.ASGITransport(app=create_app(simulator))
    async with httpx.AsyncClient(transport=transport, base_url="http://cactus.example.org") as client:
        yield client
