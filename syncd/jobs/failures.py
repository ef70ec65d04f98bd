"""What an effect that came to nothing adds to the facts. Pure, but for the clock's time and dice."""

from datetime import timedelta

from syncd.actions import Effect, Initialise
from syncd.errors import OutcomeUnknown, Transient
from syncd.model import Facts, Patience
from syncd.model.replacing import replace
from syncd.ports.clock import Clock
from syncd.ports.ledger import Amend, Amendment, Claim, Outcome, TimelineEntry
from syncd.transitions import failed, not_applied, unanswered

_LONGEST_WISH = timedelta(hours=1)
"""What a remote may ask us to wait, at most."""


def postponed(effect: Effect, error: Transient | OutcomeUnknown | None = None) -> Amend:
    """The remote rests: whatever this contract came to meet is everybody's trouble and none of its own attempts.

    Without an error the effect was not begun at all. The gate says until when to wait.
    """
    is_unknown = isinstance(error, OutcomeUnknown)

    def apply(facts: Facts) -> Amendment:
        if isinstance(effect, Initialise):
            facts = unanswered(facts) if is_unknown else not_applied(facts)
        return Amendment(facts=replace(facts, last_error=error.message) if error is not None else facts)

    return apply


def put_off(claim: Claim, clock: Clock) -> Outcome:
    """The process ends before the effect began: whoever claims the contract next does it as if for the first time.

    Without this, a creation that never left would have to be looked up, or asked a person about.
    """
    begun_nothing, a_moment_later = postponed(claim.effect), clock.now() + timedelta(seconds=1)

    def apply(facts: Facts) -> Amendment | None:
        amendment = begun_nothing(facts)
        return replace(amendment, facts=replace(amendment.facts, not_before=a_moment_later)) if amendment else None

    return Outcome(mission_id=claim.facts.mission_id, token=claim.token, apply=apply)


def crashed(claim: Claim, what: str, clock: Clock, patience: Patience) -> Outcome:
    """An error that nobody foresaw: the effect may have happened, and only this contract is concerned."""
    error = OutcomeUnknown(f"unexpected {what}", is_general=False)
    apply = failure(claim.effect, error, clock, patience)
    return Outcome(mission_id=claim.facts.mission_id, token=claim.token, apply=apply)


def failure(effect: Effect, error: Transient | OutcomeUnknown, clock: Clock, patience: Patience) -> Amend:
    """The attempt failed, and the next one is later; whether it was carried out all the same may be unknown."""
    now, throw, is_unknown = clock.now(), clock.throw(), isinstance(error, OutcomeUnknown)
    wish = min(error.retry_after, _LONGEST_WISH) if error.retry_after is not None else None

    def apply(facts: Facts) -> Amendment:
        if isinstance(effect, Initialise):
            facts = unanswered(facts) if is_unknown else not_applied(facts)
        later = failed(facts, error.message, now=now, patience=patience, throw=throw, retry_after=wish)
        name = "contract.unanswered" if is_unknown else "contract.failed"
        entry = TimelineEntry(event=name, detail={"attempts": later.attempts, "error": error.message})
        return Amendment(facts=later, entries=(entry,) if _is_telling(facts, later) else ())

    return apply


def _is_telling(before: Facts, after: Facts) -> bool:
    """A failure that repeats itself is written into the timeline at 1, 2, 4, 8, … attempts."""
    return before.last_error != after.last_error or after.attempts & (after.attempts - 1) == 0
