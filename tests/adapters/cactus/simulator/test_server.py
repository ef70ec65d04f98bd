"""The server inside the caller's loop."""

import asyncio
import signal
import socket
import time
from statistics import median

import aiohttp
import httpx
import pytest

from syncd.adapters.cactus.simulator import Simulator, serve
from tests.adapters.cactus.simulator.samples import a_body, a_contract
from tests.support.clock import TickingClock


async def test_it_serves_from_the_first_moment_and_is_gone_at_the_end(simulator: Simulator) -> None:
    a_contract(simulator)
    async with serve(simulator) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        contract = (await client.get("/contracts")).json()["items"][0]

        assert contract["student_url"].startswith(f"{base_url}/etudiant/")
        assert (await client.get(contract["student_url"])).status_code == 200

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2])))


async def test_a_fixed_base_url_wins_over_the_host_that_was_asked() -> None:
    simulator = Simulator(TickingClock(), base_url="https://cactus.example.org/")
    a_contract(simulator)
    async with serve(simulator) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        contract = (await client.get("/contracts")).json()["items"][0]

    assert contract["company_url"] == f"https://cactus.example.org/entreprise/{contract['contract_id']}"


async def test_it_stops_soon_though_a_client_keeps_its_connection(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as session:
        async with serve(simulator) as base_url:
            async with session.get(f"{base_url}/contracts") as response:
                await response.read()
            started = time.monotonic()

        assert time.monotonic() - started < 2


async def test_the_signals_stay_with_the_process(simulator: Simulator) -> None:
    before = signal.getsignal(signal.SIGTERM)

    async with serve(simulator):
        assert signal.getsignal(signal.SIGTERM) is before


async def test_a_taken_port_is_an_error_of_the_caller(simulator: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with serve(simulator, port=taken.getsockname()[1]):
            pass


async def test_a_lost_answer_was_applied(simulator: Simulator) -> None:
    simulator.faults.answers_to_lose = 1
    async with serve(simulator) as base_url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            async with session.post(f"{base_url}/contracts", json=a_body(), headers={"Idempotency-Key": "k"}) as lost:
                await lost.read()

        async with session.post(f"{base_url}/contracts", json=a_body(), headers={"Idempotency-Key": "k"}) as again:
            assert again.status == 200
    assert len(simulator.contracts()) == 1


async def test_many_clients_at_once_each_get_their_own_contract(simulator: Simulator) -> None:
    async with serve(simulator) as base_url, aiohttp.ClientSession() as session:

        async def initialise(number: int) -> str:
            reference = f"FVMA-2025-{number:04d}"
            async with session.post(f"{base_url}/contracts", json=a_body(reference)) as response:
                answer = await response.json()
                assert answer["external_reference"] == reference
                return str(answer["contract_id"])

        contract_ids = await asyncio.gather(*(initialise(number) for number in range(100)))

    assert len(set(contract_ids)) == 100


async def test_an_answer_does_not_wait_for_the_clients_acknowledgement(simulator: Simulator) -> None:
    delays = []
    async with serve(simulator) as base_url, aiohttp.ClientSession() as session:
        for number in range(30):
            started = time.monotonic()
            async with session.post(f"{base_url}/contracts", json=a_body(f"FVMA-2025-{number:04d}")) as response:
                await response.read()
            delays.append(time.monotonic() - started)

    assert median(delays) < 0.03
