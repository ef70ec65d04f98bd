"""Dies, looks at what is left behind, and lives on; and counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.faults.crash.fingerprint import fingerprint
from tests.faults.crash.invariants import check_aftermath, check_end
from tests.faults.crash.orders import Work
from tests.faults.crash.saga import Saga, Scene


@dataclass
class Deaths:
    """Kills one installation again and again, and brings it back each time."""

    saga: Saga
    count: int = 0
    _seen: set[str] = field(default_factory=set)

    @property
    def resurrections(self) -> int:
        """How many different things deaths left behind: those that left the same need one resurrection between them."""
        return len(self._seen)

    def die_in_step(self, step: int, scene: Scene) -> bool:
        """Die in this step of a pass, and live on to the end; false when the pass has no such step."""
        self.saga.begin_at(scene)
        is_dead = self._dies(Work.PASS, step=step)
        if is_dead:
            self._live_on()
        return is_dead

    def die_twice(self, rehearsed: Sequence[tuple[Scene, int]], dice: Random, *, seconds: int) -> int:
        """Die in any step of a pass; then, so many times from there, in any step of the life that follows.

        Return how many pairs of deaths that made: sometimes a life is over before.
        """
        number = dice.randrange(len(rehearsed))
        scene, steps = rehearsed[number]
        rest = sum(steps for _, steps in rehearsed[number:])
        self.saga.begin_at(scene)
        if not self._dies(Work.PASS, step=1 + dice.randrange(steps)):
            return 0
        once_dead, pairs = self.saga.save(), 0
        for _ in range(seconds):
            self.saga.begin_at(once_dead)
            pairs += self._dies(Work.LIVE, step=1 + dice.randrange(rest))
            self._live_on()
        return pairs

    def die_at_any_time(self, scene: Scene, *, within_s: float, most: int, dice: Random) -> int:
        """Live from a scene to the end, killed up to so often at any moment; return how often that was."""
        before = self.count
        self.saga.begin_at(scene)
        while self.count - before < most and self._dies(Work.LIVE, after_s=dice.uniform(0, within_s)):
            pass
        self.saga.act(Work.LIVE)
        check_end(self.saga.remains())
        return self.count - before

    def _dies(self, work: Work, *, step: int | None = None, after_s: float | None = None) -> bool:
        was_killed = self.saga.act(work, fatal_step=step, killed_after_s=after_s).was_killed
        self.count += was_killed
        check_aftermath(self.saga.remains())
        return was_killed

    def _live_on(self) -> None:
        """Live to the end, unless that was seen before from here."""
        left_behind = fingerprint(self.saga.remains())
        if left_behind not in self._seen:
            self._seen.add(left_behind)
            self.saga.act(Work.LIVE)
            check_end(self.saga.remains())
