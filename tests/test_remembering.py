"""The last answer to a question about a contract."""

from dataclasses import replace
from datetime import datetime, timedelta

from syncd.model import Facts, Policy
from syncd.model.remembering import remembers_last
from tests.support.facts import NOW, POLICY, known

FACTS = known()


def test_the_same_question_again_is_answered_once() -> None:
    asked: list[Facts] = []

    @remembers_last
    def question(facts: Facts, *, now: datetime, policy: Policy) -> str:
        """Return the contract's name."""
        asked.append(facts)
        return f"{facts.mission_id} {now:%H:%M} {policy.late_request_days}"

    answers = [question(FACTS, now=NOW, policy=POLICY) for _ in range(3)]

    assert answers == ["FVMA-2025-0042 08:00 15"] * 3
    assert asked == [FACTS]
    assert question.__doc__ == "Return the contract's name."


def test_other_facts_another_instant_and_another_policy_are_another_question() -> None:
    later, careful = NOW + timedelta(minutes=1), replace(POLICY, late_request_days=20)
    twin = replace(FACTS)
    asked = [(FACTS, NOW, POLICY), (twin, NOW, POLICY), (twin, later, POLICY), (twin, later, careful)]
    answered: list[tuple[Facts, datetime, Policy]] = []

    @remembers_last
    def question(facts: Facts, *, now: datetime, policy: Policy) -> None:
        answered.append((facts, now, policy))

    for facts, now, policy in asked:
        question(facts, now=now, policy=policy)

    assert answered == asked
    assert twin == FACTS
