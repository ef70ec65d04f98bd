"""What the metrics and the status page show, read from the ledger at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from syncd.model import NotificationState, Step
from syncd.ports.clock import Clock
from syncd.ports.ledger import GateState, GuardState, Ledger
from syncd.ports.reading import Backlog, ContractRow, FlowRow, LetterRow, ReplicaRow

GATES = ("cactus", "mail")
GUARDS = ("contracts", "mails", "sweep")
CONTRACTS_SHOWN = 100
LETTERS_SHOWN = 20

_SILENT_AFTER = timedelta(seconds=15)
_LARGEST_SKEW = timedelta(minutes=10)
"""Heartbeats may be on the database's clock, `read_at` is on ours."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The ledger as it was at `read_at`; identifiers and counts only. Compared by identity: each is a reading.

    `people` and `lost_letters` have at most one more row than is shown.
    """

    read_at: datetime
    steps: Mapping[Step, int]
    flows: tuple[FlowRow, ...]
    backlog: Backlog
    gates: Mapping[str, GateState]
    guards: Mapping[str, GuardState]
    people: tuple[ContractRow, ...]
    lost_letters: tuple[LetterRow, ...]
    replicas: tuple[ReplicaRow, ...]

    @property
    def needs_person(self) -> int:
        """How many contracts need a person; a lower bound when they are more than were read."""
        return max(len(self.people), self.steps.get(Step.HELD, 0))

    @property
    def living_replicas(self) -> tuple[ReplicaRow, ...]:
        """The processes whose heart beats, compared with the freshest heartbeat: theirs is one clock."""
        newest = max((replica.heartbeat_at for replica in self.replicas), default=self.read_at)
        present = max(newest, self.read_at - _LARGEST_SKEW)
        return tuple(replica for replica in self.replicas if present - replica.heartbeat_at < _SILENT_AFTER)


async def read_snapshot(ledger: Ledger, clock: Clock) -> Snapshot:
    """Return the state of everything.

    Raises:
        Transient: the ledger cannot be read.
    """
    now = clock.now()
    return Snapshot(
        read_at=now,
        steps=await ledger.count_by_step(),
        flows=await ledger.flows(),
        backlog=await ledger.backlog(now=now),
        gates={name: await ledger.gate(name) for name in GATES},
        guards={name: await ledger.guard(name) for name in GUARDS},
        people=await ledger.needs_person(limit=CONTRACTS_SHOWN + 1),
        lost_letters=await _lost_letters(ledger),
        replicas=await ledger.replicas(),
    )


async def _lost_letters(ledger: Ledger) -> tuple[LetterRow, ...]:
    """Return the newest letters that nobody received for sure, the failed ones first."""
    failed = await ledger.letters(state=NotificationState.FAILED, limit=LETTERS_SHOWN + 1)
    unknown = await ledger.letters(state=NotificationState.UNKNOWN, limit=LETTERS_SHOWN + 1)
    return (*failed, *unknown)[: LETTERS_SHOWN + 1]
