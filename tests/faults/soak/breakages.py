"""What goes wrong during a soak: each breakage lasts a while, and leaves everything as it was."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

from tests.faults.soak.databases import lock_file
from tests.faults.soak.sampling import ask_page
from tests.faults.soak.site import Site
from tests.world.remote import Answer, Request, Trap

Honest = Callable[[], Answer]
Breakage = Callable[[Site, float], Awaitable[None]]
"""Breaks something of a site for so many seconds."""


# ------------------------------------------------------------------------------------------------------------- CACTUS


async def cactus_is_down(site: Site, seconds: float) -> None:
    """Refuse connections, after cutting those that there are."""
    await site.remote_door.shut()
    try:
        await asyncio.sleep(seconds)
    finally:
        await site.remote_door.open()


async def cactus_resets_connections(site: Site, seconds: float) -> None:
    """Cut every connection again and again, whatever is on its way."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await site.remote_door.cut()
        await asyncio.sleep(0.15)


def _answers(trap: Trap) -> Breakage:
    async def breakage(site: Site, seconds: float) -> None:
        site.mood = trap
        try:
            await asyncio.sleep(seconds)
        finally:
            site.mood = None

    return breakage


def _fail(_request: Request, _honest: Honest) -> Answer:
    return Answer.of(500, {"title": "broken", "status": 500})


def _rest(_request: Request, _honest: Honest) -> Answer:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    return Answer.of(503, {"title": "later", "status": 503}, **{"Retry-After": until})


def _limit(_request: Request, _honest: Honest) -> Answer:
    return Answer.of(429, {"title": "slow down", "status": 429}, **{"Retry-After": "1"})


def _answer_late(_request: Request, honest: Honest) -> Answer:
    time.sleep(2.5)  # longer than the daemon waits: it is done all the same
    return honest()


def _lose_answers(_request: Request, honest: Honest) -> None:
    honest()


def _show_a_login_page(_request: Request, _honest: Honest) -> Answer:
    return Answer(200, b"<html><title>Connexion</title></html>", {"Content-Type": "text/html"})


def _forget_places(request: Request, honest: Honest) -> Answer:
    return Answer.of(410, {"title": "gone", "status": 410}) if "after" in request.query else honest()


async def garbage_on_the_feed(site: Site, seconds: float) -> None:
    """Publish entries that make no sense, or that are nobody's."""
    with site.remote.lock:
        site.remote.feed += [
            {"contract_id": None, "status": 5}, {}, {"contract_id": "C-X", "status": "archivé", "documents": "none"},
            {"contract_id": "../../etc", "external_reference": "FVMA-1999-0001", "status": "initialised"},
            {"contract_id": "C-Y" * 500, "external_reference": ["list"], "status": "in_progress", "updated_at": -1},
        ]  # fmt: skip
    await asyncio.sleep(seconds)


# --------------------------------------------------------------------------------------------------------- mail server


async def mail_is_down(site: Site, seconds: float) -> None:
    """Refuse connections, after cutting those that there are."""
    await site.office_door.shut()
    try:
        await asyncio.sleep(seconds)
    finally:
        await site.office_door.open()


async def mail_is_greylisted(site: Site, seconds: float) -> None:
    """Put every recipient off."""
    site.office.on_recipient = lambda _address: "451 4.7.1 greylisted, come back later"
    try:
        await asyncio.sleep(seconds)
    finally:
        site.office.on_recipient = lambda _address: "250 OK"


async def mail_loses_acknowledgements(site: Site, seconds: float) -> None:
    """Take letters in, and hang up instead of saying so."""
    site.office.cuts = 2
    try:
        await asyncio.sleep(seconds)
    finally:
        site.office.cuts = 0


async def mail_is_slow(site: Site, seconds: float) -> None:
    """Think about every letter."""
    site.office.thinks_for_s = 0.5
    try:
        await asyncio.sleep(seconds)
    finally:
        site.office.thinks_for_s = 0.0


# ----------------------------------------------------------------------------------- databases, process, operations


async def missions_are_locked(site: Site, seconds: float) -> None:
    """Let the application have its database for itself."""
    await asyncio.to_thread(lock_file, site.missions.file, seconds)


async def ledger_is_locked(site: Site, seconds: float) -> None:
    """Let somebody else have the ledger."""
    await site.database.lock(seconds)


async def ledger_is_gone(site: Site, seconds: float) -> None:
    """Let the ledger's server be started again."""
    await site.database.interrupt(seconds)


async def reload_is_asked_for(site: Site, seconds: float) -> None:
    """Have the configuration read again."""
    site.send(signal.SIGHUP)
    await asyncio.sleep(seconds)


async def process_is_stopped(site: Site, seconds: float) -> None:
    """Freeze the process, as a machine that is suspended does."""
    site.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        site.send(signal.SIGCONT)


async def pages_are_crowded(site: Site, seconds: float) -> None:
    """Hold the operations' pages with requests that never end, and with noise, while others read them."""
    visits = [asyncio.create_task(_dawdle(site.ops_port, number)) for number in range(30)]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.gather(*(ask_page(site.ops_port, page) for page in ("/metrics", "/", "/livez", "/readyz")))
        await asyncio.sleep(0.1)
    for visit in visits:
        visit.cancel()
    await asyncio.gather(*visits, return_exceptions=True)


async def _dawdle(port: int, number: int) -> None:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for place in count():
                writer.write(b"GET / HTTP/1.1\r\nX: "[place : place + 1] or bytes([number + 33]))
                await writer.drain()
                await asyncio.sleep(0.1)
        finally:
            writer.transport.abort()


BREAKAGES: dict[str, Breakage] = {
    "cactus is down": cactus_is_down,
    "cactus resets connections": cactus_resets_connections,
    "cactus fails": _answers(_fail),
    "cactus rests": _answers(_rest),
    "cactus limits": _answers(_limit),
    "cactus answers late": _answers(_answer_late),
    "cactus loses answers": _answers(_lose_answers),
    "cactus shows a login page": _answers(_show_a_login_page),
    "cactus forgets places": _answers(_forget_places),
    "garbage on the feed": garbage_on_the_feed,
    "mail is down": mail_is_down,
    "mail is greylisted": mail_is_greylisted,
    "mail loses acknowledgements": mail_loses_acknowledgements,
    "mail is slow": mail_is_slow,
    "missions are locked": missions_are_locked,
    "ledger is locked": ledger_is_locked,
    "ledger is gone": ledger_is_gone,
    "reload is asked for": reload_is_asked_for,
    "process is stopped": process_is_stopped,
    "pages are crowded": pages_are_crowded,
}
