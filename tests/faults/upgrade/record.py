"""Records what this version leaves behind when it is killed at work: `python -m tests.faults.upgrade.record`.

Run once for every new revision of the schema, by the version that brings it; the file is never written again, for later
versions are tried on it. `LIVES` says how far each mission has come, and how it must end under any later version.
"""

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import CredentialsRefused, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from syncd.jobs.discover import discover
from syncd.model import ContractId, DocumentKind, Facts, Mission, MissionId, RemoteContract, StoredDocument
from syncd.ports.cactus import FetchedDocument
from syncd.ports.ledger import Amendment, CreationLimit
from syncd.store import open_ledger
from syncd.store.upgrading import scripts
from syncd.transitions import hold, store_document, want_cancellation
from tests.faults.upgrade.dump import Recording, dump_cactus, dump_ledger, recorded_revisions
from tests.faults.upgrade.passes import whole_pass
from tests.jobs.workshop import LEASE, LETTER_LEASE, Post, Workshop, id_of, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import mission

_NO_LIMIT = CreationLimit(limit=0)
_A_DAY, _AN_HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Life:
    """One mission: what happened to it, and where it ends once everybody does their part."""

    what: str
    ends: str = "done"
    row: dict[str, Any] | None = None


_PROFESSIONNALISATION = {"track": "professionnalisation"}
LIVES: dict[int, Life] = {
    1: Life("held: the SIRET is wrong", "held", {"company_siret": "13001533200014"}),
    2: Life("held: the admission is pending", "held", {"admission_confirmed": 0}),
    3: Life("discovered, never looked at"),
    4: Life("CACTUS was down for it: not asked, waits for another attempt"),
    5: Life("under way when the process was killed; the request never left"),
    6: Life("under way when the process was killed; CACTUS has the contract"),
    7: Life("asked, no answer, CACTUS has the contract; waits for the look-up"),
    8: Life("asked, no answer, looked up and absent; waits for another attempt"),
    9: Life("refused by CACTUS", "held"),
    10: Life("in conflict with another contract", "held"),
    11: Life("awaits the student"),
    12: Life("awaits the student, who was reminded"),
    13: Life("awaits the company"),
    14: Life("awaits the company, being read when the process was killed"),
    15: Life("awaits the documents"),
    16: Life("one document stored, the other not to be had"),
    17: Life("one document being fetched when the process was killed"),
    18: Life("held: a document was not what CACTUS declared; the CFA puts it right"),
    19: Life("registration asked for, the letter waits for its next attempt"),
    20: Life("done"),
    21: Life("done, then reopened by the CFA"),
    22: Life("done, generated anew: its first documents are superseded"),
    23: Life("cancelled by an admin", "closed"),
    24: Life("an admin wants it cancelled, CACTUS could not be asked yet", "closed"),
    25: Life("professionnalisation: announced, awaits its papers", row=_PROFESSIONNALISATION),
    26: Life("professionnalisation: one paper handed over", row=_PROFESSIONNALISATION),
    27: Life("professionnalisation: done", row=_PROFESSIONNALISATION),
    28: Life("M1: registration asked for with the validation", row={"level": "M1", "programme": "M1 MIAGE"}),
    29: Life("stopped by hand, with a letter that waits", "held"),
    30: Life("quarantined after three crashes alone", "held"),
    31: Life("suspect: it was claimed in two crashes"),
    32: Life("a second mission of the student of 20", "held", {"student_number": "21000020"}),
    33: Life("withdrawn after the sending", "held"),
    34: Life("changed after the sending", "held"),
    35: Life("CACTUS says a word that nobody knows"),
    36: Life("a letter that the mail server refuses for ever"),
    37: Life("a letter whose answer was just lost, to be sent once more"),
    38: Life("a letter whose answer was lost twice, left to a person"),
    39: Life("a letter on its way when the process was killed"),
    40: Life("withdrawn before the sending", "closed", {"status": "withdrawn"}),
    41: Life("a letter that waits for its turn"),
    42: Life("urgent: the contract starts within days", row={"contract_starts_on": "2025-06-20"}),
}


class ScriptedCactus(MockCactus):
    """Makes trouble for some missions, in turn; a callable trouble sees the honest answer first."""

    troubles: dict[int, list[SyncdError | None]]
    documents_out_of_reach: frozenset[str] = frozenset()
    false_documents: frozenset[str] = frozenset()

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract; a lost answer is told after the work is done."""
        troubles = getattr(self, "troubles", {}).get(number_of(mission.mission_id), [])
        trouble = troubles.pop(0) if troubles else None
        if trouble is not None and trouble.message != "answer lost":
            raise trouble
        created = await super().initialise(mission, key=key)
        if trouble is not None:
            raise trouble
        return created

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return a document, none, or another one than was declared."""
        if contract_id in self.documents_out_of_reach and kind is DocumentKind.CONVENTION:
            raise Transient("the document cannot be had now")
        fetched = await super().fetch_document(contract_id, kind, version)
        false = contract_id in self.false_documents
        return replace(fetched, content=b"%PDF-1.4 another\n%%EOF\n") if false else fetched


