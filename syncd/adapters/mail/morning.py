"""Gather the supervisor's digest from the ledger: each contract once, in the most urgent section that it belongs to."""

from collections import defaultdict
from datetime import datetime

from syncd.adapters.mail.digest import Digest, DigestRow
from syncd.adapters.mail.french import plain
from syncd.admission import holds_of
from syncd.cautions import is_late_request
from syncd.events.french import spoken
from syncd.model import Event, Facts, HoldCode, NotificationState, Policy, Step
from syncd.ports.clock import Clock
from syncd.ports.reading import ContractFilter, LedgerReader, LetterRow
from syncd.reminders import is_start_near
from syncd.workdays import paris_day

_MOST = 200
_SECTIONS = {
    Step.HELD: "held",
    Step.AWAITING_STUDENT: "awaiting_student",
    Step.AWAITING_COMPANY: "awaiting_company",
    Step.AWAITING_DOCUMENTS: "awaiting_documents",
}
_OPEN = (Step.TO_INITIALISE, *_SECTIONS, Step.TO_FETCH, Step.TO_REGISTER)
_REMINDERS = (Event.STUDENT_PART_REMINDER, Event.COMPANY_PART_REMINDER)
_DECISIONS = frozenset({
    HoldCode.MISSION_CHANGED_SINCE_VALIDATION, HoldCode.MISSION_WITHDRAWN, HoldCode.DUPLICATE_ACTIVE_CONTRACT,
    HoldCode.REMOTE_CONFLICT, HoldCode.REMOTE_REFUSED, HoldCode.REMOTE_MISSING, HoldCode.REMOTE_OUTCOME_UNKNOWN,
    HoldCode.DOCUMENT_INVALID, HoldCode.QUARANTINED,
})  # fmt: skip
"""Holds that a person decides; any other is lifted by itself when the mission, the calendar or the settings change."""


async def gather_digest(ledger: LedgerReader, clock: Clock, policy: Policy) -> Digest:
    """Return what the supervisor should know this morning, late requests first: at most 200 contracts of each step."""
    now, sections = clock.now(), defaultdict[str, list[DigestRow]](list)
    for step in _OPEN:
        waiting = await ledger.waiting_facts(ContractFilter(step=step), limit=_MOST)
        for facts in sorted(waiting, key=lambda facts: not is_late_request(facts.mission, policy)):
            place = _place_of(facts, now, policy)
            if place is not None:
                section, note = place
                sections[section].append(_row(facts, note))
    told = {section: tuple(rows) for section, rows in sections.items()}
    return Digest(day=paris_day(now), failed_letters=await _failed_letters(ledger), **told)


def _place_of(facts: Facts, now: datetime, policy: Policy) -> tuple[str, str] | None:
    """Return the section of a contract and what is to be said of it in French; `None` when it needs no attention."""
    if facts.step is Step.HELD:
        holds = holds_of(facts, now=now, policy=policy)
        codes, sentences = {hold.code for hold in holds}, " ".join(dict.fromkeys(hold.message for hold in holds))
        if codes == {HoldCode.OUT_OF_SCOPE}:
            return None
        return ("needs_person" if codes & _DECISIONS else "held"), sentences
    if why_late := _why_late(facts, now, policy):
        return "late", why_late
    section = _SECTIONS.get(facts.step)
    return (section, "") if section is not None else None


def _why_late(facts: Facts, now: datetime, policy: Policy) -> str:
    start, reminders = facts.mission.contract_starts_on, _reminders_since(facts, _awaited_since(facts))
    reasons = {
        "Demande tardive.": is_late_request(facts.mission, policy),
        f"Début du contrat : {start:%d/%m/%Y}." if start is not None else "": is_start_near(facts, now, policy),
        f"Relances déjà envoyées : {reminders}.": reminders > 0,
    }
    return " ".join(reason for reason, holds in reasons.items() if holds)


def _reminders_since(facts: Facts, since: datetime | None) -> int:
    if since is None:
        return 0
    return len({n.cause for n in facts.notifications if n.event in _REMINDERS and n.created_at >= since})


def _awaited_since(facts: Facts) -> datetime | None:
    return facts.student_awaited_since or facts.company_awaited_since


async def _failed_letters(ledger: LedgerReader) -> tuple[DigestRow, ...]:
    """Name the contracts whose letters no server takes, or were twice sent without an answer."""
    lost = [
        letter
        for state in (NotificationState.FAILED, NotificationState.UNKNOWN)
        for letter in await ledger.letters(state=state, limit=_MOST)
        if letter.retry_at is None
    ]
    rows = []
    for mission_id in dict.fromkeys(letter.mission_id for letter in lost):
        view = await ledger.view(mission_id) if mission_id is not None else None
        if view is not None:
            rows.append(_row(view.facts, " ".join(_says(letter) for letter in lost if letter.mission_id == mission_id)))
    return tuple(rows)


def _says(letter: LetterRow) -> str:
    fate = "refusé" if letter.state is NotificationState.FAILED else "sans réponse du serveur"
    return f"« {spoken('letter', letter.event)} » ({spoken('role', letter.role)}) : {fate}."


def _row(facts: Facts, note: str) -> DigestRow:
    mission = facts.mission
    since = (None if facts.step is Step.HELD else _awaited_since(facts)) or facts.status_since or facts.discovered_at
    return DigestRow(
        mission_id=facts.mission_id,
        student=plain(" ".join(name for name in (mission.student_first_name, mission.student_last_name) if name)),
        company=plain(mission.company_name),
        step=facts.step,
        since=paris_day(since),
        note=note,
    )
