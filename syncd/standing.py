"""Where a mission stands towards the outside: sent, withdrawn, gone, over. Pure questions that several rooms ask."""

from syncd.model import Asked, Facts, RemoteStatus, Step

OVER = frozenset({RemoteStatus.CANCELLED, RemoteStatus.TERMINATED, RemoteStatus.CLOSED})


def has_been_sent(facts: Facts) -> bool:
    """Whether CACTUS, or the readers of the decision, may know of the mission: from here on its row is frozen."""
    if facts.contract_id is not None or facts.decided_at is not None:
        return True
    return facts.asked_at is not None and facts.asked not in (Asked.NEVER, Asked.NOT_APPLIED)


def is_withdrawn(facts: Facts) -> bool:
    """Whether the mission was withdrawn, and no admin went on all the same."""
    accepted = facts.baseline is not None and facts.baseline.status == facts.mission.status
    return facts.mission.status == "withdrawn" and not accepted


def is_gone(facts: Facts) -> bool:
    """Whether two full sweeps in a row did not find the row: as good as withdrawn."""
    return facts.sweeps_missed >= 2 and not facts.baseline_is_gone


def is_over(facts: Facts) -> bool:
    """Whether nothing will ever be done for this contract again, unless CACTUS reopens it."""
    if facts.closed_reason is not None:
        return True
    if facts.remote is not None:
        status = facts.remote.known_status
        if status in OVER or (status is None and facts.step is Step.CLOSED):
            return True  # a word that syncd does not know opens nothing again
    return not has_been_sent(facts) and (is_withdrawn(facts) or is_gone(facts))