def number_of(mission_id: MissionId) -> int:
    """Return the number of a numbered mission."""
    return int(mission_id[-4:])


@dataclass
class Recorder:
    """One version at work, from the first day to the moment when it is killed."""

    workshop: Workshop
    url: str

    @property
    def cactus(self) -> ScriptedCactus:
        """CACTUS, with its troubles."""
        assert isinstance(self.workshop.works.cactus, ScriptedCactus)
        return self.workshop.works.cactus

    async def contract(self, number: int) -> ContractId:
        """Return what CACTUS calls the contract of a mission."""
        found = await self.cactus.find(id_of(number))
        assert found is not None, number
        return found.contract_id

    async def pass_after(self, duration: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, then do a whole pass."""
        self.workshop.clock.advance(duration)
        await whole_pass(self.workshop.works)

    async def amend(self, number: int, change: Callable[[Facts], Facts]) -> None:
        """Let an admin decide."""
        await self.workshop.ledger.amend(
            [id_of(number)], lambda facts: Amendment(facts=change(facts)), now=self.workshop.clock.now()
        )

    async def claim(self, *numbers: int) -> None:
        """Claim contracts as a process does that is killed before it records anything."""
        works, now = self.workshop.works, self.workshop.clock.now()
        ids = [id_of(number) for number in numbers]
        claimed = await works.ledger.claim(limit=9, now=now, settle=works.settle, creations=_NO_LIMIT, only=ids)
        assert {claim.facts.mission_id for claim in claimed.claims} == set(ids), numbers
        for claim in claimed.claims:
            if number_of(claim.facts.mission_id) == 6:
                await self.cactus.initialise(claim.effect.mission, key=claim.effect.key)  # type: ignore[union-attr]

    # ----------------------------------------------------------------------------------------------------- the days

    async def live(self) -> None:
        """Play every life up to the moment of the kill."""
        await self._first_day()
        await self._weeks_of_filling()
        await self._documents()
        await self._decisions()
        await self._troubled_letters()
        await self._last_moments()

    async def _first_day(self) -> None:
        cactus, rows = self.cactus, self.workshop.rows
        cactus.troubles = {
            9: [Refused("invalid: student.email", code=RefusalCode.INVALID)],
            10: [Refused("the key was used with other values", code=RefusalCode.KEY_REUSED)],
        }
        later = {3, 4, 5, 6, 7, 8, 30, 31, 39}
        rows.put(*(mission(n, **(life.row or {})) for n, life in LIVES.items() if n not in later))
        await self.pass_after()

    async def _weeks_of_filling(self) -> None:
        for number in (13, 14, 15, 16, 17, 18, 19, 20, 21, 22):
            self.cactus.fill_student(await self.contract(number))
        await self.pass_after(_AN_HOUR)
        await self.pass_after(6 * _A_DAY)  # reminders
        for number in (15, 16, 17, 18, 19, 20, 21, 22):
            self.cactus.fill_company(await self.contract(number))
        await self.pass_after(_AN_HOUR)

    async def _documents(self) -> None:
        ids = {number: await self.contract(number) for number in (16, 17, 18, 19, 20, 21, 22)}
        self.cactus.documents_out_of_reach = frozenset({ids[16], ids[17]})
        self.cactus.false_documents = frozenset({ids[18]})
        self._post.for_ever["secretariat.FVMA-2025-0019@example.org"] = Transient("try again later")
        for contract_id in ids.values():
            self.cactus.generate(contract_id)
        for number in (26, 27):
            await self._hand_over(number, DocumentKind.CERFA)
        await self._hand_over(27, DocumentKind.CONVENTION)
        for _ in range(4):
            await self.pass_after(_AN_HOUR)
        self.cactus.reopen(ids[21])
        self.cactus.generate(ids[22])
        self.cactus.say_status(await self.contract(35), "archived_by_the_cfa")
        for _ in range(2):
            await self.pass_after(_AN_HOUR)

    async def _hand_over(self, number: int, kind: DocumentKind) -> None:
        paper = StoredDocument(
            kind=kind, version=1, remote_version=None, sha256="0" * 64, size=1, file_id=f"{number}-{kind}.bin",
            stored_at=self.workshop.clock.now(),
        )  # fmt: skip
        await self.amend(number, lambda facts: store_document(facts, paper, now=self.workshop.clock.now()))

    async def _decisions(self) -> None:
        rows = self.workshop.rows
        await self.amend(23, lambda facts: want_cancellation(facts, "the student left"))
        rows.change("FVMA-2025-0033", status="withdrawn", updated_at=self._now)
        rows.change("FVMA-2025-0034", mission_title="Autre titre", updated_at=self._now)
        await self.pass_after()

    async def _troubled_letters(self) -> None:
        """Second letters of contracts that await their company."""
        trouble = self._post.for_ever
        trouble["hr_contact.FVMA-2025-0036@example.org"] = Refused("550 no such mailbox")
        trouble["hr_contact.FVMA-2025-0038@example.org"] = OutcomeUnknown("the answer was lost", is_general=False)
        trouble["hr_contact.FVMA-2025-0029@example.org"] = Transient("452 mailbox full")
        for number in (29, 36, 38):
            self.cactus.fill_student(await self.contract(number))
        for _ in range(3):
            await self.pass_after(timedelta(minutes=40))
        await self.amend(29, lambda facts: hold(facts, "the company asks for time"))

    async def _last_moments(self) -> None:
        lost = [OutcomeUnknown(f"{what} lost", is_general=False) for what in ("answer", "request")]
        out_of_reach = Transient("no connection")
        self.cactus.troubles = {4: [out_of_reach], 7: [lost[0]], 8: [lost[1], out_of_reach]}
        self._validate(8)
        await self.pass_after()
        await self._crash_with(30, times=4)
        await self.pass_after(timedelta(seconds=5))
        await self._crash_with(31, times=2)
        await self._killed_at_work()

    async def _crash_with(self, number: int, *, times: int) -> None:
        """Claim one contract, die, and be followed by the next process, again and again."""
        self._validate(number)
        await self._discover()
        for crash in range(times):
            await self.claim(number)
            self.workshop.clock.advance(timedelta(seconds=1))
            heir = open_ledger(
                self.url, replica=f"heir-{number}-{crash}", version="1", lease=LEASE, letter_lease=LETTER_LEASE,
                message_domain="example.org", clock=self.workshop.clock,
            )  # fmt: skip
            await heir.rescue(now=self.workshop.clock.now())
            await heir.aclose()
        if times > 3:
            works, now = self.workshop.works, self.workshop.clock.now()
            await works.ledger.claim(limit=1, now=now, settle=works.settle, creations=_NO_LIMIT, only=[id_of(number)])

    async def _killed_at_work(self) -> None:
        works, ledger, clock = self.workshop.works, self.workshop.ledger, self.workshop.clock
        clock.advance(timedelta(minutes=11))
        self._validate(4, 5, 6, 7, 39)
        await self._discover()
        await self._drive(4, 7, 39)
        await self._write_last_letters()
        self.cactus.faults.is_unavailable = True
        await self.amend(24, lambda facts: want_cancellation(facts, "the company closed"))
        await self._drive(24)
        self.cactus.faults.is_unavailable = False
        await self.amend(14, lambda facts: replace(facts, reread_wanted=True))
        await self.claim(5, 6, 14, 17)
        clock.advance(timedelta(milliseconds=1))
        self._validate(3)
        await self._discover()
        await works.cactus_gate.note_failure(CredentialsRefused("CACTUS refuses our credentials"))
        await ledger.heartbeat(now=clock.now())

    async def _write_last_letters(self) -> None:
        """One whose answer is lost, one on its way, one in line."""
        lost = OutcomeUnknown("the answer was lost", is_general=False)
        self._post.for_ever["hr_contact.FVMA-2025-0037@example.org"] = lost
        await self._fill_student(37)
        await self.workshop.works.deliverer.drain()
        await self._fill_student(39)
        taken = await self.workshop.ledger.take_letters(limit=9, now=self.workshop.clock.now())
        assert [letter.mission_id for letter in taken] == [id_of(39)]
        await self._fill_student(41)

    async def _fill_student(self, number: int) -> None:
        self.cactus.fill_student(await self.contract(number))
        await self.amend(number, lambda facts: replace(facts, reread_wanted=True))
        await self._drive(number)

    async def _drive(self, *numbers: int) -> None:
        await self.workshop.works.advancer.drive([id_of(number) for number in numbers])

    def _validate(self, *numbers: int) -> None:
        """Add rows to the store, as young as the moment."""
        self.workshop.rows.put(*(mission(number, updated_at=self._now) for number in numbers))

    @property
    def _now(self) -> str:
        return self.workshop.clock.now().isoformat()

    async def _discover(self) -> None:
        await discover(self.workshop.works.missions, self.workshop.ledger, self.workshop.clock)

    @property
    def _post(self) -> Post:
        return self.workshop.post


def rows_of(store: Path) -> list[dict[str, Any]]:
    """Return every row of a mission store."""
    with closing(sqlite3.connect(store)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM validated_missions ORDER BY mission_id")]


async def record(folder: Path) -> Recording:
    """Return what this version leaves behind."""
    url, clock = f"sqlite:///{folder / 'ledger.db'}", FixedClock(NOW)
    async with open_workshop(url, folder, replica="killed", clock=clock, cactus=ScriptedCactus(clock)) as workshop:
        recorder = Recorder(workshop, url)
        await recorder.live()
        head = scripts().get_current_head()
        assert head is not None
        return Recording(
            revision=head,
            recorded_at=clock.now(),
            ledger=dump_ledger(url),
            missions=rows_of(workshop.rows.file),
            cactus=dump_cactus(recorder.cactus),
            lives={id_of(number): (life.what, life.ends) for number, life in LIVES.items()},
        )


def main() -> None:
    """Record, unless this revision has its recording."""
    if scripts().get_current_head() in recorded_revisions():
        sys.exit("this revision has its recording: what an earlier version left behind is never written again")
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder:
        print(asyncio.run(record(Path(folder))).write())


if __name__ == "__main__":
    main()
