"""The procedure of a work-study contract, from the validated mission to the registration. Pure.

                     ┌── apprentissage ──────────────────────────────────────────────────────────────┐
    mission          │ initialise in CACTUS → the student fills → the company fills → CACTUS generates │
    validated ─────▶ │ → fetch Cerfa and convention → register at the secretariat of the campus        │ ──▶ done
    (M1: register    ├── professionnalisation ───────────────────────────────────────────────────────┤
     from here on)   │ announce the decision → the office establishes both papers → register there      │
                     └─────────────────────────────────────────────────────────────────────────────────┘

`next_step` answers "what now?", `visible_step` "where is it?". Both look at facts alone: what was missed is repaired
by looking again.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from syncd.actions import (
    Action,
    Announce,
    CancelRemote,
    Close,
    Effect,
    FetchDocument,
    Initialise,
    Letter,
    LookUp,
    ReadRemote,
    Supersede,
    Wait,
)
from syncd.admission import campaign_opening, holds_of
from syncd.model import (
    FILLING,
    GENERATED,
    Asked,
    ContractId,
    DocumentKind,
    Event,
    Facts,
    MissionId,
    Moment,
    NotificationState,
    Policy,
    RemoteContract,
    RemoteDocument,
    RemoteStatus,
    Role,
    Step,
    StoredDocument,
    Track,
)
from syncd.model.remembering import remembers_last
from syncd.reminders import Due, next_reminder
from syncd.standing import has_been_sent, is_gone, is_over, is_withdrawn

_REGISTRATION = (Event.REGISTRATION_REQUESTED, Event.REGISTRATION_INVITED)
_OFFICES = (Role.SECRETARIAT, Role.CONTINUING_EDUCATION)
_KEYS = UUID("5d3c1f0e-6f0b-5c50-9d55-0a4c8b7f2a11")
_JUST_NOW = timedelta(seconds=30)

# --------------------------------------------------------------------------------------- what now?


def next_step(facts: Facts, *, now: datetime, policy: Policy) -> Action:
    """Return the one thing to do next for this contract.

    An effect that failed waits for `facts.not_before`, letters do not; what is quarantined is not even read.
    """
    action = _next_step(facts, now, policy)
    if not isinstance(action, Effect):
        return action
    if facts.quarantined:
        return Wait(awaited="person")
    if facts.not_before is not None and now < facts.not_before:
        return Wait(awaited="retry", until=facts.not_before)
    return action


def _next_step(facts: Facts, now: datetime, policy: Policy) -> Action:
    if is_over(facts):
        if facts.reread_wanted and facts.contract_id is not None:
            return ReadRemote(contract_id=facts.contract_id)  # only CACTUS can open it again
        return _say(_incidents(facts, policy)) or Wait(awaited="nothing")
    if not has_been_sent(facts):
        return _before_sending(facts, now, policy)
    if facts.decided_at is not None:  # where it was sent counts, whatever the row says of its track now
        return _follow_professionalisation(facts, now, policy)
    if facts.contract_id is None:
        return _find_out(facts, now, policy)
    return _follow_contract(facts, facts.contract_id, now, policy)


def _before_sending(facts: Facts, now: datetime, policy: Policy) -> Action:
    """The mission is validated: may it go ahead? Both tracks start here."""
    if facts.cancel_wanted is not None:
        return Close(reason=facts.cancel_wanted)
    if holds_of(facts, now=now, policy=policy):
        return Wait(awaited="person", until=campaign_opening(facts.mission, now=now, policy=policy))
    registration = _registration_letters(facts, policy)
    if facts.mission.track is Track.PROFESSIONNALISATION:
        decision = _letters(facts, policy, Event.DECISION_FAVOURABLE)
        return Announce(letters=(*decision, *registration), decides=True)
    if registration:  # M1 students register from the validation on, whatever CACTUS does
        return Announce(letters=registration)
    return _ask(facts, now, policy)


# --------------------------------------------------------------- apprentissage, until it is linked


def _ask(facts: Facts, now: datetime, policy: Policy) -> Action:
    """Create the contract; a remote without idempotency keys is looked at first, every time and just before.

    An older look-up says nothing: the ledger may have been restored from a snapshot that knows nothing of what came
    after it.
    """
    remote, looked_up_at = policy.capabilities, facts.looked_up_at
    has_just_looked = looked_up_at is not None and now - looked_up_at < _JUST_NOW
    if not remote.idempotency_keys and remote.look_up and not has_just_looked:
        return LookUp(reference=facts.mission_id)
    mission = (facts.sent if has_been_sent(facts) else None) or policy.campaigns.with_training_dates(facts.mission)
    return Initialise(mission=mission, key=idempotency_key(facts.mission_id, facts.ask_round))


def _find_out(facts: Facts, now: datetime, policy: Policy) -> Action:
    """Something was asked and no contract is known: never ask again before knowing what became of it."""
    if (incident := _say(_incidents(facts, policy))) is not None:
        return incident
    is_free = not holds_of(facts, now=now, policy=policy)
    if facts.asked in (Asked.REFUSED, Asked.CONFLICT, Asked.ABSENT):  # CACTUS has nothing of ours
        if facts.cancel_wanted is not None:
            return Close(reason=facts.cancel_wanted)
        return _ask(facts, now, policy) if is_free else _make_sure_of_absence(facts, now, policy)
    if policy.capabilities.look_up:
        return _look_up_in_time(facts, now, policy)
    if policy.capabilities.idempotency_keys and (is_free or facts.cancel_wanted is not None):
        return _ask(facts, now, policy)  # the same key again is the one question that this remote answers
    return Wait(awaited="person")  # a question to a person, never a second attempt


def _make_sure_of_absence(facts: Facts, now: datetime, policy: Policy) -> Action:
    """A person must decide. An early absence is enough to ask again with the same key, but no proof of absence."""
    looked_up_at, asked_at = facts.looked_up_at, facts.asked_at
    if facts.asked is not Asked.ABSENT or looked_up_at is None or asked_at is None or not policy.capabilities.look_up:
        return Wait(awaited="person")
    sure_at = asked_at + policy.patience.processing_time
    if looked_up_at >= sure_at:
        return Wait(awaited="person")
    return LookUp(reference=facts.mission_id) if now >= sure_at else Wait(awaited="person", until=sure_at)


def _look_up_in_time(facts: Facts, now: datetime, policy: Policy) -> Action:
    """Look at once, for it may be there; before another attempt without keys, and before closing, once more later."""
    looked_up_at, asked_at = facts.looked_up_at, facts.asked_at or now
    may_repeat = policy.capabilities.idempotency_keys and facts.cancel_wanted is None
    if looked_up_at is None or looked_up_at <= asked_at or may_repeat:
        return LookUp(reference=facts.mission_id)
    settled_at = looked_up_at + policy.patience.processing_time
    return LookUp(reference=facts.mission_id) if now >= settled_at else Wait(awaited="retry", until=settled_at)


# ---------------------------------------------------------------- apprentissage, once it is linked


def _follow_contract(facts: Facts, contract_id: ContractId, now: datetime, policy: Policy) -> Action:
    """CACTUS has the contract: the student fills, the company fills, the CFA generates; then fetch and register."""
    if facts.cancel_wanted is not None and facts.is_missing_remotely:
        return Close(reason=facts.cancel_wanted)
    if facts.cancel_wanted is not None and policy.capabilities.cancellation:
        return CancelRemote(contract_id=contract_id, reason=facts.cancel_wanted)
    if facts.reread_wanted or (facts.remote is None and not facts.is_missing_remotely):
        return ReadRemote(contract_id=contract_id)
    if (incident := _say(_incidents(facts, policy))) is not None:
        return incident
    if (outdated := _outdated_documents(facts)) is not None:
        return outdated
    if (wanted := document_to_fetch(facts, policy)) is not None and not facts.is_missing_remotely:
        is_old_news = now >= (facts.remote_read_at or now) + policy.patience.reread_after  # offered still?
        fetch = FetchDocument(contract_id=contract_id, document=wanted)
        return ReadRemote(contract_id=contract_id) if is_old_news else fetch
    is_held = bool(holds_of(facts, now=now, policy=policy))
    due, reminder_at = ((), None) if is_held else _due_letters(facts, now, policy)
    if due:
        return Announce(letters=due)
    return _keep_watching(facts, contract_id, now, policy, reminder_at)


def _keep_watching(
    facts: Facts, contract_id: ContractId, now: datetime, policy: Policy, reminder_at: datetime | None
) -> Action:
    """Nothing is due: look again when the feed says so, at the latest after a while."""
    reread_at = _reread_at(facts, now, policy)
    if reread_at is not None and reread_at <= now:
        return ReadRemote(contract_id=contract_id)
    moments = [moment for moment in (reread_at, reminder_at) if moment is not None]
    return Wait(awaited=_AWAITED[visible_step(facts, now=now, policy=policy)], until=min(moments, default=None))


def _reread_at(facts: Facts, now: datetime, policy: Policy) -> datetime | None:
    patience, read_at = policy.patience, facts.remote_read_at or now
    if not policy.capabilities.change_feed:
        unchanged_for = read_at - (facts.status_since or read_at)
        return read_at + min(max(unchanged_for / 10, patience.poll_first), patience.poll_longest)
    if _has_offered_pair(facts, policy):
        return None  # at rest: the feed and the nightly comparison speak of it
    return read_at + patience.reread_after


def _outdated_documents(facts: Facts) -> Supersede | None:
    """A reopened contract's documents no longer hold, those that CACTUS still lists included."""
    if not facts.documents:
        return None
    status = facts.remote.known_status if facts.remote is not None else None
    current = tuple(document for document in facts.documents if document.superseded_at is None)
    return Supersede(documents=current) if status in FILLING and current else None


