"""The parts of the deep run: what is proven, by which tests, and how long they take on two quiet cores."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: tests to run whole, or a module to run instead."""

    name: str
    proves: str
    tests: tuple[str, ...] = ()
    module: str | None = None
    runs_other_tests: bool = False
    minutes: int
    """What it takes on two cores; printed beforehand, so that nobody waits without knowing for what."""


PARTS = (
    Part(
        name="crash",
        proves="a kill at every step of the event loop, during recovery, and at random microseconds",
        tests=("tests/faults/crash",),
        minutes=50,
    ),
    Part(
        name="simulation",
        proves="ten thousand simulated towns with crashes, pauses, lies and lost answers",
        tests=("tests/faults/simulation",),
        minutes=40,
    ),
    Part(
        name="remote",
        proves="ten thousand initialisations with lost and late answers; the remote as a whole",
        tests=("tests/faults/remote",),
        minutes=5,
    ),
    Part(
        name="database",
        proves="lost commits, killed and restored databases, a pooler between",
        tests=("tests/faults/database",),
        minutes=10,
    ),
    Part(
        name="replicas",
        proves="races, pauses longer than the lease, takeovers",
        tests=("tests/faults/replicas",),
        minutes=8,
    ),
    Part(
        name="mail",
        proves="ten thousand letters with faults, and a backlog that delays no new one",
        tests=("tests/faults/mail",),
        minutes=10,
    ),
    Part(
        name="backlog",
        proves="a new mission beside a hundred thousand that wait and a thousand that fail",
        tests=("tests/faults/backlog",),
        minutes=8,
    ),
    Part(
        name="upgrade",
        proves="older rows, newer rows, killed migrations, mixed versions; feed and operations",
        tests=("tests/faults/upgrade", "tests/faults/feed", "tests/faults/operations"),
        minutes=2,
    ),
    Part(
        name="bugs",
        proves="fifteen bugs, planted one by one in a copy, are each caught",
        tests=("tests/faults/seeded_bugs",),
        runs_other_tests=True,
        minutes=2,
    ),
    Part(
        name="coverage",
        proves="every branch of the procedure, the admission, the ledger, the outbox and the outcome table is tested",
        module="tests.deep.coverage",
        runs_other_tests=True,
        minutes=15,
    ),
)
