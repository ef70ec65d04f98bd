"""The port to the ledger: the one truth about every contract.

A contract's row holds facts, the instant when it is looked at again (`due_at`), and a lease while somebody works on it.
Every change is a pure function from facts to facts, applied to the row as it is inside the transaction that writes it;
the ledger writes the difference. So nothing is ever decided from a stale reading, and a letter is queued in the very
transaction of the fact that causes it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from syncd.actions import Effect
from syncd.model import Event, Facts, HoldReason, Mission, MissionId, NotificationState, Role, Warned
from syncd.ports.reading import LedgerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """Something that happened to a contract; `event` is a name of the catalogue, `detail` has no personal data."""

    event: str
    detail: Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Facts that were looked at until an effect is due or nothing is.

    New notifications and documents in `facts` become rows of their own; superseded documents are marked. With an
    `effect` the lease is kept and the effect is to be performed; without, the contract rests until `due_at` (for ever
    when `None`). `next_action` and `next_at` are shown to people. `is_active`: takes its student's one place in the
    academic year.
    """

    facts: Facts
    entries: tuple[TimelineEntry, ...]
    holds: tuple[HoldReason, ...]
    warnings: tuple[Warned, ...]
    effect: Effect | None
    due_at: datetime | None
    next_action: str | None
    is_active: bool
    is_urgent: bool
    is_late_request: bool


