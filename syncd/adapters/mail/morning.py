"""Gather the supervisor's digest from the ledger."""

from collections.abc import Sequence

from syncd.adapters.mail.digest import Digest, DigestRow
from syncd.adapters.mail.french import plain
from syncd.model import Facts, MissionId, NotificationState, Step
from syncd.ports.clock import Clock
from syncd.ports.reading import ContractFilter, ContractRow, LedgerReader
from syncd.workdays import paris_day

_MOST = 200


async def gather_digest(ledger: LedgerReader, clock: Clock) -> Digest:
    """Return what the supervisor should know this morning: at most 200 rows a section."""
    failed = {
        row.mission_id: row.last_error
        for row in await ledger.letters(state=NotificationState.FAILED, limit=_MOST)
        if row.mission_id is not None
    }
    troubled = await ledger.needs_person(limit=_MOST)
    return Digest(
        day=paris_day(clock.now()),
        held=await _rows_of(ledger, ContractFilter(held=True)),
        failed_letters=await _failed(ledger, troubled, failed),
        awaiting_student=await _rows_of(ledger, ContractFilter(step=Step.AWAITING_STUDENT)),
        awaiting_company=await _rows_of(ledger, ContractFilter(step=Step.AWAITING_COMPANY)),
        awaiting_documents=await _rows_of(ledger, ContractFilter(step=Step.AWAITING_DOCUMENTS)),
    )


async def _rows_of(ledger: LedgerReader, which: ContractFilter) -> tuple[DigestRow, ...]:
    rows = {row.mission_id: row for row in await ledger.list_contracts(which, limit=_MOST)}
    return tuple(_row(facts, rows.get(facts.mission_id)) for facts in await ledger.waiting_facts(which, limit=_MOST))


async def _failed(
    ledger: LedgerReader, troubled: Sequence[ContractRow], failed: dict[MissionId, str | None]
) -> tuple[DigestRow, ...]:
    found = [await ledger.view(row.mission_id) for row in troubled if row.mission_id in failed]
    return tuple(
        _row(view.facts, view.row, note=failed[view.facts.mission_id] or "") for view in found if view is not None
    )


def _row(facts: Facts, row: ContractRow | None, *, note: str | None = None) -> DigestRow:
    mission = facts.mission
    codes = ", ".join(dict.fromkeys(row.hold_codes)) if row is not None else ""
    since = facts.status_since or facts.discovered_at
    return DigestRow(
        mission_id=facts.mission_id,
        student=plain(" ".join(name for name in (mission.student_first_name, mission.student_last_name) if name)),
        company=plain(mission.company_name),
        step=facts.step,
        since=paris_day(since),
        note=note if note is not None else codes,
    )
