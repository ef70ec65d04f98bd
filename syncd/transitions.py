"""How facts change: what each outcome, each reading and each decision of a person adds to what is known. Pure."""

from datetime import datetime, timedelta

from syncd.actions import Announce, Effect, Initialise
from syncd.model import (
    FILLING,
    GENERATED,
    Asked,
    DocumentKind,
    Facts,
    Mission,
    Notification,
    NotificationState,
    Patience,
    RemoteContract,
    RemoteDocument,
    RemoteStatus,
    StoredDocument,
)
from syncd.model.replacing import replace
from syncd.standing import OVER

# ---------------------------------------------------------------------- intents and their outcomes


def begin(facts: Facts, effect: Effect, *, now: datetime) -> Facts:
    """Write down what is about to be asked. From here on the mission's row is frozen as it is sent."""
    if not isinstance(effect, Initialise):
        return facts
    is_repeat = facts.asked in (Asked.ABSENT, Asked.UNKNOWN)
    return replace(
        facts,
        asked=Asked.UNDER_WAY,
        asked_at=now,
        first_asked_at=(facts.first_asked_at if is_repeat else None) or now,
        sent=effect.mission,
        baseline=(facts.baseline if is_repeat else None) or facts.mission,
    )


def survive_crash(facts: Facts) -> Facts:
    """An intent that nobody recorded an outcome for may have been carried out."""
    return replace(facts, asked=Asked.UNKNOWN) if facts.asked is Asked.UNDER_WAY else facts


def not_applied(facts: Facts) -> Facts:
    """CACTUS certainly did nothing with the last request; an earlier one without an answer still counts.

    Whatever was found absent before it is looked for again before the next one, where keys do not say so.
    """
    first, looked_up = facts.first_asked_at, facts.looked_up_at
    if facts.contract_id is not None:
        return facts
    if first == facts.asked_at:
        return replace(facts, asked=Asked.NOT_APPLIED, looked_up_at=None, sent=None, baseline=None)
    was_absent = first is not None and looked_up is not None and looked_up > first
    may_ask_again = was_absent and facts.cancel_wanted is None
    return replace(facts, asked=Asked.ABSENT if may_ask_again else Asked.UNKNOWN, looked_up_at=None)


def unanswered(facts: Facts) -> Facts:
    """The last request may have been carried out."""
    return facts if facts.contract_id is not None else replace(facts, asked=Asked.UNKNOWN)


def absent(facts: Facts, *, now: datetime, idempotent: bool, patience: Patience) -> Facts:
    """CACTUS has no contract with this reference; without keys that counts only after its longest processing time.

    That time begins with the first look-up after the request: when the request left is not known for sure. Before a
    cancellation is taken as done, it is waited for in any case.
    """
    if facts.contract_id is not None:
        return facts
    asked_at, before = facts.asked_at, facts.looked_up_at
    if asked_at is None or facts.asked in (Asked.NEVER, Asked.NOT_APPLIED):
        return replace(facts, looked_up_at=now)
    may_repeat = idempotent and facts.cancel_wanted is None
    was_absent_long_ago = facts.asked is Asked.ABSENT or (
        before is not None and before > asked_at and now >= before + patience.processing_time
    )
    return replace(
        facts,
        looked_up_at=max(now, asked_at + timedelta.resolution),  # after the request, whatever became of the clock
        asked=Asked.ABSENT if was_absent_long_ago or may_repeat else Asked.UNKNOWN,
    )


def refused(facts: Facts, reason: str) -> Facts:
    """CACTUS will never accept this request as it is."""
    return facts if facts.contract_id is not None else succeeded(replace(facts, asked=Asked.REFUSED, refusal=reason))


def conflicting(facts: Facts, reason: str) -> Facts:
    """CACTUS has something else under this reference or key: a person compares."""
    return succeeded(replace(facts, asked=Asked.CONFLICT, conflict=reason))


