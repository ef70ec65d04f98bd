"""R13 and R11: the remote as a whole fails, and everybody waits together: nobody is exhausted, no herd follows."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest

from syncd.adapters.cactus.calls import TRIES
from syncd.errors import Transient
from syncd.jobs.gate import FAILURES_THAT_CLOSE, Gate
from syncd.model import ContractId
from syncd.ports.reading import ContractFilter
from tests.adapters.cactus.fault_server import answering, fault_server
from tests.adapters.cactus.rigs import CONTRACT, open_cactus
from tests.faults.remote.counter import HONEST, Arrival, Fate, Said
from tests.faults.remote.rig import PROCESSING_TIME, Rig, open_rig
from tests.jobs.workshop import id_of
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures
from tests.world.remote import Answer, Request
from tests.world.world import make_world, mission

CONCURRENCY = 8
PROBE_EVERY_S = 30
OUTAGE = timedelta(minutes=30)
DOWN = Transient("down", is_general=True)
A_BEAT, HALF_A_MINUTE = timedelta(seconds=2), timedelta(seconds=30)


class Weather:
    """Fails everything while it is bad."""

    def __init__(self) -> None:
        self.is_bad = True
        self._statuses = cycle((500, 502, 503, 504))

    def __call__(self, _request: Request, _nth: int) -> Fate:
        """Decide over a request."""
        return Fate(said=Said.FAILURE, after=None, status=next(self._statuses)) if self.is_bad else HONEST


@pytest.fixture(params=["one replica, keys", "one replica, no keys", "three replicas, keys"])
def site(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[tuple[int, bool, str | None]]:
    """How many replicas, whether the remote honours keys, and where the ledger is."""
    how_many, _, kind = str(request.param).partition(", ")
    with ExitStack() as stack:
        is_alone = how_many == "one replica"
        url = None if is_alone else stack.enter_context(postgres.fresh_database())
        yield 1 if is_alone else 3, kind == "keys", url


async def attempts_and_delays(rig: Rig) -> tuple[int, float]:
    """Return the most attempts of any contract, and the seconds until the last one is looked at again."""
    rows = await rig.first.ledger.list_contracts(ContractFilter(), limit=100_000)
    delays = [(row.due_at - rig.clock.now()).total_seconds() for row in rows if row.due_at is not None]
    return max(row.attempts for row in rows), max(delays)


def is_a_ramp(arrivals: list[Arrival], *, replicas: int) -> bool:
    """Whether each replica doubled what it had under way with each answer at most, from one up to its width."""
    return all(one.at_once <= replicas * min(2 ** min(one.answered, 10), CONCURRENCY) for one in arrivals)


async def test_r13_an_outage_is_probed_now_and_then_and_followed_by_a_ramp(
    tmp_path: Path, site: tuple[int, bool, str | None], amount: Amount, figures: Figures
) -> None:
    replicas, honours_keys, url = site
    count, weather = amount(quick=24, deep=400), Weather()
    outage = timedelta(minutes=amount(quick=10, deep=30))
    async with open_rig(
        tmp_path, weather, honours_keys=honours_keys, url=url, replicas=replicas, concurrency=CONCURRENCY,
        takes_s=0.002,
    ) as rig:  # fmt: skip
        await rig.discover(*range(1, count + 1))
        await rig.work()
        burst = rig.desk.turn_the_page()
        await rig.live(outage, shortest=A_BEAT, longest=HALF_A_MINUTE, feed=True)
        probes, gate = rig.desk.turn_the_page(), await rig.first.gate_state()
        attempts, delay_s = await attempts_and_delays(rig)

        weather.is_bad = False
        await rig.live(timedelta(minutes=4), shortest=A_BEAT, feed=True)
        after = rig.desk.turn_the_page()

        figures.note(
            "an outage", minutes=outage.total_seconds() / 60, replicas=replicas, keys=str(honours_keys),
            contracts=count, burst=len(burst), probes=len(probes), most_attempts=attempts,
            longest_delay_s=round(delay_s), requests_after=len(after),
            most_at_once_after=max(one.at_once for one in after),
        )  # fmt: skip
        assert gate.closed_until is not None
        assert gate.failures >= FAILURES_THAT_CLOSE
        assert gate.reason is not None
        assert len(burst) <= replicas * (FAILURES_THAT_CLOSE + TRIES * CONCURRENCY)
        assert len(probes) <= outage.total_seconds() / PROBE_EVERY_S + replicas * (FAILURES_THAT_CLOSE + TRIES)
        assert attempts <= 2
        assert delay_s <= PROBE_EVERY_S + PROCESSING_TIME.total_seconds()
        assert is_a_ramp(after, replicas=replicas)
        assert max(one.at_once for one in after) > CONCURRENCY / 2
        assert (await rig.first.gate_state()).closed_until is None
        assert await rig.are_initialised(count)
        assert rig.registry.duplicates() == {}


async def test_r13_replicas_that_know_nothing_else_of_each_other_share_their_probes(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        gates = [
            Gate("cactus", ledger=rig.first.ledger, clock=rig.clock, longest_delay=timedelta(hours=1), width=8)
            for _ in range(3)
        ]
        probes = 0
        for gate in gates:
            for _ in range(FAILURES_THAT_CLOSE):
                await gate.note_failure(DOWN)

        for _ in range(1_800):
            rig.clock.advance(timedelta(seconds=1))
            for gate in gates:
                async with gate.pass_through() as may_pass:
                    if may_pass:
                        probes += 1
                        await gate.note_failure(DOWN)

        assert probes == OUTAGE.total_seconds() / PROBE_EVERY_S


async def test_r13_where_patience_of_seconds_was_in_vain_a_reading_is_tried_once_until_the_remote_answers() -> None:
    down: tuple[int, object] = (503, {})
    well: tuple[int, object] = (200, CONTRACT)
    script = answering(*[down] * (TRIES + 1), well, *[down] * TRIES)
    asked = []
    async with fault_server(script) as server, open_cactus(server.url) as cactus:
        for is_well in (False, False, True, False):
            before = len(server.requests)
            with nullcontext() if is_well else pytest.raises(Transient):
                await cactus.read(ContractId("CT-1"))
            asked.append(len(server.requests) - before)

    assert asked == [TRIES, 1, 1, TRIES]


async def test_the_harness_catches_a_herd(tmp_path: Path) -> None:
    """Requests that pass by the gate come all at once."""
    async with open_rig(tmp_path, concurrency=CONCURRENCY, takes_s=0.002) as rig:
        questions = [rig.first.works.cactus.find(id_of(number)) for number in range(1, 40)]
        await asyncio.gather(*questions, return_exceptions=True)

        assert not is_a_ramp(rig.desk.turn_the_page(), replicas=1)


@pytest.mark.parametrize("status", [401, 403])
async def test_r11_refused_credentials_pause_the_adapter_and_burn_no_attempts(tmp_path: Path, status: int) -> None:
    refused, is_refused = Fate(instead=Answer(status), after=None), True
    async with open_rig(tmp_path, lambda _request, _nth: refused if is_refused else HONEST) as rig:
        await rig.discover(*range(1, 21))
        await rig.work()
        burst, gate = rig.desk.turn_the_page(), await rig.first.gate_state()
        await rig.live(timedelta(minutes=4), shortest=A_BEAT, longest=HALF_A_MINUTE, feed=True)
        probes, (attempts, delay_s) = rig.desk.turn_the_page(), await attempts_and_delays(rig)

        is_refused = False
        await rig.live(timedelta(minutes=1), shortest=A_BEAT)

        assert gate.is_credentials
        assert len(burst) <= 8
        assert len(probes) <= 240 / PROBE_EVERY_S
        assert attempts == 0
        assert delay_s <= PROBE_EVERY_S + 1
        assert await rig.are_initialised(20)


def test_r13_the_open_circuit_is_shown_by_status_and_closes_by_itself(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        world.environment |= {"SYNCD_RETRY__FIRST_DELAY_S": "1", "SYNCD_RETRY__LONGEST_DELAY_S": "600"}
        world.missions.put(*(mission(number) for number in range(1, 31)))
        world.remote.trap = lambda _request, _honest: Answer.of(503, {"type": "down"})
        down = world.syncd("run", "--once")
        gate, told = world.syncd("status", "--json").json["gates"]["cactus"], world.syncd("status").out
        asked = len(world.remote.requests)
        world.remote.trap = None
        world.once()

    assert down.code == 69
    assert gate["closed"]
    assert gate["failures"] >= FAILURES_THAT_CLOSE
    assert "503" in gate["reason"]
    assert "cactus rests until" in told
    assert asked <= FAILURES_THAT_CLOSE + TRIES * 20
    assert world.remote.creations() == 30
