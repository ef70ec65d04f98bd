"""What reading commands need: the ledger alone."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from syncd import __version__
from syncd.clock import SystemClock, new_id
from syncd.errors import Misconfigured
from syncd.events import log_happening
from syncd.logs import get_log
from syncd.model import MissionId
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger, TimelineEntry
from syncd.settings import Settings
from syncd.store import SessionPresence, open_ledger

log = get_log()

_HANDOVER = timedelta(minutes=5)
"""What a letter may take beside the mail server's last word: connecting, waiting for a place, its content."""


def replica_name() -> str:
    """Return a name of this process that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}"


@asynccontextmanager
async def open_reading(
    settings: Settings,
    *,
    clock: Clock | None = None,
    sqlite_wal: bool | None = None,
    presence: SessionPresence | None = None,
) -> AsyncIterator[Ledger]:
    """Yield the ledger alone, its schema brought up to date when it is SQLite.

    `sqlite_wal` overrules the choice of the journal by SQLite's version: no setting does. `presence` is who works.
    """
    ledger = _ledger(settings, clock or SystemClock(), sqlite_wal=sqlite_wal, presence=presence)
    try:
        if is_embedded(settings):
            await ledger.migrate()
        yield ledger
    finally:
        await ledger.aclose()


def is_embedded(settings: Settings) -> bool:
    """Whether the ledger is a SQLite file: one machine, one daemon."""
    return url_of(settings.database.url).startswith("sqlite")


def ledger_file(settings: Settings) -> Path:
    """Return the file of an embedded ledger."""
    return Path(url_of(settings.database.url).removeprefix("sqlite:///"))


def make_state_directory(settings: Settings) -> None:
    """Make sure that the folder of our own files exists, closed to others.

    Raises:
        Misconfigured: it cannot be made.
    """
    try:
        settings.state_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Misconfigured(
            f"the state directory cannot be made ({error.strerror})", key="SYNCD_STATE_DIRECTORY"
        ) from error


def _ledger(settings: Settings, clock: Clock, *, sqlite_wal: bool | None, presence: SessionPresence | None) -> Ledger:
    make_state_directory(settings)
    return open_ledger(
        url_of(settings.database.url),
        replica=presence.replica if presence is not None else replica_name(),
        version=__version__,
        lease=timedelta(seconds=settings.jobs.lease_s),
        letter_lease=timedelta(seconds=settings.mail.final_reply_timeout_s) + _HANDOVER,
        message_domain=settings.mail.sender.rpartition("@")[2].rstrip(">") or "localhost",
        clock=clock,
        sqlite_wal=sqlite_wal,
        presence=presence,
        tell=_log,
    )


def _log(mission_id: MissionId, entry: TimelineEntry) -> None:
    """What people read in a timeline stands in the log too, without what only a timeline keeps."""
    log_happening(log, entry.event, entry.detail, mission_id=mission_id)


def url_of(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
