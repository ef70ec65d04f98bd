"""What happened in a simulation, in its order: for the invariants, for the figures, and for whoever reads a trace."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.simulation.kinds import Kind


@dataclass(slots=True)
class History:
    """Kept by the world. `violations` are promises that were broken, each with its instant."""

    now: Callable[[], float] = lambda: 0.0
    lines: list[str] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def say(self, who: str, what: str) -> None:
        """Write a line of the trace."""
        self.lines.append(f"{self.now():10.4f} {who:8} {what}")

    def count(self, kind: Kind, who: str, what: str = "") -> None:
        """A fault really happened."""
        self.counts[kind] += 1
        self.say(who, f"!! {kind}{': ' if what else ''}{what}")

    def break_promise(self, which: str, what: str) -> None:
        """A promise is broken: the seed fails."""
        line = f"{which} {what}"
        if line not in self.violations:
            self.violations.append(line)
            self.say("JUDGE", f"VIOLATION {line}")
