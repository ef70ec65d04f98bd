"""What people do outside CACTUS while the demo runs: the FVMA application changes, the office returns its papers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path

from syncd.demo.board import Board
from syncd.demo.mission_store import MissionFile
from syncd.demo.preparing import Cast
from syncd.demo.rows import Value
from syncd.model import DocumentKind, MissionId, Step
from syncd.ports.clock import Clock

_A_LOOK = timedelta(milliseconds=300)
_FIRST_ACT = timedelta(seconds=8)
_BETWEEN_ACTS = timedelta(seconds=6)

HandOver = Callable[[MissionId, DocumentKind, Path], Awaitable[bool]]
"""Takes one paper in as `syncd documents add` does; false when that was refused."""


class Stage:
    """Plays the people whom no page of CACTUS knows. `board` is the latest one, `tell` makes news of an act."""

    def __init__(
        self,
        cast: Cast,
        *,
        file: MissionFile,
        board: Callable[[], Board],
        hand_over: HandOver,
        tell: Callable[[str], None],
        clock: Clock,
        speed: float,
    ) -> None:
        self._cast = cast
        self._file = file
        self._board = board
        self._hand_over = hand_over
        self._tell = tell
        self._clock = clock
        self._speed = speed
        self.is_over = False

    async def play(self) -> None:
        """Return when everything has happened."""
        await asyncio.gather(self._change_missions(), self._return_papers())
        self.is_over = True

    async def _change_missions(self) -> None:
        await self._pause(_FIRST_ACT)
        if self._cast.changed is not None:
            await self._change(self._cast.changed, "its title is changed", mission_title="Tout autre chose")
        await self._pause(_BETWEEN_ACTS)
        if self._cast.withdrawn is not None:
            await self._change(self._cast.withdrawn, "it is withdrawn", status="withdrawn")

    async def _change(self, mission_id: MissionId, what: str, **columns: Value) -> None:
        await self._until(mission_id, set(Step) - {Step.TO_INITIALISE, Step.HELD})
        await asyncio.to_thread(self._file.change, mission_id, now=self._clock.now(), **columns)
        self._tell(f"{mission_id}: {what} in the FVMA after it was sent")

    async def _return_papers(self) -> None:
        for mission_id, papers in self._cast.papers:
            await self._pause(_BETWEEN_ACTS)
            await self._until(mission_id, {Step.AWAITING_DOCUMENTS})
            for kind, file in papers.items():
                if await self._hand_over(mission_id, kind, file):
                    self._tell(f"{mission_id}: an admin hands the {kind} over (documents add)")

    async def _until(self, mission_id: MissionId, steps: Iterable[Step]) -> None:
        """Return when the contract stands at one of these steps."""
        wanted = frozenset(steps)
        while not any(line.mission_id == mission_id and line.step in wanted for line in self._board().lines):
            await self._clock.sleep(_A_LOOK)

    async def _pause(self, duration: timedelta) -> None:
        await self._clock.sleep(duration / self._speed)
