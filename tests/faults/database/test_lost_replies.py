"""B04: the connection breaks around a COMMIT. What was committed counts, and nothing is done a second time for it."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.typing import EventDict

from syncd.clock import SystemClock
from syncd.model import Facts, MissionId
from syncd.ports.ledger import Amendment
from syncd.store import SqlLedger
from syncd.store.commits import Fate as CommitFate
from syncd.store.engine import Database
from tests.faults.database.judgement import judge, timeline
from tests.faults.database.proxy import Fate, Proxy, proxy_before
from tests.faults.database.site import a_site
from tests.faults.database.tally import add_one, make_tally, tally
from tests.store.bench import NOW, Bench, a_mission, claim, link_all
from tests.support.scale import Amount, Figures

A = MissionId("A")
LOST = [Fate.REPLY_LOST, Fate.NEVER_ARRIVES]
SHARDS = 2


@dataclass
class Broken:
    """A ledger behind a proxy."""

    ledger: SqlLedger
    proxy: Proxy

    def spoil_next(self, *fates: Fate) -> None:
        """Let the next COMMITs meet these fates."""
        coming = iter(fates)
        self.proxy.judge = lambda: next(coming, Fate.ANSWERED)


@pytest.fixture
async def broken(postgres_url: str) -> AsyncIterator[Broken]:
    async with proxy_before(postgres_url) as proxy:
        ledger = await Bench(url=proxy.url(postgres_url), wal=None).prepared(a_mission("A"))
        yield Broken(ledger, proxy)
        assert "Current Checked out connections: 0" in ledger.pool_status()
        await ledger.aclose()


@pytest.mark.parametrize("fate", LOST)
async def test_b04_a_claim_whose_commit_was_not_answered_is_one_claim(broken: Broken, fate: Fate) -> None:
    broken.spoil_next(fate)

    claimed = await claim(broken.ledger)

    assert [one.facts.mission_id for one in claimed.claims] == [A]
    assert await broken.ledger.renew({A: claimed.claims[0].token}, now=NOW) == {A}


@pytest.mark.parametrize("fate", LOST)
async def test_b04_letters_whose_taking_was_not_answered_are_taken_once(broken: Broken, fate: Fate) -> None:
    await link_all(broken.ledger)
    broken.spoil_next(fate)

    (letter,) = await broken.ledger.take_letters(limit=5, now=NOW)

    assert not letter.is_repeat


@pytest.mark.parametrize("fates", [[Fate.REPLY_LOST], [Fate.NEVER_ARRIVES] * 3 + [Fate.REPLY_LOST]])
async def test_b04_a_change_that_would_add_up_is_made_once(broken: Broken, fates: list[Fate]) -> None:
    def count(facts: Facts) -> Amendment:
        return Amendment(facts=replace(facts, ask_round=facts.ask_round + 1))

    broken.spoil_next(*fates)
    await broken.ledger.amend([A], count, now=NOW)

    view = await broken.ledger.view(A)
    assert view is not None
    assert view.facts.ask_round == 1


class NaiveDatabase(Database):
    """Takes a COMMIT without an answer for one that did not happen."""

    async def _fate_of(self, *_of_whom: object) -> CommitFate:
        return CommitFate.ABORTED


@pytest.mark.parametrize(("kind", "expected"), [(NaiveDatabase, 2), (Database, 1)])
async def test_b04_the_naive_way_does_it_twice_and_this_proxy_shows_it(
    kind: type[Database], expected: int, postgres_url: str
) -> None:
    await make_tally(postgres_url)
    async with proxy_before(postgres_url) as proxy:
        fates = iter([Fate.REPLY_LOST])
        proxy.judge = lambda: next(fates, Fate.ANSWERED)
        database = kind(proxy.url(postgres_url), clock=SystemClock(), sqlite_wal=None)

        await add_one(database)

        assert tally(postgres_url) == expected
        await database.aclose()


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_b04_a_thousand_lost_replies_to_commit_double_nothing(
    shard: int, postgres_url: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """Two whole daemons; four COMMITs of ten meet a broken connection, most of them carried out."""
    wanted, dice = amount(quick=20, deep=500), random.Random(shard)  # noqa: S311 - repeatable on purpose

    def judge_commit() -> Fate:
        return dice.choices([Fate.ANSWERED, *LOST], [6, 3, 1])[0]

    async with a_site(tmp_path) as site, proxy_before(postgres_url) as proxy:
        async with site.replicas(site.settings(proxy.url(postgres_url)), 2):
            proxy.judge = judge_commit
            while proxy.lost < wanted:
                await site.validate(8 if wanted < 100 else 24)
                await site.everybody_works(postgres_url)
            proxy.judge = lambda: Fate.ANSWERED
        found = judge(site, postgres_url)

        assert not found.violations
        assert found.posts == sum(n % 4 != 0 for n in site.numbers)
        assert found.repeated == 0
        assert told(site.lines) == written(postgres_url)
    figures.note(
        "replies to COMMIT lost", lost=proxy.lost, commits=proxy.commits, missions=len(site.numbers),
        posts=found.posts, doubled=0, mails=found.mails, repeated=found.repeated,
    )  # fmt: skip


def told(lines: list[EventDict]) -> Counter[tuple[str, str]]:
    """Return what the log told of contracts and letters."""
    return Counter((str(line["mission_id"]), str(line["event"])) for line in lines if line["event"] in _HAPPENINGS)


def written(url: str) -> Counter[tuple[str, str]]:
    """Return what the timelines tell of them."""
    found: Counter[tuple[str, str]] = Counter()
    for (mission_id, event, _), count in timeline(url).items():
        found[mission_id, event] += count if event in _HAPPENINGS else 0
    return +found


_HAPPENINGS = frozenset({"contract.initialised", "contract.advanced", "letter.queued", "letter.sent"})
