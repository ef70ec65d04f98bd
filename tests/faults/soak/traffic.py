"""Missions that keep coming, and people who do their part: what must become of each is known beforehand."""

import asyncio
import heapq
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Any

from syncd.demo.season import season_at
from tests.world.missions import Missions, mission
from tests.world.remote import Remote
from tests.world.world import paper

_A_LOOK_S = 0.2
_A_MOMENT_S = 0.5
Act = Callable[[str], object]
_Entry = tuple[float, int, Callable[[], object]]


class Life(StrEnum):
    """The lives that are played."""

    PLAIN = "plain"
    REOPENED = "reopened"
    BROKEN = "broken"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    OFFICE = "office"
    """Professionalisation: syncd writes, and then waits for the office's papers, which never come here."""

    @property
    def ends_at(self) -> str:
        """The step in which such a mission stands in the end."""
        return {Life.PLAIN: "done", Life.REOPENED: "done", Life.OFFICE: "awaiting_documents"}.get(self, "held")


_OF_TWENTY = {3: Life.REOPENED, 7: Life.BROKEN, 11: Life.CHANGED, 13: Life.OFFICE, 17: Life.WITHDRAWN}


def life_of(number: int) -> Life:
    """Return which life a mission has."""
    return _OF_TWENTY.get(number % 20, Life.PLAIN)


def id_of(number: int) -> str:
    """Return a mission's id."""
    return str(mission(number)["mission_id"])


class Traffic:
    """Writes missions into the store, and plays the people in CACTUS and in the FVMA.

    `thinking_s` is how long people take between two acts.
    """

    def __init__(self, missions: Missions, remote: Remote, *, thinking_s: float) -> None:
        self._missions = missions
        self._remote = remote
        self._thinking_s = thinking_s
        self._agenda: list[_Entry] = []
        self._ticket = count()
        self._seen = 0
        self.written = 0

    @property
    def expected(self) -> dict[str, Life]:
        """The missions that were written, and their lives."""
        return {id_of(number): life_of(number) for number in range(1, self.written + 1)}

    async def write(self, how_many: int) -> None:
        """Let so many more missions be validated."""
        rows = [row_of(number) for number in range(self.written + 1, self.written + how_many + 1)]
        await _persist(lambda: self._missions.put(*rows))
        self.written += how_many

    async def keep_writing(self, *, most: int, every_s: float) -> None:
        """Let one mission after another be validated, up to a total."""
        while self.written < most:
            await asyncio.sleep(every_s)
            await self.write(1)

    async def live(self) -> None:
        """Play people until cancelled."""
        while True:
            self._notice_new_contracts()
            now = asyncio.get_running_loop().time()
            while self._agenda and self._agenda[0][0] <= now:
                _, _, act = heapq.heappop(self._agenda)
                await _persist(act)
            await asyncio.sleep(_A_LOOK_S)

    def _notice_new_contracts(self) -> None:
        with self._remote.lock:
            references = [str(c["external_reference"]) for c in list(self._remote.contracts.values())[self._seen :]]
        self._seen += len(references)
        for mission_id in references:
            number = int(mission_id.rpartition("-")[2])
            at = asyncio.get_running_loop().time() + self._thinking_s * (number % 7) / 7
            for act in self._acts_of(life_of(number)):
                at += self._thinking_s
                entry: _Entry = (at, next(self._ticket), partial(act, mission_id))
                heapq.heappush(self._agenda, entry)

    def _acts_of(self, life: Life) -> list[Act]:
        fill: list[Act] = [self._remote.student_done, self._remote.company_done, self._generate]
        match life:
            case Life.PLAIN:
                return fill
            case Life.REOPENED:
                return [*fill, self._remote.reopen, *fill]
            case Life.CHANGED:
                return [partial(self._edit, mission_title="Une tout autre mission")]
            case Life.WITHDRAWN:
                return [partial(self._edit, status="withdrawn")]
            case Life.BROKEN | Life.OFFICE:
                return []

    def _generate(self, mission_id: str) -> None:
        self._remote.generate(mission_id, paper("Cerfa 10103*14"), paper("Convention de formation"))

    def _edit(self, mission_id: str, **values: Any) -> None:
        self._missions.change(mission_id, updated_at=_instant(), **values)


def row_of(number: int) -> dict[str, Any]:
    """Return the row of a mission that was validated just now, in the campaign that is open."""
    season, now = season_at(datetime.now(UTC)), _instant()
    campaign, life = season.campaign, life_of(number)
    return mission(
        number, updated_at=now, validated_at=now, submitted_at=now, academic_year=campaign.academic_year,
        track="professionnalisation" if life is Life.OFFICE else "apprentissage",
        training_starts_on=str(campaign.training_starts_on), training_ends_on=str(campaign.training_ends_on),
        contract_starts_on=str(season.contract_starts_on(number)),
        contract_ends_on=str(season.contract_ends_on(number)),
        company_siret="13001533200014" if life is Life.BROKEN else "13001533200013",
    )  # fmt: skip


async def _persist(act: Callable[[], object]) -> None:
    """Do it, as often as it takes: the store may be locked."""
    while True:
        try:
            await asyncio.to_thread(act)
        except sqlite3.OperationalError:
            await asyncio.sleep(_A_MOMENT_S)
        else:
            return


def _instant() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
