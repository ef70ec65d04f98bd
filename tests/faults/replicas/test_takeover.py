"""From the death of a replica to the moment when another works on what it held."""

import signal
import statistics
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.replicas.site import Replica, Site, open_site, take_a_moment, wait_for
from tests.faults.replicas.watchman import takes
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures

WARM_S = 2.5
"""A replica that has just come judges nobody."""
A_MOMENT_S = 0.1
"""What CACTUS takes for a creation: what a dead replica held is tried when nothing else is in hand."""
HEARTBEATS_MISSED_S = 15
"""When silence alone would have told."""
BEHIND_A_POOLER = {"SYNCD_DATABASE__POOLER": "true", "SYNCD_JOBS__LEASE_S": "3"}


@pytest.mark.parametrize(
    ("replicas", "rounds", "settings", "most_s"),
    [(4, 10, {}, 2.0), (2, 5, BEHIND_A_POOLER, 3 + 2.0)],
    ids=["by its presence", "behind a pooler by its lease"],
)
def test_l02_what_a_killed_replica_held_is_taken_over(
    postgres: PostgresServer, tmp_path: Path, amount: Amount, figures: Figures, replicas: int, rounds: int,
    settings: dict[str, str], most_s: float,
) -> None:  # fmt: skip
    took_s: list[float] = []
    with open_site(postgres, tmp_path, **settings) as site:
        take_a_moment(site.remote, A_MOMENT_S)
        for _ in range(amount(quick=1, deep=rounds)):
            took_s += _kill_all_but_one(site, site.start_all(replicas))

        assert site.doubled() == {}
        assert site.stale_writes() == []
    figures.note(
        f"what a killed replica held is taken over, {'by lease (3 s)' if settings else 'by presence'}",
        kills=len(took_s), median_s=round(statistics.median(took_s), 2), worst_s=round(max(took_s), 2),
    )  # fmt: skip
    assert statistics.median(took_s) <= most_s
    assert max(took_s) < HEARTBEATS_MISSED_S  # a busy machine may delay one of them


def _kill_all_but_one(site: Site, replicas: list[Replica]) -> list[float]:
    """Kill one after the other in the middle of its work; return after how many seconds another had some of that."""
    *victims, survivor = replicas
    took_s = []
    for victim in victims:
        time.sleep(WARM_S)
        site.discover(100)
        took_s.append(_kill(site, victim))
    wait_for(site.is_settled, within_s=90)
    assert survivor.end() == 0
    return took_s


def _kill(site: Site, victim: Replica) -> float:
    wait_for(lambda: len(site.missions_of(victim)) >= 2, within_s=30, every_s=0.01)
    ((killed_at,),) = site.ask("SELECT clock_timestamp()")
    victim.send(signal.SIGKILL)
    held = site.missions_of(victim)
    assert held, "it was killed while it held nothing"
    found: list[datetime] = []

    def is_taken_over() -> bool:
        found[:] = [take.at for take in takes(site.url) if take.mission_id in held and take.at > killed_at]
        return bool(found)

    wait_for(is_taken_over, within_s=60)
    return float((min(found) - killed_at).total_seconds())