def link(facts: Facts, contract: RemoteContract, *, now: datetime, adopted: bool = False) -> Facts:
    """This contract of CACTUS is the mission's; a second one never takes the place of the first.

    One that is found although nothing is known of its sending (the ledger was set back) was validated when it was
    sent, whatever the row says now; only an admin who adopts it goes on with the row as it is.
    """
    if facts.contract_id not in (None, contract.contract_id):
        return conflicting(facts, f"contrat {contract.contract_id}")
    linked = replace(
        facts,
        asked=Asked.ANSWERED,
        contract_id=contract.contract_id,
        linked_at=now,
        adopted=facts.adopted or adopted,
        baseline=facts.baseline or (facts.mission if adopted else replace(facts.mission, status="validated")),
        refusal=None,
        conflict=None,
    )
    return observe(linked, contract, now=now)


def is_same_contract(contract: RemoteContract, mission: Mission) -> bool:
    """Whether a contract of CACTUS is about this student and company; what it does not tell is not held against it."""
    number, siret = contract.student_number, contract.company_siret
    if number is None and siret is None:
        return contract.external_reference == mission.mission_id
    return number in (None, mission.student_number) and siret in (None, mission.company_siret)


# ------------------------------------------------------------------------------ readings of CACTUS


def observe(facts: Facts, contract: RemoteContract, *, now: datetime) -> Facts:
    """Take what CACTUS says as the state, with the instant it was read; its own dates decide nothing."""
    before = facts.remote
    has_new_status = before is None or before.status != contract.status
    is_reopened = has_new_status and _is_reopened(facts, contract)
    observed = replace(
        forget_fault(facts) if contract.known_status in FILLING else facts,
        remote=contract,
        remote_read_at=now,
        reread_wanted=False,
        is_missing_remotely=False,
        status_since=now if has_new_status else facts.status_since,
        reopenings=facts.reopenings + 1 if is_reopened else facts.reopenings,
        closed_reason=None if is_reopened else facts.closed_reason,
    )
    return _note_who_is_awaited(observed, contract, now, starts_over=is_reopened)


def _is_reopened(facts: Facts, contract: RemoteContract) -> bool:
    """Whether the contract came back to where it had left, be it that the word itself was missed."""
    was, status = facts.remote.known_status if facts.remote is not None else None, contract.known_status
    was_over = was in OVER or facts.closed_reason is not None
    if status in FILLING:
        return status is RemoteStatus.REOPENED or was_over or (was is not None and was not in FILLING)
    return was_over and status in GENERATED


def _note_who_is_awaited(facts: Facts, contract: RemoteContract, now: datetime, *, starts_over: bool) -> Facts:
    student = None if starts_over else facts.student_awaited_since
    company = None if starts_over else facts.company_awaited_since
    student_is_done, company_is_done = contract.student_part.is_done, contract.company_part.is_done
    return replace(
        facts,
        student_awaited_since=None if student_is_done else (student or now),
        company_awaited_since=(company or now) if student_is_done and not company_is_done else None,
    )


def unchanged(facts: Facts, *, now: datetime) -> Facts:
    """CACTUS was asked and nothing has changed."""
    return replace(facts, remote_read_at=now, reread_wanted=False, is_missing_remotely=False)


def missing(facts: Facts, *, now: datetime) -> Facts:
    """CACTUS does not know the contract any more."""
    return succeeded(replace(facts, is_missing_remotely=True, remote_read_at=now, reread_wanted=False))


# --------------------------------------------------------------------------------------- documents


def store_document(facts: Facts, document: StoredDocument, *, now: datetime) -> Facts:
    """A checked document is in the vault; the one before it no longer holds."""
    kept = tuple(
        replace(d, superseded_at=now) if d.kind is document.kind and d.superseded_at is None else d
        for d in facts.documents
    )
    stored = replace(facts, documents=(*kept, document))
    return forget_fault(stored) if facts.document_fault_of in (None, document.kind) else stored


def forget_fault(facts: Facts) -> Facts:
    """What was wrong with a document no longer matters."""
    return replace(facts, document_fault=None, document_fault_of=None, document_failures=0)


def supersede(facts: Facts, documents: tuple[StoredDocument, ...], *, now: datetime) -> Facts:
    """These documents no longer hold; they are kept."""
    return replace(
        facts, documents=tuple(replace(d, superseded_at=now) if d in documents else d for d in facts.documents)
    )


