"""Bugs in what is decided: the procedure, the settling, the patience with CACTUS."""

from tests.faults.seeded_bugs.bug import Bug, Edit

PROCEDURE = (
    Bug(
        name="naive push",
        story="The contract is asked for first; what is known of it is written once CACTUS has answered.",
        edits=(
            Edit(
                path="syncd/jobs/settle.py",
                old="""\
        if effect is not None:
            settled = begin(settled, effect, now=now)
""",
                new="",
            ),
            Edit(path="syncd/jobs/settle.py", old="announce, begin, close", new="announce, close"),
        ),
        catchers=(
            "tests/jobs/test_settle.py::test_the_intent_is_in_the_facts_before_the_effect_leaves",
            "tests/jobs/test_advance.py::test_what_a_stop_cannot_wait_for_is_found_out_by_the_next_process",
        ),
    ),
    Bug(
        name="random key",
        story="An idempotency key must be unique: a fresh uuid4 for each request is.",
        edits=(
            Edit(path="syncd/procedure.py", old="from uuid import UUID, uuid5", new="from uuid import UUID, uuid4"),
            Edit(
                path="syncd/procedure.py",
                old='return str(uuid5(_KEYS, f"{ask_round}:{mission_id}"))',
                new="return str(uuid4())",
            ),
        ),
        catchers=(
            "tests/test_procedure.py::test_r02_the_key_is_the_same_for_ever_and_another_one_after_a_refusal",
            "tests/world/test_faults.py::test_r02_a_lost_answer_makes_one_contract",
        ),
    ),
    Bug(
        name="no wait for a late apply",
        story="The look-up found nothing, so nothing was applied, and the request may be repeated.",
        edits=(
            Edit(
                path="syncd/transitions.py",
                old="before is not None and before > asked_at and now >= before + patience.processing_time",
                new="before is None or before <= asked_at or now >= before + patience.processing_time",
            ),
        ),
        catchers=(
            "tests/test_transitions.py::test_r03_without_keys_an_absence_counts_a_processing_time_after_the_first_look",
            "tests/jobs/test_advance.py::test_r03_nothing_is_asked_twice_while_the_first_may_still_be_applied",
        ),
    ),
    Bug(
        name="hold that hides its second reason",
        story="One reason is enough to hold a contract, and the first one is the most important.",
        edits=(
            Edit(
                path="syncd/admission.py",
                old="""\
    return (*_reasons_before_sending(facts, now, policy), *_rivalry(facts, now, policy))
""",
                new="""\
    return tuple(_reasons_before_sending(facts, now, policy))[:1] or tuple(_rivalry(facts, now, policy))
""",
            ),
        ),
        catchers=(
            "tests/test_admission.py::test_all_reasons_are_told_at_once",
            "tests/world/test_holds.py::test_a_hold_shows_all_its_reasons_with_fields_and_sentences",
        ),
    ),
    Bug(
        name="resync that skips the guard",
        story="What a person asks for again is not new: it need not be counted with the new contracts.",
        edits=(
            Edit(
                path="syncd/transitions.py",
                old="""\
    return replace(succeeded(facts), reread_wanted=facts.contract_id is not None, document_failures=0)
""",
                new="""\
    again = replace(succeeded(facts), reread_wanted=facts.contract_id is not None, document_failures=0)
    return replace(again, first_asked_at=facts.first_asked_at or facts.discovered_at)
""",
            ),
        ),
        catchers=("tests/world/test_holds.py::test_no_resync_takes_a_brake_off",),
    ),
)
