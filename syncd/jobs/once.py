"""One whole pass: ask the store and the feed, then advance and deliver until nothing is due."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from syncd.errors import CredentialsRefused, OutcomeUnknown, Transient
from syncd.events import Log
from syncd.jobs.compare import compare_when_due
from syncd.jobs.digest import queue_digest
from syncd.jobs.discover import FLOW as MISSIONS
from syncd.jobs.discover import discover
from syncd.jobs.keep import kept_house
from syncd.jobs.sweep import sweep_when_due
from syncd.jobs.watch import FLOW as FEED
from syncd.jobs.watch import watch
from syncd.jobs.works import Works

log: Log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """How a pass went. `retrying`: contracts and letters that failed and wait for their next attempt."""

    discovered: int
    performed: int
    delivered: int
    retrying: int
    is_store_unreachable: bool
    is_cactus_unreachable: bool
    are_credentials_refused: bool


async def run_once(works: Works) -> PassReport:
    """Do everything that is due now, and report.

    Raises:
        Misconfigured: the mission store lacks a column without which nothing works.
        Transient: the ledger cannot be reached.
    """
    await works.cactus_gate.load()
    await works.mail_gate.load()
    async with kept_house(works):
        discovered, is_store_unreachable = await _ask_store(works)
        await ask_feed(works)
        await queue_digest(works.ledger, works.clock, works.policy)
        performed, sent = await _do_all(works)
    gate = works.cactus_gate
    return PassReport(
        discovered=discovered,
        performed=performed,
        delivered=sent,
        retrying=await _count_retrying(works),
        is_store_unreachable=is_store_unreachable,
        is_cactus_unreachable=gate.successes == 0 and gate.general_failures > 0,
        are_credentials_refused=gate.state.is_credentials,
    )


async def _count_retrying(works: Works) -> int:
    """Count what failed and waits for its next attempt, behind a closed gate too."""
    backlog = await works.ledger.backlog(now=works.clock.now())
    count = backlog.contracts_retrying + backlog.letters_retrying
    if works.mail_gate.closed_until() is not None:
        count += backlog.letters_queued
    if works.cactus_gate.closed_until() is not None and await works.ledger.next_due_at() is not None:
        count += 1
    return count


async def _ask_store(works: Works) -> tuple[int, bool]:
    try:
        found = await discover(works.missions, works.ledger, works.clock)
        await sweep_when_due(works.missions, works.ledger, works.clock, works.sweep_limits, every=works.rhythm.sweep)
    except Transient as error:
        await works.ledger.note_flow(MISSIONS, now=works.clock.now(), error=error.message)
        log.warning("missions.unreachable", error=error.message)
        return 0, True
    return found.new + found.changed, False


async def ask_feed(works: Works) -> int:
    """Read the change feed, if CACTUS has one and may be asked; its failure is noted, and is the gate's to judge."""
    if not works.cactus.capabilities.change_feed or works.cactus_gate.closed_until() is not None:
        return 0
    try:
        moved = await watch(works.cactus, works.cactus_gate, works.ledger, works.clock)
        return moved + (await compare_when_due(works) or 0)
    except (Transient, OutcomeUnknown) as error:
        await works.ledger.note_flow(FEED, now=works.clock.now(), error=error.message)
        if not isinstance(error, CredentialsRefused):
            log.warning("feed.failed", error=error.message)
        return 0


async def _do_all(works: Works) -> tuple[int, int]:
    """Advance and deliver until neither finds anything: a sent letter may move its contract on."""
    advancer, deliverer = works.advancer, works.deliverer
    performed_before, sent_before = advancer.performed, deliverer.sent
    while True:
        found_before = advancer.touched, deliverer.handled
        await _advance_with_letters_beside(works)
        await deliverer.drain()
        if (advancer.touched, deliverer.handled) == found_before:
            return advancer.performed - performed_before, deliverer.sent - sent_before


async def _advance_with_letters_beside(works: Works) -> None:
    is_done = asyncio.Event()
    letters = asyncio.create_task(_deliver_until(is_done, works))
    try:
        await works.advancer.drain()
    finally:
        is_done.set()
        await letters


async def _deliver_until(is_done: asyncio.Event, works: Works) -> None:
    while not is_done.is_set():
        await works.deliverer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(is_done.wait(), timeout=1)
