"""Perform one effect on the outside world and say what it adds to the facts. Nothing is written here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from syncd.actions import CancelRemote, Effect, FetchDocument, Initialise, LookUp, ReadRemote
from syncd.errors import OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.jobs.failures import failure, postponed
from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.model import ContractId, Facts, MissionId, Policy, RemoteContract
from syncd.model.replacing import replace
from syncd.ports.cactus import Cactus
from syncd.ports.clock import Clock
from syncd.ports.ledger import Amend, Amendment, Claim, Outcome, TimelineEntry
from syncd.transitions import (
    absent,
    close,
    conflicting,
    failed,
    is_same_contract,
    is_still_offered,
    link,
    missing,
    observe,
    refused,
    reject_document,
    store_document,
    succeeded,
    unchanged,
)

Change = Callable[[Facts], Facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What effects are performed with."""

    cactus: Cactus
    documents: DocumentFetcher
    gate: Gate
    clock: Clock
    policy: Policy


MayBegin = Callable[[], Awaitable[bool]]


async def _always() -> bool:
    return True


async def perform(claim: Claim, bench: Bench, *, may_begin: MayBegin = _always) -> Outcome | None:
    """Carry out a claim's effect, once, and return how its outcome changes the facts.

    The gate can keep everybody waiting for a while: `may_begin` is asked afterwards. `None`: it said no.
    """
    async with bench.gate.pass_through(since=claim.facts.discovered_at) as may_pass:
        if not await may_begin():
            return None
        amend = await _perform(claim, bench) if may_pass else postponed(claim.effect)
    return Outcome(mission_id=claim.facts.mission_id, token=claim.token, apply=amend)


async def _perform(claim: Claim, bench: Bench) -> Amend:
    try:
        amend = await _carry_out(claim.effect, claim.facts, bench)
    except (Transient, OutcomeUnknown) as error:
        await bench.gate.note_failure(error)
        if error.is_general and bench.gate.closed_until() is not None:
            return postponed(claim.effect, error)
        return failure(claim.effect, error, bench.clock, bench.policy.patience)
    await bench.gate.note_success()
    return amend


def _carry_out(effect: Effect, facts: Facts, bench: Bench) -> Awaitable[Amend]:
    match effect:
        case Initialise():
            return _initialise(effect, bench)
        case LookUp(reference=reference):
            return _look_up(reference, bench)
        case ReadRemote():
            return _read(effect, facts, bench)
        case FetchDocument():
            return _fetch(effect, facts, bench)
        case CancelRemote():
            return _cancel(effect, bench)


# ------------------------------------------------------------------------------------------------ create and find


async def _initialise(effect: Initialise, bench: Bench) -> Amend:
    try:
        contract = await bench.cactus.initialise(effect.mission, key=effect.key)
    except Refused as refusal:
        return await _after_refusal(refusal, effect, bench)
    return _linked(contract, now=bench.clock.now(), event="contract.initialised")


_KEY_REUSED = "la même demande y a été faite avec d'autres valeurs"


async def _after_refusal(refusal: Refused, effect: Initialise, bench: Bench) -> Amend:
    reason = refusal.message
    if refusal.code is RefusalCode.REFERENCE_EXISTS:
        in_the_way = await _in_the_way(refusal, effect.mission.mission_id, bench)
        return adopted_or_conflicting(in_the_way, now=bench.clock.now())
    if refusal.code is RefusalCode.KEY_REUSED:
        return _changed(lambda facts: conflicting(facts, _KEY_REUSED), "contract.conflicted", status=str(refusal.code))
    return _changed(lambda facts: refused(facts, reason), "contract.refused", status=str(refusal.code))


async def _in_the_way(refusal: Refused, reference: MissionId, bench: Bench) -> RemoteContract | None:
    if refusal.contract_id is None:
        return await bench.cactus.find(reference) if bench.cactus.capabilities.look_up else None
    try:
        return await bench.cactus.read(ContractId(refusal.contract_id))
    except Refused:
        return None  # CACTUS names a contract that it does not know: a person compares


async def _look_up(reference: MissionId, bench: Bench) -> Amend:
    found = await bench.cactus.find(reference)
    if found is not None:
        return adopted_or_conflicting(found, now=bench.clock.now())
    now, policy = bench.clock.now(), bench.policy
    keys = policy.capabilities.idempotency_keys

    def note_absence(current: Facts) -> Facts:
        return absent(current, now=now, idempotent=keys, patience=policy.patience)

    return _changed(note_absence, "contract.looked_up", status="absent")


def adopted_or_conflicting(found: RemoteContract | None, *, now: datetime) -> Callable[[Facts], Amendment]:
    """A contract under our reference is ours when it is about the same student and company."""

    def apply(facts: Facts) -> Amendment:
        sent = facts.sent or facts.mission
        if found is not None and is_same_contract(found, sent):
            return _linked(found, now=now, event="contract.adopted")(facts)
        where = found.contract_id if found is not None else "?"
        reason = f"contrat {where}"
        entry = TimelineEntry(event="contract.conflicted", detail={"contract_id": where})
        return Amendment(facts=conflicting(facts, reason), entries=(entry,))

    return apply


