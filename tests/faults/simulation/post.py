"""The mail server as a model: what it took, from whom it heard what, and whom it does not know."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from random import Random

from syncd.errors import OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import Kind
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.processes import WORLD
from tests.faults.simulation.weather import Weather

_PATIENCE_S = 8.0
_TROUBLES = (Kind.MAIL_DOWN, Kind.MAIL_DEFERRED, Kind.MAIL_UNANSWERED)


@dataclass(slots=True, kw_only=True)
class PostOffice:
    """Takes letters. `unknown_people` are refused for ever."""

    history: History
    unknown_people: frozenset[str] = frozenset()
    taken: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each Message-ID was taken."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """How often the sender of a Message-ID cannot know what became of it."""
    recipients: dict[str, str] = field(default_factory=dict)

    def take(self, message_id: str, to: str) -> None:
        """Put a letter into its recipient's box."""
        self.recipients[message_id] = to
        self.taken[message_id].append(self.history.now())
        self.history.say("POST", f"took {message_id[1:9]} for {to} ({len(self.taken[message_id])})")


class PostClient:
    """The mailer as one replica has it."""

    is_idempotent = False

    def __init__(
        self, office: PostOffice, who: str, *, loop: SimulatedLoop, history: History, weather: Weather, dice: Random
    ) -> None:
        self._office = office
        self._who = who
        self._loop = loop
        self._history = history
        self._weather = weather
        self._dice = dice

    async def send(self, message: EmailMessage) -> None:
        """Hand one message over."""
        message_id, to = str(message["Message-ID"]), str(message["To"])
        answer: asyncio.Future[None] = self._loop.create_future()
        WORLD.context.run(self._hand_over, answer, message_id, to)
        await answer

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _hand_over(self, answer: "asyncio.Future[None]", message_id: str, to: str) -> None:
        soon = self._dice.uniform(0.02, 0.5)
        kind = self._weather.draws(*_TROUBLES)
        if to in self._office.unknown_people:
            kind = Kind.MAIL_REFUSED
        if kind is not None:
            self._history.count(kind, self._who, message_id[1:9])
        match kind:
            case None:
                self._loop.call_later(soon, self._office.take, message_id, to)
                self._tell(answer, soon + self._dice.uniform(0.02, 0.5))
            case Kind.MAIL_UNANSWERED:
                if self._dice.random() < 0.7:
                    self._loop.call_later(soon, self._office.take, message_id, to)
                self._tell(answer, self._dice.choice((2 * soon, _PATIENCE_S)), OutcomeUnknown("no answer to the dot"))
            case Kind.MAIL_REFUSED:
                self._tell(answer, soon, Refused("550 no such user", code=RefusalCode.ADDRESS))
            case Kind.MAIL_DOWN:
                self._tell(answer, soon, Transient("unreachable", is_general=True))
            case _:
                self._tell(answer, soon, Transient("451 later", retry_after=timedelta(seconds=1)))

    def _tell(self, answer: "asyncio.Future[None]", after_s: float, error: SyncdError | None = None) -> None:
        self._loop.call_later(after_s, partial(_settle, answer, error))


def _settle(answer: "asyncio.Future[None]", error: SyncdError | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)
