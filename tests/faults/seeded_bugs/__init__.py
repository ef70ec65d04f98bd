"""The test of the tests: honest mistakes, planted one by one into a copy of the product, and the tests that catch them.

    python -m tests.faults.seeded_bugs                    plant them all
    python -m tests.faults.seeded_bugs run NAME …         plant these
    python -m tests.faults.seeded_bugs list               say which there are

Each bug is in `catalogue`: a few lines of the product as somebody could have written them in good faith, and the names
of the tests that fail then. It is caught when one of these fails *by an assertion*: an import that breaks, a fixture
that fails or a run that hangs catch nothing. The same tests pass on the copy before anything is planted.
"""
