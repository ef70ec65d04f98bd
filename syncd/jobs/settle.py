"""Look at one contract until something outside is to be done, or nothing is."""

from datetime import datetime, timedelta
from typing import Protocol

from syncd.actions import (
    Action,
    Announce,
    CancelRemote,
    Close,
    Effect,
    FetchDocument,
    Initialise,
    LookUp,
    ReadRemote,
    Supersede,
    Wait,
)
from syncd.admission import holds_of, is_active
from syncd.cautions import is_late_request, warnings_of
from syncd.jobs.leaps import Leaps
from syncd.model import Asked, Facts, HoldCode, HoldReason, Policy, Step
from syncd.model.replacing import replace
from syncd.ports.clock import Clock
from syncd.ports.ledger import Settled, TimelineEntry
from syncd.procedure import next_step, visible_step
from syncd.reminders import is_start_near
from syncd.transitions import announce, begin, close, supersede, survive_crash

_MOST_ENTRIES = 20
"""More ledger entries in a row than any contract can need: the procedure would be going in circles."""

BRAKE_PATIENCE = timedelta(minutes=1)


class RestsUntil(Protocol):
    """Says until when the remote rests."""

    def __call__(self, *, is_retry: bool) -> datetime | None:
        """Return until when a contract is held back, one whose last attempt failed (`is_retry`) perhaps longer."""


def never_rests(*, is_retry: bool) -> None:
    """Hold nobody back."""


class Settler:
    """Applies the procedure inside a ledger transaction.

    `rests_until` holds effects back without an attempt, and says until when; one that does not `act` (a command)
    leaves every effect to the daemon.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        clock: Clock,
        rests_until: RestsUntil = never_rests,
        acts: bool = True,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._leaps = Leaps(clock)
        self._rests_until = rests_until
        self._acts = acts

    def __call__(self, facts: Facts, *, may_create: bool) -> Settled:
        """Return what the facts come to now; a mistake of ours sets this one contract aside, visibly."""
        try:
            return self._settle(facts, may_create=may_create)
        except Exception as error:  # noqa: BLE001 - one contract must not keep its whole batch from being settled
            return _set_aside(facts, type(error).__name__)

    def _settle(self, facts: Facts, *, may_create: bool) -> Settled:
        now, entries = self._clock.now(), list[TimelineEntry]()
        policy = self._careful_policy(now)
        settled, action = self._advance(survive_crash(facts), now, policy, entries, may_create=may_create)
        holds = holds_of(settled, now=now, policy=policy)
        step = visible_step(settled, now=now, policy=policy)
        entries.extend(_movement(facts, step, holds))
        effect = action if isinstance(action, Effect) else None
        if effect is not None:
            settled = begin(settled, effect, now=now)
        return Settled(
            facts=_with_step(settled, step),
            entries=tuple(entries),
            holds=holds,
            warnings=warnings_of(settled, now=now, policy=policy),
            effect=effect,
            due_at=self._due_at(action, now, is_careful=policy is not self._policy),
            next_action=name_of(action),
            is_active=is_active(settled, now=now, policy=policy, holds=holds),
            is_urgent=is_start_near(settled, now, policy),
            is_late_request=is_late_request(settled.mission, policy),
        )

    def _careful_policy(self, now: datetime) -> Policy:
        """A wait for the remote's longest processing time does not end sooner because somebody set the clock."""
        patience = self._policy.patience
        leapt = self._leaps.within(patience.processing_time, now=now)
        if not leapt:
            return self._policy
        return replace(self._policy, patience=replace(patience, processing_time=patience.processing_time + leapt))

    def _due_at(self, action: Effect | Wait, now: datetime, *, is_careful: bool) -> datetime | None:
        """Return when it is looked at again: what waits for longer because of a leap, before that, for leaps pass."""
        if not isinstance(action, Wait) or action.until is None or not is_careful:
            return action.until if isinstance(action, Wait) else now
        return min(action.until, now + self._policy.patience.processing_time)

    def _advance(
        self, facts: Facts, now: datetime, policy: Policy, entries: list[TimelineEntry], *, may_create: bool
    ) -> tuple[Facts, Effect | Wait]:
        for _ in range(_MOST_ENTRIES):
            action = next_step(facts, now=now, policy=policy)
            match action:
                case Announce():
                    facts = announce(facts, action, now=now)
                    entries.extend(_said(action))
                case Supersede(documents=documents):
                    facts = supersede(facts, documents, now=now)
                    entries.extend(
                        TimelineEntry(event="document.superseded", detail={"kind": d.kind, "version": d.version})
                        for d in documents
                    )
                case Close(reason=reason):
                    facts = close(facts, reason)
                    entries.append(TimelineEntry(event="contract.closed", detail={}))
                case Wait():
                    return facts, action
                case _:
                    restrained = self._restrain(action, facts, now, may_create=may_create)
                    is_late = isinstance(action, Initialise) and isinstance(restrained, Wait)
                    return (replace(facts, looked_up_at=None) if is_late else facts), restrained
        raise AssertionError(f"the procedure never rests at {facts.step}")

    def _restrain(self, effect: Effect, facts: Facts, now: datetime, *, may_create: bool) -> Effect | Wait:
        """Hold an effect back while the remote rests, and a creation while the brake is on.

        A creation that waits is not the one that was looked up for: what was absent may be there by then.
        """
        if not self._acts:
            return Wait(awaited="pass", until=now)
        rests_until = self._rests_until(is_retry=facts.last_error is not None)
        if rests_until is not None and rests_until > now:
            return Wait(awaited="remote", until=rests_until + _place_in_line(rests_until - facts.discovered_at))
        if isinstance(effect, Initialise) and facts.first_asked_at is None and not may_create:
            return Wait(awaited="brake", until=now + BRAKE_PATIENCE)
        return effect


