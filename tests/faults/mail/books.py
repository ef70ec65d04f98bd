"""Compares what the mail server took with what the ledger says, letter by letter."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.model import MissionId, NotificationState
from tests.faults.mail.counter import Arrival
from tests.faults.mail.ledgers import Line

FINAL = frozenset({NotificationState.SENT, NotificationState.FAILED, NotificationState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The totals of a run."""

    letters: int
    sent: int
    failed: int
    unknown: int
    repeats: int
    doubts: int


def balance(lines: Sequence[Line], arrivals: Mapping[str, Sequence[Arrival]]) -> Balance:
    """Return the totals; a repeat is each arrival of a letter but its first."""
    states = Counter(line.state for line in lines)
    return Balance(
        letters=len(lines),
        sent=states[NotificationState.SENT],
        failed=states[NotificationState.FAILED],
        unknown=states[NotificationState.UNKNOWN],
        repeats=sum(len(found) - 1 for found in arrivals.values()),
        doubts=sum(line.doubts for line in lines),
    )


def complaints(
    lines: Sequence[Line], arrivals: Mapping[str, Sequence[Arrival]], *, shown: Collection[MissionId]
) -> list[str]:
    """Return everything that must not be; `shown` are the missions that are listed under "needs a person"."""
    known = {line.message_id for line in lines}
    strangers = [f"{name} arrived and nobody queued it" for name in arrivals if name not in known]
    names = Counter((a.mission, a.event, a.recipient) for found in arrivals.values() for a in found[:1])
    renamed = [f"{letter} arrived under {count} names" for letter, count in names.items() if count > 1]
    return [
        *strangers,
        *renamed,
        *(complaint for line in lines for complaint in _about(line, arrivals.get(line.message_id, ()), shown)),
    ]


def _about(line: Line, arrivals: Sequence[Arrival], shown: Collection[MissionId]) -> Iterator[str]:
    name = f"{line.message_id} ({line.state}, {line.attempts} attempts, {line.doubts} doubts)"
    if line.state not in FINAL or line.waits:
        yield f"{name} is still waiting"
    if line.state is NotificationState.SENT and not arrivals:
        yield f"{name} is lost"
    if line.state is NotificationState.FAILED and arrivals and not line.doubts:
        yield f"{name} arrived and counts as failed"
    if line.state is NotificationState.UNKNOWN and not line.doubts:
        yield f"{name} is unknown without a reason"
    if len(arrivals) > 1 + min(line.doubts, 1):
        yield f"{name} arrived {len(arrivals)} times"
    if any(arrival.recipient != line.recipient for arrival in arrivals):
        yield f"{name} went to somebody else"
    if line.state is not NotificationState.SENT and line.mission_id not in shown:
        yield f"{name} is shown to nobody"