class Settle(Protocol):
    """Looks at facts until an effect is due or nothing is. Pure but for the time it was given."""

    def __call__(self, facts: Facts, *, may_create: bool) -> Settled:
        """Return what the facts come to. `may_create` is false when the brake on creations is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One contract that only the holder of `token` may record; `effect` is its committed intent."""

    facts: Facts
    token: int
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What one claiming came to: effects to perform, and how many contracts were settled without any."""

    claims: tuple[Claim, ...]
    settled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """New facts and what to write into the timeline about them."""

    facts: Facts
    entries: tuple[TimelineEntry, ...] = ()


Amend = Callable[[Facts], Amendment | None]
"""Pure; `None` when there is nothing to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an effect: applied to the row only when `token` still holds its lease."""

    mission_id: MissionId
    token: int
    apply: Amend


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """A cursor that is saved in the transaction of the rows that it has passed, never before."""

    flow: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRecorded:
    """How many rows of the store were new, changed since they were last read, or the same."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def read(self) -> int:
        """All of them."""
        return self.new + self.changed + self.unchanged

    def __add__(self, others: "RowsRecorded") -> "RowsRecorded":
        """Return both together."""
        return RowsRecorded(
            new=self.new + others.new,
            changed=self.changed + others.changed,
            unchanged=self.unchanged + others.unchanged,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMission:
    """What a full sweep compares: a mission of the ledger and in how many sweeps in a row it was missing."""

    mission_id: MissionId
    sweeps_missed: int


LetterClaim = tuple[int, int]
"""A letter's id and the token under which it was taken: taken a second time, it is another claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedLetter:
    """A letter taken for delivery; its row says `sending` since before this value existed.

    `facts` is `None` for a letter about no single mission (the daily digest). `is_repeat`: an earlier attempt's outcome
    is unknown; `is_spent`: so is that of the one repeat. `cause` as in `syncd.actions.Letter`.
    """

    letter_id: int
    token: int
    mission_id: MissionId | None
    event: Event
    role: Role
    cause: str
    message_id: str
    attempts: int
    queued_at: datetime
    is_repeat: bool
    facts: Facts | None
    is_spent: bool = False

    @property
    def claim(self) -> LetterClaim:
        """By which it is in hand."""
        return self.letter_id, self.token


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterOutcome:
    """What became of one letter. `retry_at` is the next attempt of one that stays `queued` or `unknown`."""

    letter_id: int
    token: int
    state: NotificationState
    retry_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """The common patience towards one remote (`cactus`, `mail`): shared by all replicas, shown by `status`."""

    failures: int = 0
    closed_until: datetime | None = None
    reason: str | None = None
    is_credentials: bool = False
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardState:
    """A brake: `contracts`, `mails` or `sweep`. Tripped, it stays until an admin approves."""

    tripped_at: datetime | None = None
    detail: str | None = None
    approved_at: datetime | None = None
    """Only what happened after it counts against the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationLimit:
    """At most this many first initialisations in a sliding window, counted in the ledger; 0 is no limit."""

    limit: int
    window: timedelta = timedelta(hours=1)


class Ledger(LedgerReader, Protocol):
    """Keeps every contract. Safe for concurrent use within one event loop and, on PostgreSQL, between replicas.

    Every method is one transaction, retried after a deadlock, a serialization failure or a busy file; after a lost
    COMMIT reply it reads again. All may raise `Transient` (`is_general`): nothing was written, or what was written is
    found again at the next reading. `now` comes from the caller's clock; leases use the database's where replicas share
    it.
    """

    async def migrate(self) -> bool:
        """Bring the schema to this version; false when it is a newer version's. Concurrent callers wait for each other.

        A newer schema is left as it is: newer versions only add to it, so that this one still works.
        """

    async def aclose(self) -> None:
        """Close every connection."""

    # -- discovery

    async def cursor(self, flow: str) -> str | None:
        """Return where a flow has got to."""

    async def record_rows(
        self, missions: Sequence[Mission], *, now: datetime, move: CursorMove | None = None
    ) -> RowsRecorded:
        """Insert new missions and update changed ones, both due now; leave unchanged ones alone, at no write.

        A mission that was missing from sweeps and is there again is a change.
        """

    async def known_page(self, after: MissionId | None, *, limit: int) -> tuple[KnownMission, ...]:
        """Return known missions that are not closed, in the order of their ids."""

    # -- work

    async def claim(
        self,
        *,
        limit: int,
        now: datetime,
        settle: Settle,
        creations: CreationLimit,
        retries: int | None = None,
        probe: int | None = None,
        only: Sequence[MissionId] | None = None,
    ) -> Claimed:
        """Claim up to `limit` contracts that are due and free, most urgent first, settle them, and return the effects.

        At most `retries` of them failed at their last attempt (`None`: no limit). Of a backlog the newest are taken in
        equal part with the oldest, so that a new mission waits for nobody. The intents in the settled facts are
        committed when this returns. Two replicas never claim the same contract. A contract that is due but rests after
        settling is written and freed. The brake on creations is counted and tripped in here. `probe`: with a limit of
        one, that which finds out whether the remote is well again: a mission of this minute, else the newest (an odd
        number) or the oldest, before any that failed at its last attempt. `only` claims these contracts, due or not.
        """

    async def record(
        self, outcomes: Sequence[Outcome], *, now: datetime, settle: Settle, creations: CreationLimit
    ) -> tuple[Claim | None, ...]:
        """Apply outcomes to the rows as they are now, settle them, and return the next effect of each, if any.

        One outcome's row that is no longer held by its token is left alone (its entry is `None`): another replica
        has it. A batch is one transaction.
        """

    async def amend(
        self,
        mission_ids: Sequence[MissionId],
        apply: Amend,
        *,
        now: datetime,
        move: CursorMove | None = None,
        resting: bool = False,
    ) -> frozenset[MissionId]:
        """Apply a change without a lease and make the changed contracts due now (unless `resting`); return their ids.

        Whoever works on one of them finds the new facts when it records.
        """

    async def renew(self, tokens: Mapping[MissionId, int], *, now: datetime) -> frozenset[MissionId]:
        """Extend leases; return the missions whose lease is still ours."""

    async def rescue(self, *, now: datetime) -> int:
        """Free what dead replicas held (SQLite at start: every claim); return how many contracts."""

    async def heartbeat(self, *, now: datetime) -> None:
        """Say in the registry of replicas that this one lives."""

    async def sign_off(self) -> None:
        """Leave the registry and free what this replica still holds."""

    async def next_due_at(self) -> datetime | None:
        """Return when the next free contract is due, `None` when none ever is."""

    # -- letters

    async def take_letters(
        self, *, limit: int, now: datetime, most_per_hour: int = 0, in_hand: Collection[LetterClaim] | None = None
    ) -> tuple[QueuedLetter, ...]:
        """Take letters that are due and not blocked by a hold; each says `sending` from here on.

        New letters and deferred ones are taken in turns, the oldest first; a crowd of new ones shares its turns with
        the letters of this minute: no backlog delays them. A letter found in `sending` whose taker is dead has an
        unknown outcome. The brake on mails is counted in here, over all replicas: with `most_per_hour` not one more is
        taken than may leave in this sliding hour, and none once it is tripped. `in_hand`: by which claims letters are
        in hand; what else is ours is of a taking whose answer was lost, and waits again.
        """

    async def record_letters(self, outcomes: Sequence[LetterOutcome], *, now: datetime) -> tuple[bool, ...]:
        """Write what became of letters, and make due the contracts that it moves on; false for what is not ours."""

    async def give_up_letters(self, *, queued_before: datetime, error: str, now: datetime) -> int:
        """Let letters that have waited in vain since then fail, a batch of the oldest; return how many."""

    async def queue_digest(self, cause: str, *, now: datetime) -> bool:
        """Queue the supervisor's digest of a day, once; false when it was queued before."""

    async def requeue_failed(self, mission_ids: Sequence[MissionId], *, now: datetime) -> int:
        """Queue failed letters again, and unknown ones that gave up; never sent ones. Return how many."""

    async def resend(self, letter_id: int, *, now: datetime) -> int:
        """Queue a new letter like this one, with a Message-ID of its own; return its id."""

    async def next_letter_at(self) -> datetime | None:
        """Return when the next letter is due."""

    # -- common state

    async def gate(self, name: str) -> GateState:
        """Return the patience towards a remote."""

    async def wake_waiting(self, next_action: str, *, now: datetime, until: datetime) -> None:
        """Make due now what waits with this next action and is due by `until`; they stay in line."""

    async def set_gate(self, name: str, state: GateState) -> None:
        """Write the patience towards a remote."""

    async def guard(self, name: str) -> GuardState:
        """Return a brake."""

    async def trip(self, name: str, detail: str, *, now: datetime) -> None:
        """Put a brake on; the first detail stays."""

    async def approve(self, name: str, *, now: datetime) -> None:
        """Take a brake off, once: what happened until now no longer counts."""

    async def mails_since(self, since: datetime) -> int:
        """Return how many mails have left since then, those that only perhaps left and every repeat included."""

    async def note_flow(
        self, flow: str, *, now: datetime, error: str | None = None, rows: int = 0, changes: int = 0
    ) -> None:
        """Remember that a flow went through (or did not, and why), and when it last saw a row and a change."""

    async def note(self, mission_id: MissionId, entry: TimelineEntry, *, now: datetime) -> None:
        """Add one entry to a contract's timeline (an access, a look)."""

    async def set_mark(self, name: str, value: str) -> None:
        """Keep one small named value (the vault's key id, the day of the last digest)."""

    async def mark(self, name: str) -> str | None:
        """Return a small named value."""
