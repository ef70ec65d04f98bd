"""Bugs that no test noticed when they were first planted, one of them a real one: each has its own test since."""

from tests.faults.seeded_bugs.bug import Bug, Edit

_CATCHERS = "tests/faults/seeded_bugs/test_catchers_work.py"
_LETTERS = "tests/conformance/test_ledger_letters.py"
_CLAIMS = "tests/conformance/test_ledger_claims.py"

UNNOTICED = (
    Bug(
        name="wake that passes by what is due",
        story="A contract that is due needs no waking. (Another replica may just be about to let it rest.)",
        edits=(
            Edit(
                path="syncd/store/writing.py",
                old="""\
    return update(contracts).where(are_these).values(due_at=at)
""",
                new="""\
    is_later = contracts.c.due_at.is_(None) | (contracts.c.due_at > _NOW)
    return update(contracts).where(are_these, is_later).values(due_at=_NOW)
""",
            ),
        ),
        catchers=(f"{_LETTERS}::test_a_letter_that_was_sent_while_its_contract_was_looked_at_wakes_it_all_the_same",),
    ),
    Bug(
        name="letters without fencing",
        story="Whoever still has the letter may say what became of it.",
        edits=(
            Edit(
                path="syncd/store/deliveries.py",
                old="""\
    is_ours = (_l.letter_id == bindparam("which")) & (_l.lease_token == bindparam("token"))
""",
                new="""\
    is_ours = (_l.letter_id == bindparam("which")) & (bindparam("token") > 0)
""",
            ),
        ),
        catchers=(
            f"{_LETTERS}::test_l02_what_became_of_a_letter_that_was_taken_again_is_not_for_its_former_taker_to_say",
        ),
    ),
    Bug(
        name="random Message-ID",
        story="A Message-ID must be unique: a fresh uuid4 for each letter is, and it is kept with the letter.",
        edits=(
            Edit(
                path="syncd/store/writing.py",
                old="""\
    return f"<{uuid5(_MESSAGES, '|'.join((mission_id, event, role, cause, str(resend))))}@{domain}>"
""",
                new="""\
    return f"<{uuid4()}@{domain}>"
""",
            ),
            Edit(path="syncd/store/writing.py", old="from uuid import UUID, uuid5", new="from uuid import UUID, uuid4"),
        ),
        catchers=(f"{_CATCHERS}::test_b07_a_ledger_that_lost_its_letters_queues_them_again_under_the_same_names",),
    ),
    Bug(
        name="no margin before the end of a lease",
        story="A lease is ours until it ends.",
        edits=(
            Edit(
                path="syncd/jobs/advance.py",
                old="lease.total_seconds() * 3 / 4",
                new="lease.total_seconds()",
            ),
        ),
        catchers=(f"{_CATCHERS}::test_l03_nothing_is_begun_in_the_last_quarter_of_a_lease_that_cannot_be_renewed",),
    ),
    Bug(
        name="leases that nobody renews",
        story="Recording renews a lease: the housekeeping need not.",
        edits=(Edit(path="syncd/jobs/keep.py", old="    await works.advancer.renew_leases()\n", new=""),),
        catchers=("tests/jobs/test_once.py::test_a_pass_that_takes_long_lives_and_keeps_its_claims",),
    ),
    Bug(
        name="leases on our own clock",
        story="Every machine has the right time nowadays.",
        edits=(
            Edit(
                path="syncd/store/engine.py",
                old="""\
    return func.clock_timestamp(type_=Instant()) if is_postgres else bindparam(_CLOCK, type_=Instant())
""",
                new="""\
    return bindparam(_CLOCK, type_=Instant())
""",
            ),
            Edit(
                path="syncd/store/engine.py",
                old="""\
    if not is_postgres:
        return bindparam(name, type_=Instant())
    return clock_now(is_postgres=True).op("+", return_type=Instant())(bindparam(name, type_=Interval()))
""",
                new="""\
    return bindparam(name, type_=Instant())
""",
            ),
            Edit(
                path="syncd/store/engine.py",
                old="""\
        return {} if self.is_postgres else {_CLOCK: now}
""",
                new="""\
        return {_CLOCK: now}
""",
            ),
            Edit(
                path="syncd/store/engine.py",
                old="""\
        return duration if self.is_postgres else now + duration
""",
                new="""\
        return now + duration
""",
            ),
        ),
        catchers=(f"{_CLAIMS}::test_t01_t04_a_replica_whose_clock_is_wrong_takes_nothing_from_a_living_one",),
    ),
    Bug(
        name="certainty about what closed the gate",
        story="The remote rests, so nothing was done: everybody asks again as if for the first time.",
        edits=(
            Edit(
                path="syncd/jobs/failures.py",
                old="""\
    is_unknown = isinstance(error, OutcomeUnknown)

    def apply(facts: Facts) -> Amendment:
        if isinstance(effect, Initialise):
            facts = unanswered(facts) if is_unknown else not_applied(facts)
        return""",
                new="""\
    def apply(facts: Facts) -> Amendment:
        if isinstance(effect, Initialise):
            facts = not_applied(facts)
        return""",
            ),
        ),
        catchers=(f"{_CATCHERS}::test_r02_the_lost_answer_that_closes_the_gate_is_as_unknown_as_the_others",),
    ),
    Bug(
        name="wish of ten years",
        story="Who says Retry-After knows best.",
        edits=(
            Edit(
                path="syncd/jobs/failures.py",
                old="wish = min(error.retry_after, _LONGEST_WISH) if error.retry_after is not None else None",
                new="wish = error.retry_after",
            ),
        ),
        catchers=(
            f"{_CATCHERS}::test_r12_a_contract_that_is_to_wait_for_ten_years_is_asked_for_again_within_the_hour",
        ),
    ),
    Bug(
        name="feed that starts over for ever",
        story="A place that CACTUS forgot means: from the beginning. Always.",
        edits=(
            Edit(
                path="syncd/jobs/watch.py",
                old="""\
            if has_restarted:
                raise Transient("the change feed of CACTUS forgets every place in it") from None
            has_restarted = True
""",
                new="",
            ),
        ),
        catchers=(
            "tests/jobs/test_watch.py::test_a_feed_that_forgets_each_place_it_gave_is_a_trouble_and_no_endless_loop",
        ),
    ),
    Bug(
        name="feed's cursor saved before its entries",
        story="The place is written down first, so that a page that makes trouble is not read for ever.",
        edits=(
            Edit(
                path="syncd/jobs/watch.py",
                old="""\
    return len(await ledger.amend(list(latest), amend, now=now, move=move))
""",
                new="""\
    await ledger.amend((), _nothing, now=now, move=move)
    return len(await ledger.amend(list(latest), amend, now=now))
""",
            ),
        ),
        catchers=("tests/jobs/test_watch.py::test_q03_a_cursor_is_never_saved_before_what_it_has_passed",),
    ),
    Bug(
        name="purge that forgets before it deletes",
        story="What matters is that nobody is shown a document that is gone.",
        edits=(
            Edit(
                path="syncd/jobs/purge.py",
                old="""\
        for file_id in gone:
            await vault.remove(file_id)
        await ledger.amend([mission_id], partial(_forget, gone=gone), now=now, resting=True)
""",
                new="""\
        await ledger.amend([mission_id], partial(_forget, gone=gone), now=now, resting=True)
        for file_id in gone:
            await vault.remove(file_id)
""",
            ),
        ),
        catchers=("tests/jobs/test_documents.py::test_bytes_that_cannot_be_deleted_are_not_written_down_as_gone",),
    ),
    Bug(
        name="start that waits for dead leases",
        story="Leases end by themselves: no need to look who held them.",
        edits=(
            Edit(
                path="syncd/store/replicas.py",
                old="frees_all = not self._database.is_postgres and not self._has_rescued",
                new="frees_all = False",
            ),
        ),
        catchers=(f"{_CLAIMS}::test_on_sqlite_a_daemon_that_starts_is_the_only_one_and_frees_what_the_last_one_held",),
    ),
)
