"""What lies between a replica and CACTUS: requests and answers that are lost, late, or something else."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import TypeVar

from syncd.errors import CredentialsRefused, OutcomeUnknown, SyncdError, Transient
from syncd.model import Capabilities, ContractId, DocumentKind, Mission, MissionId, RemoteContract
from syncd.ports.cactus import FeedPage, FetchedDocument
from tests.faults.simulation.cactus import CactusServer
from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import DEADLINE_S, LATEST_S, Kind
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.processes import WORLD
from tests.faults.simulation.weather import Weather

T = TypeVar("T")

_ON_THE_WAY = (Kind.UNREACHABLE, Kind.RATE_LIMITED, Kind.CREDENTIALS, Kind.REQUEST_LOST, Kind.SERVER_ERROR)
_CREATION = (*_ON_THE_WAY, Kind.ANSWER_LOST, Kind.SLOW_ANSWER, Kind.APPLIED_LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """When a request is applied (if ever), and what its sender is told instead of the answer (if anything)."""

    applied_after_s: float | None
    told: SyncdError | None = None
    told_after_s: float = 0.0
    is_late: bool = False


class CactusClient:
    """The port as one replica has it. Everything beyond the first step of a request happens in the world."""

    def __init__(
        self, server: CactusServer, who: str, *, loop: SimulatedLoop, history: History, weather: Weather, dice: Random
    ) -> None:
        self._server = server
        self._who = who
        self._loop = loop
        self._history = history
        self._weather = weather
        self._dice = dice

    @property
    def capabilities(self) -> Capabilities:
        """What this remote can do."""
        nature = self._server.nature
        return Capabilities(
            idempotency_keys=nature.has_keys,
            look_up=nature.has_look_up,
            change_feed=nature.has_feed,
            cancellation=False,
        )

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract of a mission."""
        kind = self._weather.draws(*_CREATION)
        fate = self._fate_of_creation(kind, mission.mission_id)
        self._history.say(self._who, f"POST {mission.mission_id} key {key[:8]}{f' ({kind})' if kind else ''}")
        if fate.is_late:
            self._server.take_in_hand(key)
            serve = partial(self._server.finish, mission, key)
            return await self._exchange(fate, serve)  # type: ignore[arg-type]  # its answer reaches nobody
        return await self._exchange(fate, partial(self._server.create, mission, key))

    async def find(self, reference: MissionId) -> RemoteContract | None:
        """Look a contract up by its reference."""
        return await self._read(f"look-up {reference}", partial(self._server.find, reference))

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Read a contract."""
        return await self._read(f"read {contract_id}", partial(self._server.read, contract_id, etag))

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:
        """Read the change feed."""
        return await self._read(f"feed after {after}", partial(self._server.changes, after, limit))

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Download a document."""
        serve = partial(self._server.fetch_document, contract_id, kind, version)
        return await self._read(f"fetch {contract_id} {kind} v{version}", serve)

    async def cancel(self, contract_id: ContractId, reason: str) -> RemoteContract:
        """Nobody cancels in a simulation."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """There is nothing to close."""

    # -------------------------------------------------------------------------------------------------- fates

    async def _read(self, what: str, serve: Callable[[], T]) -> T:
        kind = self._weather.draws(*_ON_THE_WAY)
        fate = self._fate_of_reading(kind, what)
        self._history.say(self._who, f"{what}{f' ({kind})' if kind else ''}")
        return await self._exchange(fate, serve)

    def _fate_of_reading(self, kind: Kind | None, what: str) -> Fate:
        if kind is None:
            return Fate(applied_after_s=self._moment())
        self._history.count(kind, self._who, what)
        match kind:
            case Kind.REQUEST_LOST:
                return self._told(Transient("no answer in time", is_general=True), DEADLINE_S)
            case Kind.SERVER_ERROR:
                return self._told(Transient("answered 503", is_general=True))
            case _:
                return self._told(self._refusal_to_serve(kind))

    def _fate_of_creation(self, kind: Kind | None, mission_id: MissionId) -> Fate:
        if kind is None:
            return Fate(applied_after_s=self._moment())
        self._history.count(kind, self._who, mission_id)
        unknown, soon = OutcomeUnknown("no answer"), self._moment()
        match kind:
            case Kind.REQUEST_LOST:
                return self._told(unknown, DEADLINE_S)
            case Kind.ANSWER_LOST:
                return Fate(applied_after_s=soon, told=unknown, told_after_s=soon + self._moment())
            case Kind.SLOW_ANSWER:
                return Fate(applied_after_s=self._dice.uniform(0.1, LATEST_S), told=unknown, told_after_s=DEADLINE_S)
            case Kind.APPLIED_LATE:
                return self._late(unknown)
            case Kind.SERVER_ERROR:
                return self._server_error()
            case _:
                return self._told(self._refusal_to_serve(kind))

    def _server_error(self) -> Fate:
        """Nobody can tell from a 500 whether the work was done, or is still being done."""
        error = OutcomeUnknown("answered 500")
        match self._dice.randrange(3):
            case 0:
                return self._told(error)
            case 1:
                return Fate(applied_after_s=self._moment(), told=error, told_after_s=0.6)
            case _:
                return self._late(error)

    def _late(self, error: OutcomeUnknown) -> Fate:
        told_after_s = self._dice.choice((self._moment(), DEADLINE_S))
        applied_after_s = self._dice.uniform(told_after_s, LATEST_S)
        return Fate(applied_after_s=applied_after_s, told=error, told_after_s=told_after_s, is_late=True)

    def _refusal_to_serve(self, kind: Kind) -> SyncdError:
        if kind is Kind.CREDENTIALS:
            return CredentialsRefused("answered 401")
        if kind is Kind.RATE_LIMITED:
            retry_after = timedelta(seconds=self._dice.uniform(1, 8))
            return Transient("answered 429", retry_after=retry_after, is_general=True)
        return Transient("unreachable", is_general=True)

    def _told(self, error: SyncdError, after_s: float | None = None) -> Fate:
        return Fate(applied_after_s=None, told=error, told_after_s=self._moment() if after_s is None else after_s)

    def _moment(self) -> float:
        return self._dice.uniform(0.01, 0.6) if self._dice.random() < 0.9 else self._dice.uniform(0.6, 3.0)

    # --------------------------------------------------------------------------------------------------- the wire

    async def _exchange(self, fate: Fate, serve: Callable[[], T]) -> T:
        answer: asyncio.Future[T] = self._loop.create_future()

        def arrive() -> None:
            try:
                result = serve()
            except SyncdError as error:
                tell = partial(_fail, answer, error)
            else:
                tell = partial(_answer, answer, result)
            if fate.told is None:
                self._loop.call_later(self._moment(), tell)

        def send() -> None:
            if fate.applied_after_s is not None:
                self._loop.call_later(fate.applied_after_s, arrive)
            if fate.told is not None:
                self._loop.call_later(fate.told_after_s, _fail, answer, fate.told)

        WORLD.context.run(send)
        return await answer


def _answer(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: SyncdError) -> None:
    if not future.done():
        future.set_exception(error)
