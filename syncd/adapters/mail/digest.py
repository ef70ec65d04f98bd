"""What the daily digest tells the supervisor. Pure data, filled by the job that sends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from syncd.model import MissionId, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRow:
    """One contract in one section. `since` is the Paris day since when it is so; `note` says why, in French."""

    mission_id: MissionId
    student: str
    company: str
    step: Step
    since: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The supervisor's day (Paris). An empty section is not shown; an empty digest says that all is well."""

    day: date
    needs_person: tuple[DigestRow, ...] = ()
    late: tuple[DigestRow, ...] = ()
    held: tuple[DigestRow, ...] = ()
    failed_letters: tuple[DigestRow, ...] = ()
    awaiting_student: tuple[DigestRow, ...] = ()
    awaiting_company: tuple[DigestRow, ...] = ()
    awaiting_documents: tuple[DigestRow, ...] = ()

    def sections(self) -> Iterator[tuple[str, tuple[DigestRow, ...]]]:
        """Yield the title and the rows of each section that has some, the most urgent first."""
        titled = (
            ("À décider par une personne", self.needs_person),
            ("Urgents ou en retard", self.late),
            ("Retenus", self.held),
            ("Courriels qui ne sont pas partis", self.failed_letters),
            ("En attente de l'étudiant", self.awaiting_student),
            ("En attente de l'entreprise", self.awaiting_company),
            ("En attente des documents", self.awaiting_documents),
        )
        return ((title, rows) for title, rows in titled if rows)
