"""Ten thousand initialisations, a tenth of them without an answer that can be believed: each contract is made once.

The whole daemon, as the wiring builds it, in real time: what is applied late is applied while it works. Half of them
on SQLite, half on PostgreSQL, with a remote that honours keys and with one that does not.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.typing import EventDict

from syncd.daemon import Daemon
from syncd.jobs.works import Works
from syncd.model import MissionId, Step
from syncd.service import ServiceManager
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works
from tests.faults.remote.counter import HONEST, TROUBLES, Fate, Said, chance, open_counter
from tests.faults.remote.registry import AT_ONCE, Registry, is_creation, reference_of
from tests.faults.remote.rig import KINDS
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures
from tests.world.missions import Missions, mission
from tests.world.remote import Request
from tests.world.world import KEY

UNKNOWN_SHARE, READING_TROUBLE_SHARE = 0.12, 0.02
ENOUGH_UNKNOWN = 0.08
PROCESSING_TIME = timedelta(seconds=1.5)
DEADLINE_S = 0.5
NOBODY_IS_TOLD = '[[recipients]]\nevent = "digest.daily"\nto = ["supervisor"]\n'
"""Letters have tests of their own."""


class Chaos:
    """Decides by the dice of a seed, for each mission and attempt alike on every machine."""

    def __init__(self, *seed: object) -> None:
        self._seed = seed
        self._readings = 0

    def __call__(self, request: Request, nth: int) -> Fate:
        """Decide over one request."""
        if is_creation(request):
            dice = chance(*self._seed, reference_of(request), nth)
            share = UNKNOWN_SHARE
        else:
            self._readings += 1
            dice, share = chance(*self._seed, "reading", self._readings), READING_TROUBLE_SHARE
        if dice.random() >= share:
            return HONEST
        late = PROCESSING_TIME * dice.random()
        return Fate(
            said=dice.choice(TROUBLES),
            after=dice.choice((AT_ONCE, late, None)),
            status=dice.choice((500, 502, 503, 504)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens, and with what kind of remote."""

    backend: str
    ledger_url: str
    honours_keys: bool

    @property
    def name(self) -> str:
        """A seed that names it."""
        return f"{self.backend}/{KINDS[self.honours_keys]}"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, honours_keys: bool, tmp_path: Path, postgres: PostgresServer
) -> Iterator[Place]:
    """A new ledger on each engine."""
    with ExitStack() as stack:
        is_file = request.param == "sqlite"
        url = f"sqlite:///{tmp_path}/ledger.db" if is_file else stack.enter_context(postgres.fresh_database())
        yield Place(backend=str(request.param), ledger_url=url, honours_keys=honours_keys)


@asynccontextmanager
async def daemon_at_work(place: Place, remote_url: str, folder: Path) -> AsyncIterator[Works]:
    """Run the daemon on a configuration of its own; it is stopped in order."""
    config = folder / "syncd.toml"
    config.write_text(NOBODY_IS_TOLD)
    environ = {
        "SYNCD_STATE_DIRECTORY": str(folder / "state"), "SYNCD_DATABASE__URL": place.ledger_url,
        "SYNCD_MISSIONS__URL": f"sqlite:///{folder}/fvma.sqlite3", "SYNCD_DOCUMENTS__KEY": KEY,
        "SYNCD_CACTUS__ADAPTER": "http", "SYNCD_CACTUS__BASE_URL": remote_url,
        "SYNCD_CACTUS__IDEMPOTENT": str(place.honours_keys).lower(), "SYNCD_CACTUS__TIMEOUT_S": str(DEADLINE_S),
        "SYNCD_CACTUS__PROCESSING_TIME_S": str(PROCESSING_TIME.total_seconds()),
        "SYNCD_RETRY__FIRST_DELAY_S": "0.1", "SYNCD_RETRY__LONGEST_DELAY_S": "1", "SYNCD_GUARD__MAX_NEW_CONTRACTS": "0",
        "SYNCD_MAIL__ADAPTER": "folder", "SYNCD_MAIL__SENDER": "alternance@example.org",
        "SYNCD_MAIL__ADDRESSES__SUPERVISOR": "responsable@example.org", "SYNCD_JOBS__POLL_INTERVAL_S": "0.5",
    }  # fmt: skip
    async with open_works(load_settings(config, environ, places=Places(config_files=()))) as works:
        daemon = Daemon(works, manager=ServiceManager(), may_reload=lambda: False)
        running = asyncio.create_task(daemon.run())
        try:
            yield works
        finally:
            daemon._ask_to_stop()
            await asyncio.wait_for(running, 15)


async def until_all_wait(works: Works, registry: Registry, count: int, *, within_s: float) -> float:
    """Return how long it took until every contract waits for its student and nothing is left to be applied."""
    started = time.monotonic()
    while time.monotonic() < started + within_s:
        await asyncio.sleep(0.1)
        if registry.is_quiet and await works.ledger.count_by_step() == {Step.AWAITING_STUDENT: count}:
            return time.monotonic() - started
    raise AssertionError(f"after {within_s} s: {dict(await works.ledger.count_by_step())}")


async def linked(works: Works) -> set[tuple[MissionId, str]]:
    """Return every contract that the ledger knows, as (mission, contract)."""
    pairs: list[tuple[MissionId, str]] = []
    while page := await works.ledger.list_linked(after=pairs[-1][0] if pairs else None, limit=1_000):
        pairs += page
    return set(pairs)


@pytest.mark.parametrize("honours_keys", KINDS, ids=KINDS.values())
async def test_r02_r03_ten_thousand_initialisations_make_ten_thousand_contracts(
    tmp_path: Path, place: Place, amount: Amount, figures: Figures, lines: list[EventDict]
) -> None:
    count = amount(quick=200, deep=10_000) // 2
    Missions(tmp_path / "fvma.sqlite3").put_all(map(mission, range(1, count + 1)))
    registry = Registry(time.monotonic, honours_keys=place.honours_keys)
    async with (
        open_counter(registry, Chaos("ten thousand", place.name)) as desk,
        daemon_at_work(place, desk.url, tmp_path) as works,
    ):
        took_s = await until_all_wait(works, registry, count, within_s=60 + count / 10)
        registry.finish()
        known = await linked(works)

    unknown = {str(line["mission_id"]) for line in lines if line["event"] == "contract.unanswered"}
    figures.note(
        f"initialisations with unknown outcomes ({place.name})", contracts=count, unknown=len(unknown),
        unknown_share=round(len(unknown) / count, 3), duplicates=len(registry.duplicates()),
        lost=count - len(registry.pairs() & known), late_met_another=len(registry.met),
        **{said.name.lower(): desk.fates[said] for said in Said}, took_s=round(took_s, 1),
    )  # fmt: skip
    assert registry.duplicates() == {}
    assert registry.pairs() == known
    assert len(known) == count
    assert len(unknown) >= ENOUGH_UNKNOWN * count
    assert place.honours_keys or registry.met == []
    assert Counter(line["event"] for line in lines)["contract.crashed"] == 0
