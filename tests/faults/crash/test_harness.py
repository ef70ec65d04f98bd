"""The harness itself: it finds what a naive implementation loses and doubles, and what anybody damages."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import count

import pytest

from tests.faults.crash.invariants import check_aftermath, check_end
from tests.faults.crash.orders import Work
from tests.faults.crash.saga import Backend, MakeSaga, Saga
from tests.faults.crash.town import APPRENTICES, EXPECTED, Memory
from tests.support.scale import Amount, Figures

TOLD_AT_THE_START = {told for told in EXPECTED if told[0] in APPRENTICES and told[1] == "contract.initialised"}


def test_the_naive_way_doubles_contracts_and_loses_notifications_when_it_is_killed(
    make_saga: MakeSaga, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.NOTHING)
    saga.ledger.put_back({})
    scene, found = saga.save(), Counter[str]()

    for step in count(1, amount(quick=3, deep=1)):
        saga.begin_at(scene)
        if not saga.act(Work.NAIVE, fatal_step=step).was_killed:
            break
        for _ in range(2):
            saga.act(Work.NAIVE)
        found += _harm_done(saga)
        found["kills"] += 1

    figures.note("the naive way, killed in a step", **found)
    assert _harm_done(saga) == {}  # it is killing that does it: the last one lived
    assert found["doubled contracts"] > 0
    assert found["lost notifications"] > 0


def _harm_done(saga: Saga) -> Counter[str]:
    creations, told = saga.town.creations(), saga.town.box.told()
    return +Counter({
        "lost contracts": sum(creations[mission_id] == 0 for mission_id in APPRENTICES),
        "doubled contracts": sum(creations[mission_id] > 1 for mission_id in APPRENTICES),
        "lost notifications": len(TOLD_AT_THE_START - told),
    })  # fmt: skip


# ------------------------------------------------------------------------------------------------------- what it checks

Damage = Callable[[Saga], None]


def _sql(statement: str) -> Damage:
    def damage(saga: Saga) -> None:
        with closing(sqlite3.connect(saga.ledger.url.removeprefix("sqlite:///"))) as ledger, ledger:
            assert ledger.execute(statement).rowcount > 0

    return damage


def _double_a_contract(saga: Saga) -> None:
    saga.town.remote.made_by_hand("21000001", "13001533200013")
    saga.town.remote.contracts["C-00003"]["external_reference"] = APPRENTICES[0]


def _lose_a_document(saga: Saga) -> None:
    next((saga.folder / "state" / "documents").iterdir()).unlink()


def _spoil_a_document(saga: Saga) -> None:
    one, other, *_ = sorted((saga.folder / "state" / "documents").iterdir())
    one.write_bytes(other.read_bytes())


def _repeat_a_letter(saga: Saga) -> None:
    saga.town.box.letters.append(saga.town.box.letters[0])


def _lose_a_letter(saga: Saga) -> None:
    saga.town.box.letters.pop()


def _name_somebody(saga: Saga) -> None:
    with (saga.folder / "output").open("a") as output:
        output.write("refused: zoe1@example.org\n")


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a second contract": ("I1", _double_a_contract),
    "a contract that never came to its end": ("I2", _sql("UPDATE contracts SET step = 'to_fetch'")),
    "another contract's name": ("I3", _sql("UPDATE contracts SET contract_id = contract_id || '0'")),
    "a row without its file": ("I4", _lose_a_document),
    "a fact without its letters": ("I5", _sql("DELETE FROM letters WHERE event = 'contract.initialised'")),
    "a letter that came twice": ("I6", _repeat_a_letter),
    "a letter that never came": ("I6", _lose_a_letter),
    "a name in the log": ("I8", _name_somebody),
}


def test_whatever_is_damaged_is_noticed(make_saga: MakeSaga) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.KEYS)
    saga.act(Work.LIVE)
    scene = saga.save()
    check_end(saga.remains())

    for invariant, damage in DAMAGES.values():
        saga.begin_at(scene)
        damage(saga)
        with pytest.raises(AssertionError, match=invariant):
            check_end(saga.remains())


def test_a_document_that_was_exchanged_for_another_is_noticed(make_saga: MakeSaga) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.KEYS)
    saga.act(Work.LIVE)
    _spoil_a_document(saga)

    with pytest.raises(Exception, match="document"):
        check_aftermath(saga.remains())
