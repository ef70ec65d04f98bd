"""How often which fault strikes: drawn for each seed, and fair weather at the end."""

from dataclasses import dataclass, field
from random import Random

from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import Kind

_RATES = {
    Kind.REQUEST_LOST: 0.15, Kind.UNREACHABLE: 0.1, Kind.ANSWER_LOST: 0.2, Kind.APPLIED_LATE: 0.25,
    Kind.STALE_LOOK_UP: 0.5, Kind.RATE_LIMITED: 0.04, Kind.SERVER_ERROR: 0.12, Kind.SLOW_ANSWER: 0.12,
    Kind.CREDENTIALS: 0.01, Kind.FEED_REPEATS: 0.3, Kind.FEED_DISORDER: 0.3, Kind.FEED_FORGETS: 0.1,
    Kind.CURSOR_EXPIRED: 0.05, Kind.DOCUMENT_CUT: 0.2, Kind.DOCUMENT_WRONG: 0.12, Kind.STORE_DOWN: 0.1,
    Kind.COMMIT_UNANSWERED: 0.05, Kind.COMMIT_LOST: 0.04, Kind.DATABASE_FAILED: 0.01, Kind.MAIL_DEFERRED: 0.15,
    Kind.MAIL_UNANSWERED: 0.12, Kind.MAIL_DOWN: 0.05, Kind.DISK_FULL: 0.15,
}  # fmt: skip
"""How often each strikes, at the most, among the occasions that it has."""


@dataclass(slots=True, kw_only=True)
class Weather:
    """Decides at each occasion whether a fault strikes. `only`: all others never do, and these do often."""

    dice: Random
    history: History
    only: frozenset[Kind] | None = None
    is_fair: bool = False
    rates: dict[Kind, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, most in _RATES.items():
            is_on, share = self.dice.random() < 0.6, self.dice.uniform(0.2, 1.0)
            if self.only is not None:
                is_on, share = kind in self.only, 1.0
            self.rates[kind] = most * share if is_on else 0.0

    def draws(self, *kinds: Kind) -> Kind | None:
        """Return which of these faults strikes now, if any."""
        if self.is_fair:
            return None
        mark = self.dice.random()
        for kind in kinds:
            mark -= self.rates[kind]
            if mark < 0:
                return kind
        return None

    def strikes(self, kind: Kind, who: str, what: str = "") -> bool:
        """Whether this fault strikes now; it is counted."""
        if self.draws(kind) is None:
            return False
        self.history.count(kind, who, what)
        return True