def is_still_offered(facts: Facts, document: RemoteDocument) -> bool:
    """Whether CACTUS offers this very document, as far as is known: it may have been reopened or generated again."""
    remote = facts.remote
    offered = (
        remote.current_document(document.kind) if remote is not None and remote.known_status in GENERATED else None
    )
    return offered is not None and (offered.version, offered.sha256) == (document.version, document.sha256)


def reject_document(facts: Facts, kind: DocumentKind, fault: str) -> Facts:
    """What CACTUS offers cannot be taken in: held, and fetched again with patience, until something good comes."""
    return replace(facts, document_fault=fault, document_fault_of=kind)


# ----------------------------------------------------------------------------------------- letters


def announce(facts: Facts, action: Announce, *, now: datetime) -> Facts:
    """Queue letters; with the favourable decision, the mission counts as sent."""
    queued = tuple(
        Notification(
            event=letter.event, role=letter.role, cause=letter.cause, state=NotificationState.QUEUED, created_at=now
        )
        for letter in action.letters
    )
    said = replace(facts, notifications=(*facts.notifications, *queued))
    return replace(said, decided_at=now, baseline=facts.mission) if action.decides else said


# ---------------------------------------------------------------------------------------- attempts


def delay_after(attempts: int, patience: Patience, *, throw: float) -> timedelta:
    """Return how long to wait after so many failures: doubling, bounded, and never the same for two contracts.

    `throw` is a random number in [0, 1).
    """
    doubled = patience.first_delay * float(2 ** min(max(attempts - 1, 0), 40))
    return min(doubled, patience.longest_delay) * (0.5 + throw / 2)


def failed(
    facts: Facts, error: str, *, now: datetime, patience: Patience, throw: float, retry_after: timedelta | None = None
) -> Facts:
    """An attempt came to nothing: later again, with more patience."""
    attempts = facts.attempts + 1
    delay = max(delay_after(attempts, patience, throw=throw), retry_after or timedelta())
    return replace(facts, attempts=attempts, last_error=error, not_before=now + delay)


def succeeded(facts: Facts) -> Facts:
    """Forget the failures before it."""
    return replace(facts, attempts=0, last_error=None, not_before=None)


# --------------------------------------------------------------------------- decisions of an admin


def resync(facts: Facts) -> Facts:
    """Ask again for everything about this contract now, with the attempts reset; nothing sent is sent again."""
    return replace(succeeded(facts), reread_wanted=facts.contract_id is not None, document_failures=0)


def hold(facts: Facts, reason: str) -> Facts:
    """An admin stops this contract."""
    return replace(facts, manual_hold=reason)


def release(facts: Facts, *, is_known_absent: bool) -> Facts:
    """An admin lets the contract go on: the row as it is now becomes the baseline, and what was refused is asked anew.

    `is_known_absent`: the admin answers the question whether CACTUS has it, with no.
    """
    free = replace(
        resync(facts),
        manual_hold=None,
        quarantined=False,
        scope_waived=True,
        baseline=facts.mission if facts.baseline is not None else None,
        baseline_is_gone=facts.sweeps_missed >= 2,
        is_missing_remotely=False,
    )
    free = forget_fault(free)
    if facts.contract_id is not None:
        return replace(free, asked=Asked.ANSWERED, refusal=None, conflict=None)
    is_another_request = is_known_absent or facts.asked in (Asked.REFUSED, Asked.CONFLICT)
    return _ask_anew(free) if is_another_request else free


def _ask_anew(facts: Facts) -> Facts:
    """CACTUS has nothing of ours: the row as it is now is another request, with another key."""
    return replace(
        facts,
        asked=Asked.NEVER,
        asked_at=None,
        sent=None,
        baseline=None,
        ask_round=facts.ask_round + 1,
        looked_up_at=None,
        refusal=None,
        conflict=None,
    )


def want_cancellation(facts: Facts, reason: str) -> Facts:
    """An admin asks for the cancellation; what was absent only just now is looked up once more before it is closed.

    A quarantine does not stand in its way: a person has looked.
    """
    asked = Asked.UNKNOWN if facts.asked is Asked.ABSENT else facts.asked
    return replace(succeeded(facts), cancel_wanted=reason, asked=asked, quarantined=False)


def close(facts: Facts, reason: str) -> Facts:
    """The contract is over because an admin said so."""
    return replace(facts, closed_reason=reason, cancel_wanted=None)
