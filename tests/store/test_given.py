"""Many values are one value to a statement, and are what they were."""

import pytest

from syncd.model import MissionId
from syncd.store.engine import Transaction
from syncd.store.loading import load_these
from tests.store.bench import NO_LIMIT, NOW, Bench, a_mission, claim, missions, outcome, settle, statements_of

AWKWARD = ("o'hara", 'a "quoted" one', "{b}", "[c]", "d\\e", "é", "\N{GRINNING FACE}", "NULL", "012", "1.0", "true")


async def test_awkward_words_are_found(bench: Bench) -> None:
    ledger = await bench.prepared(*(a_mission(word) for word in AWKWARD), a_mission("another"))

    async def work(tx: Transaction) -> set[MissionId]:
        return {*(await load_these(tx, AWKWARD)).loaded}

    assert await ledger._database.read(work) == set(AWKWARD)


@pytest.mark.parametrize("word", ["nul\0", "half \ud83d"])
async def test_a_word_that_was_stored_otherwise_is_found_by_what_it_was(bench: Bench, word: str) -> None:
    ledger = await bench.prepared(a_mission(word))

    async def work(tx: Transaction) -> int:
        return len((await load_these(tx, [word])).loaded)

    assert await ledger._database.read(work) == 1


async def test_a_statement_has_the_same_text_for_one_contract_and_for_many(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(30))
    texts: list[set[str]] = []

    for limit in (2, 28):
        with statements_of(ledger) as sent:
            claims = (await claim(ledger, limit=limit)).claims
            await ledger.renew({c.facts.mission_id: c.token for c in claims}, now=NOW)
            await ledger.record([outcome(c) for c in claims], now=NOW, settle=settle, creations=NO_LIMIT)
        texts.append(set(sent))

    assert texts[0] == texts[1]


async def test_only_the_very_pair_of_mission_and_token_is_held(bench: Bench) -> None:
    ledger = await bench.prepared(*missions(3))
    first, second, third = (c.facts.mission_id for c in (await claim(ledger, limit=3)).claims)

    assert await ledger.renew({first: 1, second: 2, third: 1}, now=NOW) == {first, third}
