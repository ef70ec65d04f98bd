"""What an admin decides: resync, hold, release, cancel."""

from dataclasses import replace

import pytest

from syncd.model import Asked, DocumentKind
from syncd.transitions import (
    close,
    hold,
    link,
    release,
    resync,
    want_cancellation,
)
from tests.support.facts import (
    CONTRACT,
    FRESH,
    NOW,
    asked,
    known,
    linked,
    mission,
)

CERFA = DocumentKind.CERFA
RENAMED = mission(mission_title="Un autre intitulé")


def test_resync_asks_again_for_what_is_linked_and_resets_the_attempts() -> None:
    tired = linked(FRESH, attempts=4, not_before=NOW, last_error="x", document_failures=2)

    fresh = resync(tired)

    assert fresh == linked(FRESH, reread_wanted=True), "what was said stays said"
    assert not resync(known()).reread_wanted


def test_release_takes_the_row_as_it_is_for_the_new_baseline() -> None:
    held = hold(linked(FRESH, row=RENAMED, quarantined=True, sweeps_missed=2, is_missing_remotely=True,
                       document_fault="cut", document_fault_of=CERFA), "à vérifier")  # fmt: skip

    free = release(held, is_known_absent=False)

    assert held.manual_hold == "à vérifier"
    assert (free.manual_hold, free.quarantined, free.document_fault, free.is_missing_remotely) == (
        None, False, None, False,
    )  # fmt: skip
    assert (free.baseline, free.baseline_is_gone, free.scope_waived, free.reread_wanted) == (RENAMED, True, True, True)
    assert release(known(), is_known_absent=False).baseline is None


@pytest.mark.parametrize("outcome", [Asked.REFUSED, Asked.CONFLICT])
def test_what_was_refused_is_asked_anew_as_the_row_is_now(outcome: Asked) -> None:
    before = asked(outcome, row=RENAMED, refusal="x", conflict="C-9", looked_up_at=NOW)

    free = release(before, is_known_absent=False)

    assert (free.asked, free.ask_round, free.asked_at, free.looked_up_at) == (Asked.NEVER, 1, None, None)
    assert (free.sent, free.baseline, free.refusal, free.conflict) == (None, None, None, None)


def test_what_a_person_knows_to_be_absent_is_asked_anew_and_what_is_unknown_is_not() -> None:
    unknown = asked(Asked.UNKNOWN, row=RENAMED)

    assert release(unknown, is_known_absent=True).asked is Asked.NEVER
    assert release(unknown, is_known_absent=False).asked is Asked.UNKNOWN


def test_a_release_never_forgets_a_linked_contract() -> None:
    both = link(linked(FRESH), replace(FRESH, contract_id=type(CONTRACT)("C-2")), now=NOW)

    free = release(both, is_known_absent=False)

    assert (free.contract_id, free.asked, free.conflict) == (CONTRACT, Asked.ANSWERED, None)


def test_closing_ends_the_wish_to_cancel() -> None:
    facts = close(known(cancel_wanted="abandon"), "abandon")

    assert (facts.closed_reason, facts.cancel_wanted) == ("abandon", None)


def test_what_was_absent_only_just_now_is_looked_up_again_for_a_cancellation() -> None:
    facts = want_cancellation(asked(Asked.ABSENT, attempts=3, not_before=NOW), "abandon")

    assert (facts.cancel_wanted, facts.asked, facts.attempts) == ("abandon", Asked.UNKNOWN, 0)
