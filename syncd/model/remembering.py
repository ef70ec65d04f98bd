"""The last answer to a question about a contract, kept for whoever asks it again at once.

While one contract is looked at, the same is asked of the very same facts from several sides: why it is held, where it
stands. To hand the answers on would burden every signature in between.
"""

from datetime import datetime
from functools import wraps
from typing import Protocol, TypeVar

from syncd.model.facts import Facts
from syncd.model.policy import Policy

Answer = TypeVar("Answer", covariant=True)


class Question(Protocol[Answer]):
    """Is asked of one contract's facts at one instant; pure."""

    def __call__(self, facts: Facts, *, now: datetime, policy: Policy) -> Answer:
        """Return what the facts come to."""


def remembers_last(question: Question[Answer]) -> Question[Answer]:
    """Return a question that is answered once when it is asked of the very same values again.

    The same are those that are one object: to compare facts takes longer than to answer.
    """
    last: tuple[Facts, datetime, Policy, Answer] | None = None

    @wraps(question)
    def ask(facts: Facts, *, now: datetime, policy: Policy) -> Answer:
        nonlocal last
        before = last  # another thread may ask meanwhile
        if before is not None and before[0] is facts and before[1] is now and before[2] is policy:
            return before[3]
        answer = question(facts, now=now, policy=policy)
        last = (facts, now, policy, answer)
        return answer

    return ask
