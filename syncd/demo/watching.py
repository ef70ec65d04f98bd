"""Looks at the ledger twice a second and shows what it sees."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from syncd.adapters.cactus.simulator import Simulator
from syncd.adapters.cactus.simulator.player import WAITING_FOR_SOMEBODY
from syncd.demo.board import Board, read_board
from syncd.demo.displays import Display
from syncd.demo.folder import DemoFolder
from syncd.demo.frame import Addresses, Frame, News
from syncd.demo.hints import hints_for
from syncd.errors import Transient
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.reading import LedgerReader

_A_LOOK = timedelta(milliseconds=500)
_SHARE_OF_LOOKING = 4
"""A look that takes long is followed by a pause so many times as long: the daemon comes first."""
_STARTING = "starting"
_AT_WORK = "at work"
_BY_HAND = "your turn: play in CACTUS"
_AT_REST = "everything has come to rest"
_AT_REST_BUT = "at rest but for {which}: your turn"


class Watcher:
    """Keeps the latest board and the news, and gives each frame to a display."""

    def __init__(
        self,
        ledger: LedgerReader,
        display: Display,
        *,
        simulator: Simulator,
        folder: DemoFolder,
        addresses: Addresses,
        first_command: str,
        left: frozenset[MissionId],
        is_manual: bool,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._display = display
        self._simulator = simulator
        self._folder = folder
        self._addresses = addresses
        self._first_command = first_command
        self._left = left
        self._is_manual = is_manual
        self._clock = clock
        self._started = clock.monotonic()
        self._news: list[News] = []
        self.board = Board()

    def tell(self, text: str) -> None:
        """Add a piece of news."""
        self._news.append(News(at=self._clock.now(), text=text))

    async def watch(self, *, is_story_over: Callable[[], bool]) -> None:
        """Look and show until cancelled."""
        while True:
            began = self._clock.monotonic()
            try:
                self.board = await read_board(self._ledger)
            except Transient:  # the daemon is writing just now: the next look will do
                await self._clock.sleep(_A_LOOK)
                continue
            # a terminal that stands still (Ctrl-S) must not stop the daemon
            await asyncio.to_thread(self._display.show, self._frame(self._state(is_story_over())))
            took = timedelta(seconds=self._clock.monotonic() - began)
            await self._clock.sleep(max(_A_LOOK, took * _SHARE_OF_LOOKING))

    def _frame(self, state: str) -> Frame:
        return Frame(
            now=self._clock.now(),
            elapsed=timedelta(seconds=self._clock.monotonic() - self._started),
            addresses=self._addresses,
            state=state,
            board=self.board,
            letters_written=self._folder.count_letters(),
            news=tuple(self._news),
            first_command=self._first_command,
            hints=hints_for(self.board, folder=self._addresses.folder, left=self._left),
        )

    def _state(self, is_story_over: bool) -> str:
        """Say that all has come to rest when nobody but the person who watches could move anything on."""
        if not self.board.lines:
            return _STARTING
        moving = {line.mission_id for line in self.board.moving} - self._left
        nobody_plays = not any(each.status in WAITING_FOR_SOMEBODY for each in self._simulator.contracts())
        is_quiet = not moving and not self.board.letters_waiting
        if is_quiet and is_story_over and nobody_plays:
            return self._at_rest()
        return _BY_HAND if self._is_manual else _AT_WORK

    def _at_rest(self) -> str:
        waiting = [line.mission_id for line in self.board.moving]
        if not waiting:
            return _AT_REST
        return _AT_REST_BUT.format(which=waiting[0] if len(waiting) == 1 else f"{len(waiting)} contracts")
