"""Delete documents whose retention is over. The row, its hash and the timeline stay; the bytes go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncd.model import Facts, MissionId, Policy, StoredDocument
from syncd.ports.documents import Vault
from syncd.ports.ledger import Amendment, Ledger, TimelineEntry
from syncd.ports.reading import ContractFilter
from syncd.workdays import paris_day

_PAGE = 200

Expired = Mapping[MissionId, Sequence[StoredDocument]]


async def find_expired(ledger: Ledger, policy: Policy, *, now: datetime, kept_for: timedelta) -> Expired:
    """Return the documents of missions whose training ended longer than `kept_for` ago."""
    expired: dict[MissionId, Sequence[StoredDocument]] = {}
    after: MissionId | None = None
    while page := await ledger.ids_of(ContractFilter(), after=after, limit=_PAGE):
        for mission_id in page:
            view = await ledger.view(mission_id)
            if view is not None and _is_over(view.facts, policy, now, kept_for):
                expired[mission_id] = [d for d in view.facts.documents if d.file_id]
        after = page[-1]
    return {mission_id: documents for mission_id, documents in expired.items() if documents}


def _is_over(facts: Facts, policy: Policy, now: datetime, kept_for: timedelta) -> bool:
    campaign = policy.campaigns.of(facts.mission.academic_year)
    ends_on = facts.mission.training_ends_on or (campaign.training_ends_on if campaign is not None else None)
    return ends_on is not None and paris_day(now) > ends_on + kept_for


async def purge_documents(expired: Expired, ledger: Ledger, vault: Vault, *, now: datetime) -> int:
    """Delete the bytes, then write down that they are gone; return how many documents. Repeating is harmless."""
    count = 0
    for mission_id, documents in expired.items():
        for document in documents:
            await vault.remove(document.file_id)
            count += 1
        gone = {document.file_id for document in documents}

        def forget(facts: Facts, gone: set[str] = gone) -> Amendment:
            kept = tuple(replace(d, file_id="") if d.file_id in gone else d for d in facts.documents)
            entries = tuple(
                TimelineEntry(event="document.purged", detail={"kind": d.kind, "version": d.version})
                for d in facts.documents
                if d.file_id in gone
            )
            return Amendment(facts=replace(facts, documents=kept), entries=entries)

        await ledger.amend([mission_id], forget, now=now, resting=True)
    return count
