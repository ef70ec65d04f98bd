"""The same life of each contract with no durability but that of the files: what syncd asks and writes, and no more.

    python -m benchmarks.bare_lifecycle REMOTE_URL STORE_URL FOLDER CONCURRENCY

Every letter is composed before the first request. The letters leave beside everything else, as many at once as syncd's.
"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from benchmarks.job import Job
from syncd.adapters.documents.pdf import LimitedPdfCheck
from syncd.adapters.documents.vault import FolderVault
from syncd.adapters.mail.context import LetterContext
from syncd.adapters.mail.folder import FolderMailer
from syncd.adapters.mail.letters import Letter, write_letter
from syncd.adapters.mail.message import compose
from syncd.model import Event, Mission, MissionId, RemoteContract, RemoteDocument, Role
from syncd.ports.documents import DocumentName
from syncd.wiring.adapters import MAIL_CONNECTIONS
from tests.adapters.mail.samples import STORED

_Announcement = tuple[Event, Role]
_FIRST_LETTERS = ((Event.CONTRACT_INITIALISED, Role.STUDENT), (Event.CONTRACT_INITIALISED, Role.HR_CONTACT))
_LAST_LETTERS = (
    (Event.DOCUMENTS_AVAILABLE, Role.STUDENT),
    (Event.DOCUMENTS_AVAILABLE, Role.HR_CONTACT),
    (Event.DOCUMENTS_AVAILABLE, Role.SUPERVISOR),
    (Event.REGISTRATION_REQUESTED, Role.SECRETARIAT),
    (Event.REGISTRATION_INVITED, Role.STUDENT),
)
_LONGEST_S = 300
_PAGE = 200
"""As many entries of the feed as syncd asks for."""
_NOW = datetime(2025, 6, 3, 8, tzinfo=UTC)
_Thing = TypeVar("_Thing")


class Life:
    """Brings contracts from the request to the last letter."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._check = LimitedPdfCheck()
        self._vault = FolderVault(folder / "documents", bytes(32), new_id=lambda: uuid4().hex)
        self._mailer = FolderMailer(folder / "mails")
        self._composed = {str(m.mission_id): dict(_letters_about(m)) for m in job.missions.values()}
        self._letters: asyncio.Queue[EmailMessage] = asyncio.Queue()

    async def lead_all(self, concurrency: int) -> None:
        """Lead every mission of the store to its last letter."""
        postmen = [asyncio.create_task(self._carry()) for _ in range(MAIL_CONNECTIONS)]
        await _each(self._job.missions, self._begin, concurrency)
        await _each([contract async for contract in self._feed()], self._end, concurrency)
        await self._letters.join()
        for postman in postmen:
            postman.cancel()
        await asyncio.gather(*postmen, return_exceptions=True)
        await self._check.aclose()

    async def _begin(self, mission_id: str) -> None:
        await self._job.initialise(mission_id)
        self._post(mission_id, _FIRST_LETTERS)

    async def _feed(self) -> AsyncIterator[RemoteContract]:
        after, has_more = None, True
        while has_more:
            page = await self._job.cactus.changes(after, limit=_PAGE)
            after, has_more = page.cursor, page.has_more
            for contract in page.items:
                yield contract

    async def _end(self, contract: RemoteContract) -> None:
        for document in contract.documents:
            await self._fetch(contract, document)
        self._post(str(contract.external_reference), _LAST_LETTERS)

    async def _fetch(self, contract: RemoteContract, document: RemoteDocument) -> None:
        fetched = await self._job.cactus.fetch_document(contract.contract_id, document.kind, document.version)
        assert hashlib.sha256(fetched.content).hexdigest() == document.sha256
        assert await self._check.fault_of(fetched.content) is None
        mission_id = MissionId(str(contract.external_reference))
        name = DocumentName(mission_id=mission_id, kind=document.kind, version=document.version)
        await self._vault.store(name, fetched.content)

    def _post(self, mission_id: str, announcements: Iterable[_Announcement]) -> None:
        for announcement in announcements:
            self._letters.put_nowait(self._composed[mission_id][announcement])

    async def _carry(self) -> None:
        while True:
            await self._mailer.send(await self._letters.get())
            self._letters.task_done()


async def _each(things: Iterable[_Thing], work: Callable[[_Thing], Awaitable[None]], concurrency: int) -> None:
    """Do the work for each, so many at once."""
    waiting = iter(things)

    async def worker() -> None:
        for thing in waiting:
            await work(thing)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


def _letters_about(mission: Mission) -> Iterator[tuple[_Announcement, EmailMessage]]:
    for event, role in (*_FIRST_LETTERS, *_LAST_LETTERS):
        message = compose(
            _text_of(event, role), sender="alternance@example.org", recipient="zoe@example.org",
            message_id=f"<{uuid4().hex}@example.org>", event=event, mission_id=mission.mission_id, date=_NOW,
        )  # fmt: skip
        yield (event, role), message


@cache
def _text_of(event: Event, role: Role) -> Letter:
    """Write an ordinary letter, once for all missions."""
    return write_letter(event, role, STORED, context=LetterContext(), written_on=_NOW.date())


async def main(remote_url: str, store_url: str, folder: Path, concurrency: int) -> None:
    """Lead the missions of a store to their last letter."""
    job = await Job.open(remote_url, store_url, concurrency)
    async with asyncio.timeout(_LONGEST_S):
        await Life(job, folder).lead_all(concurrency)
    await job.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