def document_to_fetch(facts: Facts, policy: Policy) -> RemoteDocument | None:
    """Return the next document that CACTUS offers in its highest version and the vault does not have."""
    remote = facts.remote
    if remote is None or remote.known_status not in GENERATED or not policy.capabilities.documents:
        return None
    offers = [remote.current_document(kind) for kind in DocumentKind]
    wanted = [d for d in offers if d is not None and not _is_same_document(facts.current_document(d.kind), d)]
    return min(wanted, key=lambda d: d.kind is facts.document_fault_of, default=None)  # a bad one waits for the other


def _is_same_document(stored: StoredDocument | None, offered: RemoteDocument) -> bool:
    return stored is not None and (stored.remote_version, stored.sha256) == (offered.version, offered.sha256)


# ---------------------------------------------------------------------------- professionnalisation


def _follow_professionalisation(facts: Facts, now: datetime, policy: Policy) -> Action:
    """The decision is announced; the continuing-education office establishes the papers, an admin hands them over."""
    if facts.cancel_wanted is not None:
        return Close(reason=facts.cancel_wanted)
    if (incident := _say(_incidents(facts, policy))) is not None:
        return incident
    if not holds_of(facts, now=now, policy=policy):
        due, _ = _due_letters(facts, now, policy)
        if due:
            return Announce(letters=due)
    return Wait(awaited=_AWAITED[visible_step(facts, now=now, policy=policy)])


