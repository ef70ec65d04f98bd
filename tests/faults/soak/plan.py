"""How long, how fast, how strict."""

from dataclasses import dataclass

from tests.faults.soak.judgement import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. `at_once` missions are there at the beginning, then one comes every `pace_s`.

    A breakage lasts between the two figures of `breakage_s`, and the next begins after a pause between those of
    `pause_s`: together at most thirty seconds.
    """

    lasts_s: float
    at_once: int
    pace_s: float
    thinking_s: float
    sample_every_s: float
    breakage_s: tuple[float, float]
    pause_s: tuple[float, float]
    settle_s: float
    limits: Limits
    seed: int = 2025
    patience_s: float = 30.0
    """A breakage that has not come to its end by then is a finding."""

    @property
    def missions(self) -> int:
        """Return how many missions come in all."""
        return self.at_once + int(self.lasts_s / self.pace_s)


def plan_of(minutes: float) -> Plan:
    """Return the plan of a long run.

    The first batch is larger than any page that is ever read (a thousand rows), and as many as the busiest morning
    brings: neither the tables' growth nor a higher peak than any before explains memory's afterwards. A third of the
    time, ten minutes at least where there are so many, is for warming up. A window of five minutes sees each kind of
    burst: memory is trimmed every minute, everything known is compared every three, and what breaks is broken every
    seven.
    """
    lasts_s = minutes * 60
    return Plan(
        lasts_s=lasts_s,
        at_once=2_000,
        pace_s=3.0,
        thinking_s=5.0,
        sample_every_s=10.0,
        breakage_s=(1.0, 7.0),
        pause_s=(6.0, 20.0),
        settle_s=600.0,
        limits=Limits(warm_up_s=max(lasts_s / 3, min(600.0, lasts_s / 2)), window_s=min(300.0, lasts_s / 12)),
    )
