"""The helper processes: what they know of us, how they are replaced, and how they end."""

import asyncio
import os
import signal
import sys
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from syncd.adapters.documents.pdf import LimitedPdfCheck
from syncd.adapters.documents.pdf_verdict import PdfLimits
from syncd.errors import Transient
from tests.adapters.documents import papers
from tests.adapters.documents.processes import (
    environment_of,
    first_child_of,
    first_helper,
    helpers,
    limited_child_of,
    limits_of,
    open_files_of,
)

SLOW = papers.slow_to_unpack(20_000_000)
MEGABYTE = 1024 * 1024


@pytest.fixture
async def check() -> AsyncIterator[LimitedPdfCheck]:
    check = LimitedPdfCheck(helper_count=2)
    yield check
    await check.aclose()
    assert helpers() == []


async def kill_the_reader_of_a_document() -> None:
    """Kill the fork that reads a document just now, as the kernel does when memory gets short."""
    os.kill(await first_child_of(await first_helper()), signal.SIGKILL)


async def test_one_helper_serves_one_document_after_the_other(check: LimitedPdfCheck) -> None:
    assert await check.fault_of(papers.plain()) is None
    first = helpers()
    assert await check.fault_of(papers.plain()) is None

    assert len(first) == 1
    assert helpers() == first


async def test_no_more_helpers_than_allowed_serve_many_documents_at_once(check: LimitedPdfCheck) -> None:
    contents = [papers.plain(), papers.no_page()] * 20

    faults = await asyncio.gather(*map(check.fault_of, contents))

    assert faults == [None, "unreadable"] * 20
    assert len(helpers()) == 2


async def test_i8_a_helper_knows_nothing_of_us(check: LimitedPdfCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DOCUMENTS__KEY", "secret")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)

    await check.fault_of(papers.plain())

    (helper,) = helpers()
    files = open_files_of(helper)
    os.close(reading)
    os.close(writing)
    assert environment_of(helper).keys() == {"PYTHONPATH"}
    assert files.keys() == {0, 1, 2}
    assert files[2] == "/dev/null"
    assert os.getsid(helper) == helper


async def test_p06_the_reader_of_a_document_has_limits_and_no_way_out(check: LimitedPdfCheck) -> None:
    asked = asyncio.create_task(check.fault_of(SLOW))

    reader = await limited_child_of(await first_helper())
    files, limits = open_files_of(reader), limits_of(reader)

    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not files.keys() & {0, 1}
    assert limits["Max cpu time"] == "5"
    assert limits["Max address space"] == str(512 * MEGABYTE)
    assert limits["Max file size"] == limits["Max core file size"] == "0"


async def test_c08_a_killed_reader_is_a_verdict_and_the_helper_lives(check: LimitedPdfCheck) -> None:
    fault, _ = await asyncio.gather(check.fault_of(SLOW), kill_the_reader_of_a_document())

    assert fault == "too_costly"
    assert len(helpers()) == 1
    assert await check.fault_of(papers.plain()) is None


async def test_c08_a_helper_that_died_in_its_sleep_is_replaced(check: LimitedPdfCheck) -> None:
    await check.fault_of(papers.plain())
    (first,) = helpers()
    os.kill(first, signal.SIGKILL)

    assert await check.fault_of(papers.plain()) is None
    assert first not in helpers()


async def test_c08_a_helper_that_dies_at_work_is_replaced_and_asked_again(check: LimitedPdfCheck) -> None:
    await check.fault_of(papers.plain())
    (first,) = helpers()
    asked = asyncio.create_task(check.fault_of(papers.slow_to_unpack(3_000_000)))
    await first_child_of(first)

    os.kill(first, signal.SIGKILL)

    assert await asked is None
    assert first not in helpers()


async def test_a_helper_that_is_asked_to_terminate_still_answers(check: LimitedPdfCheck) -> None:
    await check.fault_of(papers.plain())
    (helper,) = helpers()

    os.kill(helper, signal.SIGTERM)

    assert await check.fault_of(papers.plain()) is None
    assert helpers() == [helper]


async def test_a_caller_who_gives_up_does_not_leave_an_answer_to_the_next(check: LimitedPdfCheck) -> None:
    asked = asyncio.create_task(check.fault_of(SLOW))
    await first_child_of(await first_helper())

    asked.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked
    assert helpers() == []
    assert await check.fault_of(papers.no_page()) == "unreadable"


async def test_closing_ends_a_check_whose_helper_has_just_started(check: LimitedPdfCheck) -> None:
    asked = asyncio.create_task(check.fault_of(SLOW))
    await first_helper()

    await check.aclose()

    with pytest.raises(Transient, match="closed"):
        await asked
    assert helpers() == []


async def test_closing_ends_a_check_at_work(check: LimitedPdfCheck) -> None:
    asked = asyncio.create_task(check.fault_of(SLOW))
    await first_child_of(await first_helper())

    await check.aclose()

    with pytest.raises(Transient, match="closed"):
        await asked
    assert helpers() == []


async def test_a_closed_check_starts_no_helper() -> None:
    check = LimitedPdfCheck()
    await check.aclose()

    with pytest.raises(Transient, match="closed"):
        await check.fault_of(papers.plain())


@pytest.mark.parametrize(
    ("program", "message"), [("/bin/false", "without a verdict"), ("/no/such/program", "could not start")]
)
async def test_a_helper_that_cannot_live_is_no_verdict(
    check: LimitedPdfCheck, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)

    with pytest.raises(Transient, match=message):
        await check.fault_of(papers.plain())


@pytest.mark.slow
async def test_a_helper_that_falls_silent_is_ended_and_is_no_verdict() -> None:
    check = LimitedPdfCheck(limits=PdfLimits(wall_s=1), grace_s=0)
    await check.fault_of(papers.plain())
    os.kill(await first_helper(), signal.SIGSTOP)

    with pytest.raises(Transient, match="in time"):
        await check.fault_of(papers.plain())

    assert helpers() == []
    await check.aclose()


@pytest.mark.slow
async def test_p06_our_own_memory_stays_flat_whatever_a_document_unpacks_to(check: LimitedPdfCheck) -> None:
    large = papers.one_page(papers.stream(bytes(45 * MEGABYTE)))
    bomb = papers.flate_bomb(100_000_000)
    tracemalloc.start()

    faults = [await check.fault_of(content) for content in (large, bomb)]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert faults == [None, "too_costly"]
    assert peak < 4 * MEGABYTE
