"""Bugs in what is read: the mission store, the change feed, their cursors."""

from tests.faults.seeded_bugs.bug import Bug, Edit

_DISCOVER = "tests/jobs/test_discover.py"

READING = (
    Bug(
        name="id > cursor",
        story="Missions are numbered: what comes after the last number is new.",
        edits=(
            Edit(
                path="syncd/adapters/missions/relation.py",
                old="""\
            place = self.dialect.bound(after[0], self.updated_at.type), self.dialect.bound(after[1], _TEXT)
            query = query.where(tuple_(updated_at, self.key) > tuple_(*place))
        return query.order_by(updated_at, self.key).limit(limit)
""",
                new="""\
            query = query.where(self.key > self.dialect.bound(after[1], _TEXT))
        return query.order_by(self.key).limit(limit)
""",
            ),
            Edit(
                path="syncd/adapters/missions/relation.py",
                old="""\
        updated_at = self.updated_at.expression
        query = self.rows""",
                new="""\
        query = self.rows""",
            ),
        ),
        catchers=("tests/conformance/test_mission_store.py::test_an_old_row_is_read_once_and_a_changed_one_again",),
    ),
    Bug(
        name="cursor saved before the rows",
        story="The place is written down first, so that a page that makes trouble is not read for ever.",
        edits=(
            Edit(
                path="syncd/jobs/discover.py",
                old="""\
        total += await ledger.record_rows(page.missions, now=clock.now(), move=move)
""",
                new="""\
        await ledger.record_rows((), now=clock.now(), move=move)
        total += await ledger.record_rows(page.missions, now=clock.now())
""",
            ),
        ),
        catchers=(f"{_DISCOVER}::test_q03_a_place_in_the_store_is_never_saved_before_the_rows_that_it_has_passed",),
    ),
)
