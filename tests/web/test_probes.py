"""/livez and /readyz: what a service manager asks."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.clock import FixedClock
from tests.web.arrange import FakeHealth, FakeLedger, ask, healthy_ledger, served


async def test_a_process_that_made_progress_within_three_polls_is_alive() -> None:
    clock = FixedClock()
    health = FakeHealth(progressed_at=clock.monotonic())
    clock.advance(timedelta(seconds=179))

    async with served(health=health, clock=clock) as url:
        answer = await ask(f"{url}/livez")

    assert answer.status == 200
    assert json.loads(answer.text) == {"alive": True, "progress_age_s": 179}


async def test_c07_a_process_without_recent_progress_is_not_alive() -> None:
    clock = FixedClock()
    health = FakeHealth(progressed_at=clock.monotonic())
    clock.advance(timedelta(seconds=181))

    async with served(health=health, clock=clock) as url:
        answer = await ask(f"{url}/livez")

    assert answer.status == 503
    assert json.loads(answer.text)["alive"] is False


async def test_a_ledger_that_is_down_does_not_make_the_process_dead() -> None:
    async with served(FakeLedger(is_down=True)) as url:
        assert (await ask(f"{url}/livez")).status == 200


async def test_a_ready_daemon_with_a_ledger_that_answers_is_ready() -> None:
    async with served() as url:
        answer = await ask(f"{url}/readyz")

    assert answer.status == 200
    assert json.loads(answer.text) == {"ready": True, "missing": []}


async def test_a_daemon_that_starts_or_stops_is_not_ready() -> None:
    async with served(health=FakeHealth(is_ready=False)) as url:
        answer = await ask(f"{url}/readyz")

    assert answer.status == 503
    assert json.loads(answer.text) == {"ready": False, "missing": ["daemon"]}


async def test_a_ledger_that_is_down_is_named_as_missing() -> None:
    async with served(FakeLedger(is_down=True), health=FakeHealth(is_ready=False)) as url:
        answer = await ask(f"{url}/readyz")

    assert answer.status == 503
    assert json.loads(answer.text)["missing"] == ["daemon", "ledger"]


async def test_a_silent_ledger_is_waited_for_no_longer_than_a_second() -> None:
    loop = asyncio.get_running_loop()
    async with served(FakeLedger(is_silent=True)) as url:
        began = loop.time()
        answer = await ask(f"{url}/readyz")
        took_s = loop.time() - began

    assert answer.status == 503
    assert json.loads(answer.text)["missing"] == ["ledger"]
    assert took_s == pytest.approx(1, abs=0.4)


async def test_many_who_ask_at_once_are_one_question_to_the_ledger() -> None:
    ledger, clock = healthy_ledger(), FixedClock()
    async with served(ledger, clock=clock) as url:
        answers = await asyncio.gather(*(ask(f"{url}/readyz") for _ in range(20)))
        asked_at_once = ledger.proofs
        clock.advance(timedelta(seconds=1))
        await ask(f"{url}/readyz")

    assert {answer.status for answer in answers} == {200}
    assert (asked_at_once, ledger.proofs) == (1, 2)


async def test_a_ledger_that_comes_back_is_noticed_after_a_second() -> None:
    ledger, clock = FakeLedger(is_down=True), FixedClock()
    async with served(ledger, clock=clock) as url:
        before = await ask(f"{url}/readyz")
        ledger.is_down = False
        clock.advance(timedelta(seconds=1))
        after = await ask(f"{url}/readyz")

    assert (before.status, after.status) == (503, 200)
