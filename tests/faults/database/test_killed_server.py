"""B06: PostgreSQL is killed again and again while two replicas work. What was told is done, and done once."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.faults.database.crashing_server import crashing_server
from tests.faults.database.judgement import judge
from tests.faults.database.looking import rows
from tests.faults.database.site import a_site
from tests.support.scale import Amount, Figures

SHARDS = 3


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_b06_a_server_killed_a_hundred_times_under_load_loses_and_doubles_nothing(
    shard: int, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """One kill of three takes one process of the server, after which it recovers by itself; the others take all."""
    kills, dice = amount(quick=1, deep=34), random.Random(shard)  # noqa: S311 - repeatable on purpose
    with crashing_server() as server:
        async with a_site(tmp_path) as site:
            async with site.replicas(site.settings(server.url()), 2):
                for _ in range(kills):
                    await site.validate(6)
                    await site.work_for(dice.uniform(0.2, 1.5))
                    if dice.random() < 1 / 3:
                        server.kill_one_of_it(dice.randrange(100))
                    else:
                        server.kill()
                        await asyncio.sleep(dice.choice([0.0, 0.1, 0.5]))
                    await asyncio.to_thread(server.start)
                await site.everybody_works(server.url(), within_s=90)
            found = judge(site, server.url())
            unknown = int(str(rows(server.url(), "SELECT sum(repeats) FROM letters")[0][0]))

            assert not found.violations
            assert found.repeated <= unknown
    figures.note(
        "PostgreSQL killed under load", kills=kills, missions=len(site.numbers), posts=found.posts, doubled=0, lost=0,
        mails=found.mails, repeated=found.repeated, unknown=unknown, slowest_recovery_s=round(max(server.restart_s), 2),
    )  # fmt: skip