def _linked(contract: RemoteContract, *, now: datetime, event: str) -> Callable[[Facts], Amendment]:
    def apply(facts: Facts) -> Amendment:
        if facts.contract_id == contract.contract_id:  # the feed told of it first
            return Amendment(facts=succeeded(facts))
        entry = TimelineEntry(event=event, detail={"contract_id": contract.contract_id, "attempts": facts.attempts + 1})
        linked = succeeded(link(facts, contract, now=now))
        # what the feed told while the answer was on its way may be newer than the answer
        return Amendment(facts=replace(linked, reread_wanted=facts.reread_wanted), entries=(entry,))

    return apply


# ------------------------------------------------------------------------------------------------------ read and cancel


async def _read(effect: ReadRemote, facts: Facts, bench: Bench) -> Amend:
    etag = facts.remote.etag if facts.remote is not None and not facts.is_missing_remotely else None
    try:
        contract = await bench.cactus.read(effect.contract_id, etag=etag)
    except Refused as refusal:
        if refusal.code is not RefusalCode.NOT_FOUND:
            raise Transient(refusal.message) from refusal
        now = bench.clock.now()
        return _changed(lambda current: missing(current, now=now), "contract.missing", contract_id=effect.contract_id)
    return _unless_overtaken(observed(contract, now=bench.clock.now()), known=facts.remote)


def _unless_overtaken(take_in: Amend, *, known: RemoteContract | None) -> Amend:
    """Look again when the feed told something while the answer was on its way: nobody knows which of both is newer."""

    def apply(facts: Facts) -> Amendment | None:
        amendment = take_in(facts)
        if amendment is None or facts.remote == known:
            return amendment
        return replace(amendment, facts=replace(amendment.facts, reread_wanted=True))

    return apply


def observed(contract: RemoteContract | None, *, now: datetime) -> Amend:
    """Return how a reading of CACTUS changes the facts (`None`: nothing has changed)."""

    def apply(facts: Facts) -> Amendment:
        if contract is None:
            return Amendment(facts=succeeded(unchanged(facts, now=now)))
        after = succeeded(observe(facts, contract, now=now))
        return Amendment(facts=after, entries=_status_entries(facts, contract))

    return apply


def _status_entries(before: Facts, contract: RemoteContract) -> tuple[TimelineEntry, ...]:
    previous = before.remote.status if before.remote is not None else None
    if previous == contract.status:
        return ()
    event = "contract.changed" if contract.known_status is not None else "contract.status_unknown"
    return (TimelineEntry(event=event, detail={"previous": previous, "status": contract.status}),)


async def _cancel(effect: CancelRemote, bench: Bench) -> Amend:
    now = bench.clock.now()
    try:
        contract = await bench.cactus.cancel(effect.contract_id, effect.reason)
    except Refused as refusal:
        if refusal.code is RefusalCode.NOT_FOUND:  # somebody removed it: there is nothing left to cancel
            return _changed(
                lambda current: missing(current, now=now), "contract.missing", contract_id=effect.contract_id
            )
        reason = f"cancellation refused: {refusal.code}"
        return _changed(
            lambda facts: replace(facts, cancel_wanted=None, last_error=reason, reread_wanted=True),
            "contract.failed",
            error=str(refusal.code),
        )

    def apply(facts: Facts) -> Amendment:
        after = close(succeeded(observe(facts, contract, now=now)), effect.reason)
        return Amendment(facts=after, entries=(TimelineEntry(event="contract.cancelled", detail={}),))

    return apply


# ------------------------------------------------------------------------------------------------------------ documents


async def _fetch(effect: FetchDocument, facts: Facts, bench: Bench) -> Amend:
    result = await bench.documents.fetch(effect, facts)
    now, patience, throw = bench.clock.now(), bench.policy.patience, bench.clock.throw()

    def apply(current: Facts) -> Amendment:
        detail: dict[str, str | int | bool | None] = {"kind": effect.document.kind, "version": effect.document.version}
        if result.stored is not None:
            done = succeeded(store_document(current, result.stored, now=now))
            return Amendment(facts=done, entries=(TimelineEntry(event="document.stored", detail=detail),))
        if not is_still_offered(current, effect.document):  # what was wrong with it is of no interest any more
            return Amendment(facts=succeeded(current))
        fault = result.fault or "unusable"
        entry = TimelineEntry(event="document.rejected", detail={**detail, "fault": fault})
        failures = current.document_failures + 1
        later = failed(current, f"document: {fault}", now=now, patience=patience, throw=throw)
        if result.is_final or failures >= patience.document_tries:
            later = reject_document(later, effect.document.kind, fault)
        return Amendment(facts=replace(later, document_failures=failures), entries=(entry,))

    return apply


def _changed(change: Change, event: str, **detail: str | int | None) -> Amend:
    def apply(facts: Facts) -> Amendment:
        return Amendment(facts=change(facts), entries=(TimelineEntry(event=event, detail=dict(detail)),))

    return apply
