"""Q10: one mission whose every request ends the process: the others flow on, and it is quarantined."""

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from syncd.actions import Effect, Wait
from syncd.model import Asked, DocumentKind, Facts
from syncd.procedure import next_step
from syncd.transitions import release, want_cancellation
from tests.support.facts import NOW, POLICY, asked, contract, generated, linked, offered
from tests.support.scale import Amount, Figures
from tests.world.remote import Answer, Request
from tests.world.world import World, mission

POISON = "FVMA-2025-0003"


def is_about(request: Request, mission_id: str) -> bool:
    """Whether a request concerns a mission."""
    return mission_id in request.query.get("external_reference", "") or mission_id.encode() in request.body


class Killer:
    """Ends the process that asks CACTUS about one mission, before any answer."""

    def __init__(self, world: World) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.deaths: list[int] = []
        """How many other requests were under way at each."""
        self._under_way = 0
        world.remote.trap = self._trap

    def _trap(self, request: Request, honest: Any) -> Answer | None:
        if is_about(request, POISON) and self.process is not None:
            self.deaths.append(self._under_way)
            os.kill(self.process.pid, signal.SIGKILL)
            return None
        self._under_way += 1
        try:
            answer: Answer = honest()
            return answer
        finally:
            self._under_way -= 1


def test_q10_a_mission_that_kills_the_process_each_time_is_quarantined_and_the_others_flow_on(
    world: World, amount: Amount, figures: Figures
) -> None:
    count, killer = amount(quick=6, deep=60), Killer(world)
    world.missions.put(*(mission(number) for number in range(1, count + 1)))

    starts = 0
    while starts < 9 and (starts == 0 or not _all_stand(world, count)):
        starts += 1
        _run_until_killed(world, killer, count)
    _run_until_killed(world, killer, count)  # and no later process dies of it

    shown = world.show(POISON)
    assert [hold["code"] for hold in shown["holds"]] == ["QUARANTINED"]
    assert len(killer.deaths) == 4, "once in company, three times alone"
    assert killer.deaths[1:] == [0, 0, 0]
    references = Counter(c["external_reference"] for c in world.remote.contracts.values())
    assert references == {f"FVMA-2025-{n:04d}": 1 for n in range(1, count + 1) if f"FVMA-2025-{n:04d}" != POISON}
    assert len(shown["timeline"]) < 30
    figures.note("a mission that kills the process", starts=starts, deaths=len(killer.deaths), others=count - 1)


QUARANTINED = {
    "asked, no answer": asked(Asked.UNKNOWN),
    "to be read": linked(contract("in_progress"), reread_wanted=True),
    "to be fetched": linked(generated(offered(DocumentKind.CERFA))),
}


@pytest.mark.parametrize("facts", QUARANTINED.values(), ids=QUARANTINED.keys())
def test_q10_what_is_quarantined_is_not_even_read_until_a_person_lets_it_go_on_or_cancels_it(facts: Facts) -> None:
    """Whatever ended the process may do so again: a look-up, a reading, a document."""
    before = next_step(facts, now=NOW, policy=POLICY)
    stopped = next_step(replace(facts, quarantined=True), now=NOW, policy=POLICY)
    released = release(replace(facts, quarantined=True), is_known_absent=False)
    cancelled = want_cancellation(replace(facts, quarantined=True), "the student left")

    assert isinstance(before, Effect)
    assert stopped == Wait(awaited="person")
    assert isinstance(next_step(released, now=NOW, policy=POLICY), Effect)
    assert isinstance(next_step(cancelled, now=NOW, policy=POLICY), Effect)


def _run_until_killed(world: World, killer: Killer, count: int) -> None:
    with world.start("run") as process:
        killer.process = process
        try:
            world.await_file(world.folder / "state")
            world.await_so(lambda: process.poll() is not None or _all_stand(world, count))
        finally:
            process.kill()
            process.communicate()


def _all_stand(world: World, count: int) -> bool:
    with closing(sqlite3.connect(world.folder / "state" / "syncd.sqlite3")) as ledger:
        try:
            steps = dict(ledger.execute("SELECT step, count(*) FROM contracts GROUP BY step").fetchall())
        except sqlite3.OperationalError:  # not there yet, or being written
            return False
    return steps == {"awaiting_student": count - 1, "held": 1}
