"""What syncd and an admin do in the life of a few contracts, with everything that the real commands work with."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from syncd.daemon import Daemon
from syncd.jobs.once import run_once
from syncd.jobs.works import Works
from syncd.model import DocumentKind, Facts, MissionId, NotificationState, Step, StoredDocument, Track
from syncd.ports.clock import Clock
from syncd.ports.documents import DocumentName
from syncd.ports.ledger import Amendment
from syncd.ports.reading import ContractFilter
from syncd.service import ServiceManager
from syncd.settings import Settings
from syncd.transitions import store_document
from syncd.wiring.works import open_works

_MOST_PASSES = 8


async def prepare(settings: Settings, clock: Clock, *, wal: bool | None) -> None:
    """Make the ledger, and nothing else."""
    async with open_works(settings, clock=clock, sqlite_wal=wal):
        pass


async def make_pass(settings: Settings, clock: Clock, papers: Sequence[bytes], *, wal: bool | None) -> None:
    """Make one pass, as `syncd run --once` does, after an admin handed over what was asked for."""
    async with _at_work(settings, clock, wal=wal) as works:
        await _add_what_is_awaited(works, papers)
        await run_once(works)


async def live(settings: Settings, clock: Clock, papers: Sequence[bytes], *, wal: bool | None) -> None:
    """Pass after pass, until every contract is done or held."""
    async with _at_work(settings, clock, wal=wal) as works:
        for _ in range(_MOST_PASSES):
            await _add_what_is_awaited(works, papers)
            await run_once(works)
            if await _resend_what_is_in_doubt(works):
                continue
            steps = await works.ledger.count_by_step()
            if steps and set(steps) <= {Step.DONE, Step.HELD}:
                return


async def serve(settings: Settings, clock: Clock, manager: str | None) -> None:
    """Be the daemon; its service manager wants a sign of life every two seconds."""
    async with open_works(settings, clock=clock) as works:
        ears = ServiceManager(address=manager, watchdog=timedelta(seconds=2))
        await Daemon(works, manager=ears, may_reload=lambda: False).run()


async def _resend_what_is_in_doubt(works: Works) -> int:
    """Do what an admin does who reads that letters were perhaps sent twice, each time by a sender that died."""
    letters = await works.ledger.letters()
    known = Counter((row.mission_id, row.event, row.role, row.cause) for row in letters)
    spent = [
        row for row in letters
        if row.state is NotificationState.UNKNOWN and row.retry_at is None
        and known[row.mission_id, row.event, row.role, row.cause] == 1
    ]  # fmt: skip
    for row in spent:
        await works.ledger.resend(row.letter_id, now=works.clock.now())
    return len(spent)


@asynccontextmanager
async def _at_work(settings: Settings, clock: Clock, *, wal: bool | None) -> AsyncIterator[Works]:
    async with open_works(settings, clock=clock, sqlite_wal=wal) as works:
        await works.ledger.rescue(now=clock.now())
        await works.ledger.heartbeat(now=clock.now())
        try:
            yield works
        finally:
            await works.ledger.sign_off()


async def _add_what_is_awaited(works: Works, papers: Sequence[bytes]) -> None:
    awaited = ContractFilter(step=Step.AWAITING_DOCUMENTS, track=Track.PROFESSIONNALISATION)
    for row in await works.ledger.list_contracts(awaited, limit=10):
        view = await works.ledger.view(row.mission_id)
        for kind, content in zip(DocumentKind, papers, strict=True):
            if view is not None and view.facts.current_document(kind) is None:
                await _add(works, row.mission_id, kind, content)


async def _add(works: Works, mission_id: MissionId, kind: DocumentKind, content: bytes) -> None:
    """Check the document, then keep its file, then its row."""
    assert await works.pdf_check.fault_of(content) is None
    file_id = await works.vault.store(DocumentName(mission_id=mission_id, kind=kind, version=1), content)
    now = works.clock.now()
    document = StoredDocument(
        kind=kind, version=1, remote_version=None, sha256=hashlib.sha256(content).hexdigest(), size=len(content),
        stored_at=now, file_id=file_id,
    )  # fmt: skip

    def take_in(facts: Facts) -> Amendment:
        return Amendment(facts=store_document(facts, document, now=now))

    await works.ledger.amend([mission_id], take_in, now=now)