def _place_in_line(age: timedelta) -> timedelta:
    """Return how long after the remote's rest somebody's turn comes, up to half a second: the oldest first.

    All wait for the same moment; of those that are due, the oldest and the newest are taken.
    """
    minutes = max(0.0, age.total_seconds()) / 60
    return timedelta(seconds=0.5 / (1 + minutes))


def _set_aside(facts: Facts, what: str) -> Settled:
    """Hold a contract that cannot even be looked at; a person looks, `syncd release` tries again."""
    message = f"Erreur inattendue du service ({what}) : à signaler, puis syncd release."
    return Settled(
        facts=replace(facts, quarantined=True, step=Step.HELD, last_error=f"unexpected {what}"),
        entries=(TimelineEntry(event="contract.quarantined", detail={"error": what}),),
        holds=(HoldReason(code=HoldCode.QUARANTINED, field=None, message=message),),
        warnings=(),
        effect=None,
        due_at=None,
        next_action="await_person",
        is_active=True,
        is_urgent=False,
        is_late_request=False,
    )


def name_of(action: Action) -> str | None:
    """Return the word by which people see what comes next."""
    match action:
        case Initialise():
            return "initialise"
        case LookUp():
            return "look_up"
        case ReadRemote():
            return "read"
        case FetchDocument(document=document):
            return f"fetch_{document.kind}"
        case CancelRemote():
            return "cancel"
        case Announce():
            return "announce"
        case Supersede():
            return "supersede"
        case Close():
            return "close"
        case Wait(awaited=awaited):  # pragma: no branch - the union is closed
            return None if awaited == "nothing" else f"await_{awaited}"


def _with_step(facts: Facts, step: Step) -> Facts:
    return facts if facts.step is step else replace(facts, step=step)


def _said(action: Announce) -> list[TimelineEntry]:
    entries = [
        TimelineEntry(event="letter.queued", detail={"event": letter.event, "role": letter.role, "cause": letter.cause})
        for letter in action.letters
    ]
    return [TimelineEntry(event="decision.announced", detail={}), *entries] if action.decides else entries


def _movement(before: Facts, step: Step, holds: tuple[HoldReason, ...]) -> list[TimelineEntry]:
    """Tell people when a contract moves, is held, or is let go."""
    entries = []
    if before.asked is Asked.UNDER_WAY:
        entries.append(TimelineEntry(event="contract.unanswered", detail={"attempts": before.attempts}))
    if step is before.step:
        return entries
    if step is Step.HELD:
        codes = ",".join(dict.fromkeys(str(hold.code) for hold in holds))
        return [*entries, TimelineEntry(event="contract.held", detail={"codes": codes})]
    name = "contract.lifted" if before.step is Step.HELD else "contract.advanced"
    return [*entries, TimelineEntry(event=name, detail={"previous": before.step, "step": step})]
