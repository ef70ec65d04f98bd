"""Where a mission stands towards the outside: sent, withdrawn, gone, over."""

import pytest

from syncd.model import Asked, Facts, Step
from syncd.standing import has_been_sent, is_gone, is_over, is_withdrawn
from tests.support.facts import CONTRACT, FRESH, NOW, WITHDRAWN, asked, contract, known, linked, mission


@pytest.mark.parametrize("outcome", list(Asked))
def test_whatever_cactus_may_know_of_counts_as_sent(outcome: Asked) -> None:
    assert has_been_sent(asked(outcome)) is (outcome not in (Asked.NEVER, Asked.NOT_APPLIED))


@pytest.mark.parametrize(
    ("facts", "is_sent"),
    [
        (known(), False),
        (known(contract_id=CONTRACT), True),
        (known(decided_at=NOW), True),
        (known(asked=Asked.UNKNOWN), False),
        (linked(FRESH), True),
    ],
    ids=["discovered", "adopted", "decided", "never asked", "linked"],
)
def test_a_contract_or_a_decision_counts_as_sent(facts: Facts, is_sent: bool) -> None:
    assert has_been_sent(facts) is is_sent


def test_a_withdrawal_counts_until_an_admin_goes_on_all_the_same() -> None:
    assert is_withdrawn(known(WITHDRAWN))
    assert is_withdrawn(linked(FRESH, row=WITHDRAWN))
    assert not is_withdrawn(linked(FRESH, row=WITHDRAWN, baseline=WITHDRAWN))
    assert not is_withdrawn(linked(FRESH, baseline=WITHDRAWN)), "validated again"
    assert not is_withdrawn(known(mission(status="draft")))


@pytest.mark.parametrize(("missed", "released", "expected"), [(1, False, False), (2, False, True), (5, True, False)])
def test_a_row_is_gone_after_two_sweeps(missed: int, released: bool, expected: bool) -> None:
    assert is_gone(known(sweeps_missed=missed, baseline_is_gone=released)) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (known(), False),
        (known(closed_reason="abandon"), True),
        (known(WITHDRAWN), True),
        (known(sweeps_missed=2), True),
        (linked(FRESH), False),
        (linked(FRESH, row=WITHDRAWN), False),
        (linked(FRESH, sweeps_missed=2), False),
        (linked(contract("refused")), False),
        (linked(contract("cancelled")), True),
        (linked(contract("terminated")), True),
        (linked(contract("closed")), True),
        (linked(contract("scellé"), step=Step.AWAITING_STUDENT), False),
        (linked(contract("scellé"), step=Step.CLOSED), True),
        (linked(contract("reopened"), step=Step.CLOSED), False),
    ],
)
def test_what_is_over_needs_nothing_any_more(facts: Facts, expected: bool) -> None:
    assert is_over(facts) is expected
