"""Every letter is accounted for, whatever the mail server does and whoever is killed.

Thousands of letters through the real SMTP adapter to a real server on loopback, from a real outbox, by processes that
are killed between a letter and its record. Then the server's book is compared with the ledger, letter by letter.
"""

from pathlib import Path

import pytest

from tests.faults.mail.mishaps import DOUBTFUL, Mishap
from tests.faults.mail.rounds import Account, Plan, run
from tests.support.scale import Amount, Figures

SHARDS = 2


def plan_of(shard: int, letters: int, *, bad_hours: int) -> Plan:
    """Spread kills, outages and refused logins over the first two thirds of a shard's letters."""
    missions = range(1 + shard * 100_000, 1 + shard * 100_000 + letters // 2)
    step = letters * 2 // 3 // (3 * bad_hours)
    moments = list(range(step // 2 + 7 * shard, step * 3 * bad_hours, step))
    return Plan(seed=shard, missions=missions, kills=moments[0::3], outages=moments[1::3], refused_logins=moments[2::3])


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_i6_every_recipient_is_sent_failed_and_shown_or_unknown_and_no_repeat_is_without_doubt(
    url: str, shard: int, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    letters = amount(quick=300, deep=10_000) // SHARDS
    plan = plan_of(shard, letters, bad_hours=amount(quick=1, deep=8))

    account = await run(plan, url, tmp_path)

    assert account.complaints[:10] == [], f"seed {plan.seed}"
    assert account.balance.letters == letters
    assert account.balance.sent + account.balance.failed + account.balance.unknown == letters
    assert account.balance.repeats <= account.balance.doubts
    assert account.killed == len(plan.kills)
    note(figures, url, shard, account)


def note(figures: Figures, url: str, shard: int, account: Account) -> None:
    """Keep what was seen of one shard."""
    mishaps, total = account.counter.mishaps, account.balance
    figures.note(
        f"letters accounted for, {url.partition(':')[0]}, shard {shard}",
        letters=total.letters, sent=total.sent, failed=total.failed, unknown=total.unknown, lost=0,
        repeats=total.repeats, unknown_outcomes=total.doubts, kills=account.killed,
        faults=sum(mishaps.values()) - mishaps[Mishap.NONE], lost_answers=sum(mishaps[m] for m in DOUBTFUL),
        refused_logins=account.counter.refused_logins, connections=account.counter.connections,
        took_s=round(account.took_s, 1), ms_per_letter=round(account.took_s / total.letters * 1000, 1),
    )  # fmt: skip
