"""The FVMA's mission store as a model: rows with an `updated_at`, a cursor with an overlap, hands that change rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from syncd.errors import Transient
from syncd.model import Mission, MissionId, changed_fields
from syncd.ports.missions import MissionPage
from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import STORE_OVERLAP, Kind, instant
from tests.faults.simulation.loop import SimulatedLoop, come_to_pass
from tests.faults.simulation.processes import WORLD
from tests.faults.simulation.weather import Weather


@dataclass(slots=True, kw_only=True)
class MissionTable:
    """The rows as the FVMA wrote them. `hidden` ones are there for nobody, for a while."""

    history: History
    rows: dict[MissionId, Mission] = field(default_factory=dict)
    hidden: set[MissionId] = field(default_factory=set)
    is_emptied: bool = False
    known: dict[MissionId, Mission] = field(default_factory=dict)
    """Every mission that ever was, as it was written last."""
    edited: set[MissionId] = field(default_factory=set)
    """Missions that had other values at some time."""

    def present(self) -> datetime:
        """Return the store's clock."""
        return instant(self.history.now())

    def put(self, mission: Mission, *, updated_at: datetime | None = None) -> None:
        """Write a row; it is committed now, whatever `updated_at` says."""
        before = self.known.get(mission.mission_id)
        if before is not None and changed_fields(before, mission):
            self.edited.add(mission.mission_id)
        row = replace(mission, updated_at=updated_at or self.present())
        self.rows[mission.mission_id] = self.known[mission.mission_id] = row
        self.history.say("FVMA", f"{mission.mission_id} is {mission.status}: {mission.mission_title}")

    def visible(self) -> list[Mission]:
        """Return what a reader sees."""
        if self.is_emptied:
            return []
        return [row for mission_id, row in self.rows.items() if mission_id not in self.hidden]


class MissionReader:
    """The port as one replica has it."""

    def __init__(self, table: MissionTable, who: str, *, loop: SimulatedLoop, weather: Weather, dice: Random) -> None:
        self._table = table
        self._who = who
        self._loop = loop
        self._weather = weather
        self._dice = dice

    async def check(self) -> None:
        """It always has its columns."""

    async def changed_since(self, cursor: str | None, *, limit: int) -> MissionPage:
        """Return the rows behind the cursor, which stays behind the store's present."""
        await self._travel()
        rows = sorted((place_of(row), row) for row in self._table.visible() if place_of(row) > (cursor or ""))
        page, has_more = rows[:limit], len(rows) > limit
        latest = (self._table.present() - STORE_OVERLAP).isoformat()
        passed = [place for place, _ in page if has_more or place < latest]
        return MissionPage(
            missions=tuple(row for _, row in page), cursor=passed[-1] if passed else cursor, has_more=has_more
        )

    async def page(self, after: MissionId | None, *, limit: int) -> tuple[Mission, ...]:
        """Return rows in the order of their key."""
        await self._travel()
        rows = sorted(self._table.visible(), key=lambda row: row.mission_id)
        return tuple(row for row in rows if row.mission_id > (after or ""))[:limit]

    async def existing(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Return those of these ids that there are."""
        await self._travel()
        return frozenset(row.mission_id for row in self._table.visible()) & frozenset(mission_ids)

    async def read(self, mission_ids: Sequence[MissionId]) -> tuple[Mission, ...]:
        """Return the rows of these ids."""
        await self._travel()
        return tuple(row for row in self._table.visible() if row.mission_id in mission_ids)

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def _travel(self) -> None:
        moment = self._loop.create_future()
        WORLD.context.run(self._loop.call_later, self._dice.uniform(0.01, 0.3), come_to_pass, moment)
        await moment
        if self._weather.strikes(Kind.STORE_DOWN, self._who):
            raise Transient("the mission store cannot be reached", is_general=True)


def place_of(mission: Mission) -> str:
    """Return where a row stands in the order of changes."""
    return f"{mission.updated_at.isoformat()}|{mission.mission_id}"
