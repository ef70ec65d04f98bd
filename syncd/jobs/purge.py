"""Delete documents whose retention is over. The row, its hash and the timeline stay; the bytes go."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from syncd.jobs.works import Works
from syncd.model import Facts, MissionId, Policy, StoredDocument
from syncd.model.replacing import replace
from syncd.ports.documents import Vault
from syncd.ports.ledger import Amendment, Ledger, TimelineEntry
from syncd.workdays import paris_day

_PAGE = 500
_MARK = "documents_tidied_on"

Expired = Mapping[MissionId, Sequence[StoredDocument]]


class DocumentKeeper:
    """Once a day, deletes documents whose retention is over, and files that a crash left without a row."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._suspects: frozenset[str] = frozenset()

    async def tidy_when_due(self) -> bool:
        """Tidy up unless somebody did so today; return whether it was done now.

        Raises:
            Transient: the ledger or the vault cannot be reached; tried again at the next call.
        """
        works, now = self._works, self._works.clock.now()
        today = paris_day(now).isoformat()
        if await works.ledger.mark(_MARK) == today:
            return False
        expired = await find_expired(works.ledger, works.policy, now=now, kept_for=works.rhythm.documents_kept_for)
        await purge_documents(expired, works.ledger, works.vault, now=now)
        self._suspects = await remove_orphans(works.ledger, works.vault, self._suspects)
        await works.ledger.set_mark(_MARK, today)
        return True


async def find_expired(ledger: Ledger, policy: Policy, *, now: datetime, kept_for: timedelta) -> Expired:
    """Return the documents of missions whose training ended longer than `kept_for` ago.

    Only contracts of which something is kept are looked at: most that were ever known have nothing left.
    """
    today, expired, after = paris_day(now), dict[MissionId, Sequence[StoredDocument]](), None
    while page := await ledger.missions_with_files(after=after, limit=_PAGE):
        old = [mission_id for mission_id, year in page if _may_be_over(year, policy, today, kept_for)]
        for facts in await ledger.facts_of(old) if old else ():
            if _is_over(facts, policy, today, kept_for):
                expired[facts.mission_id] = [document for document in facts.documents if document.file_id]
        after = page[-1][0]
    return expired


def _may_be_over(academic_year: str | None, policy: Policy, today: date, kept_for: timedelta) -> bool:
    """Whether it is worth looking at the contract whole: no training ends before it begins."""
    campaign = policy.campaigns.of(academic_year)
    return campaign is None or today > campaign.training_starts_on + kept_for


def _is_over(facts: Facts, policy: Policy, today: date, kept_for: timedelta) -> bool:
    ends_on = _training_end(facts, policy)
    return ends_on is not None and today > ends_on + kept_for


def _training_end(facts: Facts, policy: Policy) -> date | None:
    mission = facts.mission
    if mission.training_ends_on is not None:
        return mission.training_ends_on
    campaign = policy.campaigns.of(mission.academic_year)
    if campaign is None:
        return None
    return campaign.training_ends_per_programme.get(mission.programme or "", campaign.training_ends_on)


async def purge_documents(expired: Expired, ledger: Ledger, vault: Vault, *, now: datetime) -> int:
    """Delete the bytes, then write down that they are gone; return how many documents. Repeating is harmless."""
    for mission_id, documents in expired.items():
        gone = {document.file_id for document in documents}
        for file_id in gone:
            await vault.remove(file_id)
        await ledger.amend([mission_id], partial(_forget, gone=gone), now=now, resting=True)
    return sum(len(documents) for documents in expired.values())


def _forget(facts: Facts, *, gone: set[str]) -> Amendment:
    kept = tuple(replace(d, file_id="") if d.file_id in gone else d for d in facts.documents)
    entries = tuple(
        TimelineEntry(event="document.purged", detail={"kind": d.kind, "version": d.version})
        for d in facts.documents
        if d.file_id in gone
    )
    return Amendment(facts=replace(facts, documents=kept), entries=entries)


async def remove_orphans(ledger: Ledger, vault: Vault, suspects: frozenset[str]) -> frozenset[str]:
    """Delete files that no document row names, now or when they were suspected; return those to suspect next time.

    A crash between a file and its row leaves such a file. A file that was written a moment ago may still get its row:
    hence two looks, long enough apart.
    """
    files = await vault.file_ids()
    orphans = files - await ledger.document_files()
    for file_id in orphans & suspects:
        await vault.remove(file_id)
    return orphans - suspects
