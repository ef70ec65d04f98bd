"""/metrics: names, values, and what a hundred scrapes a second cost."""

import asyncio
from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from syncd import __version__
from syncd.model import HoldCode, Step
from syncd.web.metrics import render_metrics
from tests.support.clock import FixedClock
from tests.web.arrange import (
    NOW,
    FakeLedger,
    ago,
    ask,
    contract,
    healthy_ledger,
    replica,
    served,
    snapshot_of,
    troubled_ledger,
)

Samples = dict[tuple[str, str], float]


def samples_in(text: str) -> Samples:
    """Return every sample by its name and its label's value."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def metrics_of(ledger: FakeLedger) -> Samples:
    return samples_in(render_metrics(await snapshot_of(ledger)).decode())


async def test_every_step_has_a_count_even_when_nothing_stands_there() -> None:
    found = await metrics_of(healthy_ledger())

    assert {label for name, label in found if name == "syncd_contracts"} == {step.value for step in Step}
    assert found["syncd_contracts", "done"] == 1284
    assert found["syncd_contracts", "held"] == 0


async def test_a_bad_day_shows_in_every_number() -> None:
    found = await metrics_of(troubled_ledger())

    assert found["syncd_needs_person", ""] == 4
    assert found["syncd_oldest_due_seconds", ""] == 47 * 60
    assert [found["syncd_letters", state] for state in ("queued", "failed", "unknown")] == [26, 1, 1]
    assert [found["syncd_gate_closed", remote] for remote in ("cactus", "mail")] == [1, 1]
    assert [found["syncd_credentials_refused", remote] for remote in ("cactus", "mail")] == [0, 1]
    assert [found["syncd_guard_tripped", guard] for guard in ("contracts", "mails", "sweep")] == [1, 0, 0]
    assert found["syncd_flow_last_success_timestamp_seconds", "missions"] == ago(hours=5).timestamp()
    assert found["syncd_flow_last_failure_timestamp_seconds", "missions"] == ago(seconds=40).timestamp()
    assert found["syncd_replicas", ""] == 1


async def test_a_flow_that_never_went_through_has_no_success_in_1970() -> None:
    ledger = FakeLedger(flow_rows=(troubled_ledger().flow_rows[0],))

    found = await metrics_of(ledger)

    assert ("syncd_flow_last_change_timestamp_seconds", "feed") not in found


async def test_nothing_due_is_an_age_of_nought() -> None:
    assert (await metrics_of(healthy_ledger()))["syncd_oldest_due_seconds", ""] == 0


async def test_more_people_than_were_read_are_still_counted() -> None:
    held = tuple(contract(f"FVMA-{number}", HoldCode.MANUAL_HOLD) for number in range(101))

    found = await metrics_of(FakeLedger(people=held, steps={Step.HELD: 3000}))

    assert found["syncd_needs_person", ""] == 3000


async def test_t04_replicas_are_compared_with_each_other_not_with_our_clock() -> None:
    on_a_slow_clock = (replica("a", ago(minutes=5)), replica("b", ago(minutes=5, seconds=20)))

    assert (await metrics_of(FakeLedger(registry=on_a_slow_clock)))["syncd_replicas", ""] == 1


async def test_a_registry_where_nobody_has_moved_for_long_has_no_living_replica() -> None:
    assert (await metrics_of(FakeLedger(registry=(replica(heartbeat=ago(minutes=11)),))))["syncd_replicas", ""] == 0


async def test_the_version_is_there_whatever_the_ledger_does() -> None:
    async with served(FakeLedger(is_down=True)) as url:
        answer = await ask(f"{url}/metrics")

    assert answer.status == 200
    found = samples_in(answer.text)
    del found["syncd_tasks", ""]  # of the process, whatever the ledger does
    assert found == {("syncd_build_info", __version__): 1, ("syncd_ledger_up", ""): 0}


async def test_o06_a_process_counts_its_own_tasks() -> None:
    async with served() as url:
        before = samples_in((await ask(f"{url}/metrics")).text)["syncd_tasks", ""]
        idle = [asyncio.create_task(asyncio.sleep(60)) for _ in range(7)]
        after = samples_in((await ask(f"{url}/metrics")).text)["syncd_tasks", ""]
        for task in idle:
            task.cancel()
        await asyncio.gather(*idle, return_exceptions=True)

    assert after == before + 7


async def test_prometheus_is_told_which_format_it_reads() -> None:
    async with served() as url:
        answer = await ask(f"{url}/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples_in(answer.text)["syncd_ledger_up", ""] == 1


async def test_o03_a_hundred_scrapes_read_the_ledger_once_in_five_seconds() -> None:
    ledger, clock = healthy_ledger(), FixedClock()
    async with served(ledger, clock=clock) as url:
        for _ in range(5):
            await asyncio.gather(*(ask(f"{url}/metrics") for _ in range(20)))
        within_five_seconds = ledger.readings
        clock.advance(timedelta(seconds=5))
        await ask(f"{url}/metrics")

    assert (within_five_seconds, ledger.readings) == (1, 2)


async def test_the_same_reading_is_written_out_once() -> None:
    snapshot = await snapshot_of(healthy_ledger(), NOW)

    assert render_metrics(snapshot) is render_metrics(snapshot)