# ----------------------------------------------------------------------------------------- letters


def _due_letters(facts: Facts, now: datetime, policy: Policy) -> tuple[tuple[Letter, ...], datetime | None]:
    """Return the letters that the facts call for and were never queued, and when the next reminder may be due."""
    reminder = next_reminder(facts, now=now, policy=policy)
    letters = (
        *_initialisation_letters(facts, policy),
        *_turn_of_the_company(facts, policy),
        *_document_letters(facts, policy),
        *_registration_letters(facts, policy),
    )
    if isinstance(reminder, Due):
        letters = (*letters, *_letters(facts, policy, reminder.event, cause=reminder.cause))
    return letters, None if reminder is None or isinstance(reminder, Due) else reminder.at


def _initialisation_letters(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    """Both sides learn that the contract exists; pointless for one that a person adopted when it was filled already."""
    if facts.remote is None or (facts.adopted and facts.remote.known_status in {*GENERATED, RemoteStatus.COMPLETED}):
        return ()
    return _letters(facts, policy, Event.CONTRACT_INITIALISED)


def _turn_of_the_company(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    remote = facts.remote
    if remote is None or remote.known_status not in FILLING:
        return ()
    is_its_turn = remote.student_part.is_done and not remote.company_part.is_done
    return _letters(facts, policy, Event.STUDENT_PART_DONE, cause=_after(facts)) if is_its_turn else ()


def _document_letters(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    """Once per current pair of documents, when it is the pair that CACTUS offers."""
    if not _has_offered_pair(facts, policy):
        return ()
    pair = ",".join(f"{d.kind}:{d.version}" for kind in DocumentKind if (d := facts.current_document(kind)) is not None)
    return _letters(facts, policy, Event.DOCUMENTS_AVAILABLE, cause=pair)


def _registration_letters(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    """Once per contract, not per version: with the validation or with the documents, as the recipients' table says."""
    return tuple(
        letter
        for event in _REGISTRATION
        if not facts.has_announced(event)
        and (policy.registration_moment(event, facts.mission) is Moment.VALIDATION or _has_offered_pair(facts, policy))
        for letter in _letters(facts, policy, event)
    )


def _incidents(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    """What the supervisor must learn although the contract is held or over."""
    status = facts.remote.known_status if facts.remote is not None else None
    letters: tuple[Letter, ...] = ()
    if status is RemoteStatus.REFUSED:
        letters += _letters(facts, policy, Event.CONTRACT_REFUSED, cause=_after(facts))
    if facts.reopenings:  # told even when the student was faster than we
        letters += _letters(facts, policy, Event.CONTRACT_REOPENED, cause=_after(facts))
    if is_over(facts) and has_been_sent(facts):
        letters += _letters(facts, policy, Event.CONTRACT_CANCELLED, cause=_after(facts))
    if (is_withdrawn(facts) or is_gone(facts)) and (has_been_sent(facts) or facts.notifications):
        letters += _withdrawal_letters(facts, policy)
    return letters


def _withdrawal_letters(facts: Facts, policy: Policy) -> tuple[Letter, ...]:
    """The supervisor, and every office that was written to before."""
    told = {*policy.recipients_of(Event.MISSION_WITHDRAWN, facts.mission)}
    told |= {n.role for n in facts.notifications if n.role in _OFFICES and n.event is not Event.MISSION_WITHDRAWN}
    return _unsaid(facts, Event.MISSION_WITHDRAWN, sorted(told), cause="")


def _letters(facts: Facts, policy: Policy, event: Event, *, cause: str = "") -> tuple[Letter, ...]:
    return _unsaid(facts, event, policy.recipients_of(event, facts.mission), cause=cause)


def _unsaid(facts: Facts, event: Event, roles: "list[Role] | tuple[Role, ...]", *, cause: str) -> tuple[Letter, ...]:
    return tuple(
        Letter(event=event, role=role, cause=cause)
        for role in dict.fromkeys(roles)
        if not facts.has_announced(event, role=role, cause=cause)
    )


def _say(letters: tuple[Letter, ...]) -> Announce | None:
    return Announce(letters=letters) if letters else None


def _after(facts: Facts) -> str:
    """Tell apart what happens again after a reopening."""
    return "" if facts.reopenings == 0 else str(facts.reopenings)


# ------------------------------------------------------------------------------------ where is it?


@remembers_last
def visible_step(facts: Facts, *, now: datetime, policy: Policy) -> Step:
    """Return the one step in which people see this contract."""
    if is_over(facts):
        return Step.CLOSED
    if holds_of(facts, now=now, policy=policy):
        return Step.HELD
    if not has_been_sent(facts):
        return Step.TO_INITIALISE
    if facts.decided_at is not None:
        return _last_steps(facts, policy) if _has_pair(facts) else Step.AWAITING_DOCUMENTS
    if facts.contract_id is None or facts.remote is None:
        return Step.TO_INITIALISE
    return _step_in_cactus(facts, facts.remote, policy)


def _step_in_cactus(facts: Facts, remote: RemoteContract, policy: Policy) -> Step:
    is_unknown = remote.known_status is None  # CACTUS has changed its words: what was reached is not lost
    if remote.known_status in GENERATED or (is_unknown and _has_pair(facts)):
        if _has_offered_pair(facts, policy):
            return _last_steps(facts, policy)
        return Step.TO_FETCH if policy.capabilities.documents else Step.AWAITING_DOCUMENTS
    if is_unknown and facts.step not in (Step.HELD, Step.TO_INITIALISE):
        return facts.step
    if not remote.student_part.is_done:
        return Step.AWAITING_STUDENT
    return Step.AWAITING_DOCUMENTS if remote.company_part.is_done else Step.AWAITING_COMPANY


def _last_steps(facts: Facts, policy: Policy) -> Step:
    are_sent = all(n.state is NotificationState.SENT for n in facts.notifications if n.event in _REGISTRATION)
    return Step.DONE if are_sent and not _registration_letters(facts, policy) else Step.TO_REGISTER


_AWAITED = {
    Step.HELD: "person", Step.TO_INITIALISE: "retry", Step.AWAITING_STUDENT: "student",
    Step.AWAITING_COMPANY: "company", Step.AWAITING_DOCUMENTS: "documents", Step.TO_FETCH: "documents",
    Step.TO_REGISTER: "mail", Step.DONE: "nothing", Step.CLOSED: "nothing",
}  # fmt: skip


# ------------------------------------------------------------------------------------- small words


def idempotency_key(mission_id: MissionId, ask_round: int) -> str:
    """Return the key under which CACTUS creates this contract once; the same on every replica and after a restore."""
    return str(uuid5(_KEYS, f"{ask_round}:{mission_id}"))


def _has_offered_pair(facts: Facts, policy: Policy) -> bool:
    """Whether the vault has both documents as CACTUS offers them, if it offers any."""
    return _has_pair(facts) and document_to_fetch(facts, policy) is None


def _has_pair(facts: Facts) -> bool:
    return bool(facts.documents) and all(facts.current_document(kind) is not None for kind in DocumentKind)
