"""Replicas that stop for a while and go on as if nothing had happened: what they bring home is refused."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest

from syncd.model import MissionId
from syncd.store import open_ledger
from tests.faults.replicas.site import Replica, Site, open_site, wait_for
from tests.faults.replicas.watchman import ROLES, prepare_ledger, takes
from tests.store.bench import NO_LIMIT, NOW, claim, missions, outcome, run, settle
from tests.support.clock import FixedClock
from tests.support.postgres import PostgresServer
from tests.support.scale import Amount, Figures
from tests.world.remote import Answer, Remote, Request

LEASE_S = 1.0
A_STEP_S = 0.8
SHARDS = 2


@pytest.mark.parametrize("shard", range(SHARDS))
def test_l02_pauses_longer_than_the_lease_leave_no_stale_write(
    postgres: PostgresServer, tmp_path: Path, amount: Amount, figures: Figures, shard: int
) -> None:
    pauses, dice = amount(quick=6, deep=250), Random(shard)  # noqa: S311 - repeatable on purpose
    settings = {"SYNCD_JOBS__LEASE_S": str(LEASE_S), "SYNCD_DATABASE__POOLER": str(bool(shard)).lower()}
    with open_site(postgres, tmp_path, **settings) as site:
        _answer_early_or_late(site.remote, dice)
        replicas = site.start_all(3)
        _pause_in_turns(site, replicas, pauses, dice)
        quarantined = _release_quarantined(site)
        wait_for(site.is_settled, within_s=110)
        overtaken = sum(len(replica.lines("contract.overtaken")) for replica in replicas)
        figures.note(
            f"pauses longer than the lease, three replicas (shard {shard})", pauses=pauses, missions=site.known,
            stale_writes=len(site.stale_writes()), doubled=len(site.doubled()), refused_recordings=overtaken,
            repeated_posts=len(site.remote.posts()) - site.known, quarantined=quarantined,
        )  # fmt: skip

        assert site.stale_writes() == []
        assert site.doubled() == {}
        assert site.remote.creations() == site.known
        assert len(takes(site.url)) >= 2 * site.known  # who watches has seen each claim and each recording
        assert overtaken >= amount(quick=0, deep=pauses // 10)
        assert [replica.end() for replica in replicas] == [0, 0, 0]


def _release_quarantined(site: Site) -> int:
    """Let an admin release what was given up because its holders were stopped three times in a row; return how many."""
    wait_for(lambda: site.is_settled(except_held=True), within_s=110)
    held = [mission_id for (mission_id,) in site.ask("SELECT mission_id FROM contracts WHERE quarantined")]
    for mission_id in held:
        assert site.admin().syncd("release", mission_id).code == 0
    return len(held)


def _answer_early_or_late(remote: Remote, dice: Random) -> None:
    """CACTUS takes its time before it does what it is asked, or after."""

    def trap(request: Request, honest: Callable[[], Answer]) -> Answer:
        if request.method != "POST":
            return honest()
        before, after = dice.choice([(0.0, 0.3), (0.3, 0.0)])
        time.sleep(before)
        answer = honest()
        time.sleep(after)
        return answer

    remote.trap = trap


def _pause_in_turns(site: Site, replicas: list[Replica], pauses: int, dice: Random) -> None:
    """Stop one after the other, each for longer than its lease, sometimes two at a time; new missions keep coming."""
    stopped: dict[Replica, float] = {}
    for number in range(pauses):
        if site.unsettled() < 20:
            site.discover(10)
        victim = replicas[number % len(replicas)]
        _wait_until_it_goes_on(victim, stopped)
        _wait_until_it_has_something_in_hand(site, victim)
        victim.send(signal.SIGSTOP)
        stopped[victim] = time.monotonic() + LEASE_S + 0.3 + dice.random() / 2
        _sleep_until(time.monotonic() + A_STEP_S, stopped)
    for replica in list(stopped):
        _wait_until_it_goes_on(replica, stopped)


def _wait_until_it_goes_on(replica: Replica, stopped: dict[Replica, float]) -> None:
    while replica in stopped:
        _sleep_until(stopped[replica], stopped)


def _wait_until_it_has_something_in_hand(site: Site, replica: Replica) -> None:
    deadline = time.monotonic() + 1
    while not site.missions_of(replica) and time.monotonic() < deadline:
        time.sleep(0.02)


def _sleep_until(moment: float, stopped: dict[Replica, float]) -> None:
    """Sleep, and let go on whose time has come."""
    while True:
        now = time.monotonic()
        for replica in [one for one, until in stopped.items() if until <= now]:
            replica.send(signal.SIGCONT)
            del stopped[replica]
        if now >= moment:
            return
        time.sleep(min([moment, *stopped.values()]) - now if stopped else moment - now)


def test_l02_one_who_writes_without_holding_the_contract_is_convicted(
    postgres: PostgresServer, postgres_url: str
) -> None:
    prepare_ledger(postgres_url)
    names = {11: ROLES[0], 22: ROLES[1]}

    stolen = asyncio.run(_hold_and_steal(postgres, postgres_url, names))

    guilty = [(take.by, take.mission_id) for take in takes(postgres_url) if take.is_stale(names)]
    assert guilty == [(ROLES[1], stolen)] * 2  # the two thefts, and nothing of what came before


async def _hold_and_steal(postgres: PostgresServer, url: str, names: dict[int, str]) -> MissionId:
    """Let one replica claim and record, and the other record what is not its own: first as it is, then unfenced."""
    holder, thief = (
        open_ledger(
            postgres.url_as(role, url), replica=f"host:{pid}:x", version="1", lease=timedelta(minutes=1),
            message_domain="example.org", clock=FixedClock(NOW),
        )
        for pid, role in names.items()
    )  # fmt: skip
    try:
        await holder.record_rows(missions(2), now=NOW)
        first, second = (await claim(holder)).claims
        await holder.record([outcome(first)], now=NOW, settle=settle, creations=NO_LIMIT)
        await thief.record([outcome(second)], now=NOW, settle=settle, creations=NO_LIMIT)
        theft = "UPDATE contracts SET lease_token = lease_token + 1"
        await run(thief, theft + " WHERE lease_owner = 'host:11:x'")
        await run(thief, theft + ", lease_owner = 'host:22:x' WHERE lease_owner = 'host:11:x'")
    finally:
        await holder.aclose()
        await thief.aclose()
    return second.facts.mission_id


def test_l02_a_stopped_replica_whose_presence_breaks_is_replaced_at_once_and_comes_back(
    postgres: PostgresServer, tmp_path: Path, figures: Figures
) -> None:
    with open_site(postgres, tmp_path) as site:
        _answer_early_or_late(site.remote, Random(7))  # noqa: S311 - repeatable on purpose
        site.discover(30)
        replicas = site.start_all(2)
        stopped, other = replicas
        wait_for(lambda: all(replica.has_said("presence.shown") for replica in replicas), within_s=20)
        wait_for(lambda: bool(site.missions_of(stopped)), within_s=20, every_s=0.01)
        stopped.send(signal.SIGSTOP)
        begun, held = time.monotonic(), site.missions_of(stopped)
        _break_presence(site, stopped)
        wait_for(lambda: not site.missions_of(stopped), within_s=30)
        took_s = time.monotonic() - begun
        wait_for(site.is_settled, within_s=60)

        stopped.send(signal.SIGCONT)
        wait_for(lambda: len(stopped.lines("presence.shown")) == 2, within_s=20)
        site.discover(20)
        wait_for(site.is_settled, within_s=60)

        assert held
        assert other.has_said("replica.rescued")
        assert stopped.has_said("presence.lost")
        assert site.stale_writes() == []
        assert site.doubled() == {}
        assert site.remote.creations() == 50
        assert [replica.end() for replica in replicas] == [0, 0]
    figures.note("a stopped replica whose presence broke is replaced", after_s=round(took_s, 2), held=len(held))


def _break_presence(site: Site, replica: Replica) -> None:
    ending = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s "
        "AND datname = current_database() AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
    )
    assert site.ask(ending, [replica.name]) == [(True,)]


@pytest.mark.parametrize("way", ["between statements", "batch"])
def test_l02_who_is_stopped_in_the_middle_of_a_transaction_keeps_nobody_waiting_for_long(
    postgres: PostgresServer, postgres_url: str, figures: Figures, way: str
) -> None:
    prepare_ledger(postgres_url)
    patience_s, deadline_s = 1, 3
    command = [sys.executable, "-m", "tests.faults.replicas.frozen", postgres_url, str(patience_s), str(deadline_s)]
    with subprocess.Popen([*command, way] if way == "batch" else command) as frozen:
        try:
            os.waitid(os.P_PID, frozen.pid, os.WSTOPPED | os.WNOWAIT)
            begun = time.monotonic()
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute("SET lock_timeout = '20s'")
                connection.execute("UPDATE guards SET detail = NULL WHERE name = 'contracts'")
            waited_s = time.monotonic() - begun
        finally:
            frozen.kill()

    figures.note(f"waiting for a row of who is stopped ({way})", waited_s=round(waited_s, 2), limit_s=deadline_s)
    assert waited_s <= (deadline_s if way == "batch" else patience_s) + 1.5
