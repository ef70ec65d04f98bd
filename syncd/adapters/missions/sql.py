"""The mission store in a SQL database."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import structlog

from syncd.adapters.missions.cursor import Cursor, Position
from syncd.adapters.missions.reading import MissionDatabase, Row
from syncd.adapters.missions.relation import Query, Relation
from syncd.adapters.missions.rows import mission_id_of
from syncd.adapters.missions.values import read_instant
from syncd.events import Log
from syncd.model import Mission, MissionId
from syncd.ports.missions import MissionPage

log: Log = structlog.get_logger()

_CHUNK = 500

Key = str | int
AskFor = Callable[[Relation, Sequence[Key]], Query]


class SqlMissionStore:
    """Reads validated missions through SQLAlchemy; keeps the promises of `syncd.ports.missions.MissionStore`.

    `columns` maps our names to the store's, where they differ. `query_timeout` bounds one statement, `deadline` one
    question. An index on (`updated_at`, `mission_id`) keeps each reading as short as its answer.

    A key is shown NFC and trimmed, and a row is found by that form however the store spells it. Rows without a usable
    key (null, control characters, far too long) cannot be followed by anybody: they are left out, and a full sweep
    tells how many.
    """

    def __init__(
        self,
        url: str,
        *,
        relation: str = "validated_missions",
        columns: Mapping[str, str] | None = None,
        overlap: timedelta = timedelta(seconds=120),
        query_timeout: timedelta = timedelta(seconds=30),
        deadline: timedelta = timedelta(seconds=40),
    ) -> None:
        self._database = MissionDatabase(
            url, relation=relation, columns=dict(columns or {}), query_timeout=query_timeout, deadline=deadline
        )
        self._overlap = overlap
        self._odd_spellings: dict[MissionId, set[str]] = {}
        self._knows_odd_spellings = False
        self._page_end: tuple[MissionId, Key] | None = None
        self.unnamed_rows = 0
        """How many rows the full sweep under way, or the last one, left out for want of a usable key."""

    async def check(self) -> None:
        """Return when the store can be read and has the columns without which nothing works."""
        self._database.forget_structure()
        await self._database.fetch(partial(Relation.select_page, after=None, limit=1))

    async def changed_since(self, cursor: str | None, *, limit: int) -> MissionPage:
        """Return rows changed after the cursor; from the first row when it is `None`, or of another form of store."""
        relation, rows = await self._database.fetch(
            lambda relation: relation.select_changed(Cursor.decode(cursor, form=relation.form).reading, limit)
        )
        has_more = len(rows) == limit
        positions = (cast("Position", (row[1], row[0])) for row in rows)
        place = Cursor.decode(cursor, form=relation.form).after(positions, cap=self._cap_of(rows), has_more=has_more)
        return MissionPage(missions=self._missions(relation, rows), cursor=place.encode(), has_more=has_more)

    async def page(self, after: MissionId | None, *, limit: int) -> tuple[Mission, ...]:
        """Return rows in the order of their key, after this one. Fewer than `limit` is the end."""
        if after is None:
            _, counted = await self._database.fetch(Relation.count_unnamed)
            self.unnamed_rows = cast("int", counted[0][0])
        place = self._page_end[1] if self._page_end is not None and self._page_end[0] == after else after
        missions: tuple[Mission, ...] = ()
        while (wanted := limit - len(missions)) > 0:  # rows that are left out must not look like the end
            relation, rows = await self._database.fetch(partial(Relation.select_page, after=place, limit=wanted))
            named = self._missions(relation, rows)
            self.unnamed_rows += len(rows) - len(named)
            missions += named
            place = cast("Key", rows[-1][0]) if rows else place
            if len(rows) < wanted:
                break
        if missions and place is not None:
            self._page_end = missions[-1].mission_id, place
        if len(missions) < limit and self.unnamed_rows:
            log.error("mission.skipped", count=self.unnamed_rows)
        return missions

    async def existing(self, mission_ids: Sequence[MissionId]) -> frozenset[MissionId]:
        """Return those of these ids that the store has."""
        found: set[MissionId | None] = set()
        async for _, rows in self._look_up(mission_ids, Relation.select_keys):
            found.update(mission_id_of(row[0]) for row in rows)
        return frozenset(mission_id for mission_id in mission_ids if mission_id in found)

    async def read(self, mission_ids: Sequence[MissionId]) -> tuple[Mission, ...]:
        """Return the rows of these ids, those that exist."""
        missions: tuple[Mission, ...] = ()
        async for relation, rows in self._look_up(mission_ids, Relation.select_these):
            missions += self._missions(relation, rows)
        return missions

    async def aclose(self) -> None:
        """Close every connection."""
        await self._database.aclose()

    async def _look_up(
        self, mission_ids: Sequence[MissionId], ask: AskFor
    ) -> AsyncIterator[tuple[Relation, Sequence[Row]]]:
        """Give the rows of these ids: by the usual spellings, then by the odd ones of those that are not found so."""
        for start in range(0, len(mission_ids), _CHUNK):
            chunk = mission_ids[start : start + _CHUNK]
            relation, rows = await self._fetch_these(ask, chunk)
            yield relation, rows
            found = {mission_id_of(row[0]) for row in rows}
            odd = await self._odd_spellings_of([mission_id for mission_id in chunk if mission_id not in found])
            if odd:
                yield await self._fetch_these(ask, odd)

    async def _fetch_these(self, ask: AskFor, keys: Sequence[Key]) -> tuple[Relation, Sequence[Row]]:
        return await self._database.fetch(lambda relation: ask(relation, keys))

    async def _odd_spellings_of(self, mission_ids: Sequence[MissionId]) -> list[str]:
        """Return spellings that only the store's own keys can tell; all are asked for once."""
        if mission_ids and not self._knows_odd_spellings:
            _, rows = await self._database.fetch(Relation.select_odd_keys)
            for row in rows:
                self._remember_spelling(mission_id_of(row[0]), row[0])
            self._knows_odd_spellings = True
        return [spelling for mission_id in mission_ids for spelling in self._odd_spellings.get(mission_id, ())]

    def _missions(self, relation: Relation, rows: Sequence[Row]) -> tuple[Mission, ...]:
        missions: list[Mission] = []
        for row in rows:
            mission = relation.reader.read(row)
            if mission is not None:
                missions.append(mission)
                self._remember_spelling(mission.mission_id, row[0])
        return tuple(missions)

    def _remember_spelling(self, mission_id: MissionId | None, raw: object) -> None:
        if mission_id is not None and raw != mission_id and isinstance(raw, str):
            self._odd_spellings.setdefault(mission_id, set()).add(raw)

    def _cap_of(self, rows: Sequence[Row]) -> datetime | None:
        """Return the store's present, which comes with its rows, minus the overlap."""
        present = read_instant(rows[0][-1]) if rows else None
        return present - self._overlap if isinstance(present, datetime) else None
