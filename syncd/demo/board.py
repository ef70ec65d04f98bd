"""What the demo shows of the ledger: one line per contract, and the sums."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from syncd.model import Facts, HoldCode, MissionId, NotificationState, Step, Track
from syncd.ports.reading import ContractFilter, ContractRow, LedgerReader

_EVERYTHING = ContractFilter()
_MOST = 10_000
AT_REST = frozenset({Step.HELD, Step.DONE, Step.CLOSED})

_AWAITED = {
    Step.TO_INITIALISE: "CACTUS",
    Step.AWAITING_STUDENT: "the student",
    Step.AWAITING_COMPANY: "the company",
    Step.AWAITING_DOCUMENTS: "the CFA",
    Step.TO_FETCH: "CACTUS",
    Step.TO_REGISTER: "the mail",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contract as the demo shows it. `awaited` is who moves it on; empty when nobody has to."""

    mission_id: MissionId
    who: str
    track: Track | None
    level: str
    campus: str
    step: Step
    awaited: str
    holds: tuple[HoldCode, ...]
    is_late: bool
    letters_sent: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All contracts at one moment."""

    lines: tuple[Line, ...] = ()
    documents_stored: int = 0
    letters_waiting: int = 0
    counts: Mapping[Step, int] = field(default_factory=dict)

    @property
    def moving(self) -> tuple[Line, ...]:
        """The contracts that somebody still has to move on."""
        return tuple(line for line in self.lines if line.step not in AT_REST)


async def read_board(ledger: LedgerReader) -> Board:
    """Return the board as the ledger is now."""
    rows = {row.mission_id: row for row in await ledger.list_contracts(_EVERYTHING, limit=_MOST)}
    known = await ledger.waiting_facts(_EVERYTHING, limit=_MOST)
    lines = tuple(_line(rows[facts.mission_id], facts) for facts in known if facts.mission_id in rows)
    letters = [letter.state for facts in known for letter in facts.notifications]
    return Board(
        lines=lines,
        documents_stored=sum(len(facts.documents) for facts in known),
        letters_waiting=sum(state in (NotificationState.QUEUED, NotificationState.SENDING) for state in letters),
        counts=Counter(line.step for line in lines),
    )


def _line(row: ContractRow, facts: Facts) -> Line:
    mission = facts.mission
    return Line(
        mission_id=row.mission_id,
        who=_name(mission.student_first_name, mission.student_last_name),
        track=row.track,
        level=row.level or "?",
        campus=row.campus or "?",
        step=row.step,
        awaited=_awaited(row),
        holds=tuple(dict.fromkeys(row.hold_codes)),
        is_late=row.is_late,
        letters_sent=sum(letter.state is NotificationState.SENT for letter in facts.notifications),
        changed_at=row.changed_at,
    )


def _name(first: str | None, last: str | None) -> str:
    return f"{first or '?'} {last[:1]}." if last else first or "?"


def _awaited(row: ContractRow) -> str:
    if row.step is Step.AWAITING_DOCUMENTS and row.track is Track.PROFESSIONNALISATION:
        return "the office"
    return _AWAITED.get(row.step, "")
