"""Everything that a running syncd works with."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog
from aiolimiter import AsyncLimiter

from syncd.adapters.documents.pdf import LimitedPdfCheck
from syncd.adapters.documents.vault import FolderVault
from syncd.clock import SystemClock, new_bytes, new_id
from syncd.errors import Misconfigured
from syncd.events import Log
from syncd.jobs.advance import Advancer
from syncd.jobs.deliver import Deliverer
from syncd.jobs.effects import Bench
from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.jobs.settle import Settler
from syncd.jobs.sweep import SweepLimits
from syncd.jobs.works import HEARTBEAT, Rhythm, Works
from syncd.model import Policy
from syncd.ports.cactus import Cactus
from syncd.ports.clock import Clock
from syncd.ports.documents import Vault
from syncd.ports.ledger import CreationLimit, Ledger
from syncd.ports.mail import Mailer
from syncd.ports.missions import MissionStore
from syncd.ports.presence import Presence
from syncd.settings import Settings
from syncd.store import SessionPresence
from syncd.wiring.adapters import MAIL_CONNECTIONS, cactus_adapter, mailer, mission_store
from syncd.wiring.letters import letter_writer, mail_patience
from syncd.wiring.reading import is_embedded, open_reading, replica_name, url_of

log: Log = structlog.get_logger()

_KEY_FILE = "documents.key"
_KEY_MARK = "documents_key_id"
_HEARTBEAT_ALONE = timedelta(seconds=10)
"""On SQLite nobody else is there to notice, and each sign of life is a write to the disk."""


@asynccontextmanager
async def open_works(
    settings: Settings, *, clock: Clock | None = None, sqlite_wal: bool | None = None
) -> AsyncIterator[Works]:
    """Yield everything that a running syncd works with; all of it is closed again (`sqlite_wal` as in `open_reading`).

    Raises:
        Misconfigured: a setting is missing or wrong (its key is named), or the documents have another key.
        Transient: the ledger cannot be reached.
    """
    settings.require_for_run()
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        presence = _presence(settings, clock)
        if presence is not None:
            stack.push_async_callback(presence.aclose)  # after the ledger's farewell, so that nobody misses us
        ledger = await stack.enter_async_context(
            open_reading(settings, clock=clock, sqlite_wal=sqlite_wal, presence=presence)
        )
        if not is_embedded(settings) and not await ledger.migrate():
            log.warning("schema.newer")
        vault = await open_vault(settings, ledger)
        missions = mission_store(settings)
        stack.push_async_callback(missions.aclose)
        cactus = cactus_adapter(settings, clock)
        stack.push_async_callback(cactus.aclose)
        post = mailer(settings)
        stack.push_async_callback(post.aclose)
        ports = _Ports(clock=clock, ledger=ledger, missions=missions, cactus=cactus, mailer=post, vault=vault)
        works = _works(settings, ports, presence)
        stack.push_async_callback(works.pdf_check.aclose)
        yield works


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ports:
    """What the jobs work with, opened."""

    clock: Clock
    ledger: Ledger
    missions: MissionStore
    cactus: Cactus
    mailer: Mailer
    vault: Vault


def _presence(settings: Settings, clock: Clock) -> SessionPresence | None:
    """Return what shows this replica to the others, `None` where there are none or a pooler would hide it."""
    if is_embedded(settings) or settings.database.pooler:
        return None
    return SessionPresence(url_of(settings.database.url), replica=replica_name(), clock=clock)


def _works(settings: Settings, ports: _Ports, presence: Presence | None) -> Works:
    policy = replace(settings.policy(), capabilities=ports.cactus.capabilities)
    cactus_gate, mail_gate = _gates(settings, ports.ledger, ports.clock, longest_delay=policy.patience.longest_delay)
    settle = Settler(policy=policy, clock=ports.clock, rests_until=cactus_gate.rests_until)
    pdf_check = LimitedPdfCheck(max_bytes=settings.cactus.document_cap_bytes)
    documents = DocumentFetcher(cactus=ports.cactus, vault=ports.vault, check=pdf_check, clock=ports.clock)
    bench = Bench(cactus=ports.cactus, documents=documents, gate=cactus_gate, clock=ports.clock, policy=policy)
    may_be_letters = asyncio.Event()
    advancer = _advancer(settings, ports, settle, bench, has_moved=may_be_letters.set)
    deliverer = _deliverer(settings, ports, policy, mail_gate, advancer=advancer, wake=may_be_letters)
    return Works(
        policy=policy,
        clock=ports.clock,
        ledger=ports.ledger,
        missions=ports.missions,
        cactus=ports.cactus,
        mailer=ports.mailer,
        vault=ports.vault,
        pdf_check=pdf_check,
        settle=settle,
        advancer=advancer,
        deliverer=deliverer,
        cactus_gate=cactus_gate,
        mail_gate=mail_gate,
        sweep_limits=sweep_limits(settings),
        rhythm=_rhythm(settings),
        presence=presence,
    )


def _advancer(
    settings: Settings, ports: _Ports, settle: Settler, bench: Bench, *, has_moved: Callable[[], None]
) -> Advancer:
    return Advancer(
        ledger=ports.ledger,
        settle=settle,
        bench=bench,
        clock=ports.clock,
        concurrency=settings.cactus.concurrency,
        creations=CreationLimit(limit=settings.guard.max_new_contracts),
        lease=timedelta(seconds=settings.jobs.lease_s),
        has_moved=has_moved,
    )


def _deliverer(
    settings: Settings, ports: _Ports, policy: Policy, gate: Gate, *, advancer: Advancer, wake: asyncio.Event
) -> Deliverer:
    return Deliverer(
        ledger=ports.ledger,
        mailer=ports.mailer,
        compose=letter_writer(settings, policy, ports.ledger, ports.clock),
        gate=gate,
        clock=ports.clock,
        patience=mail_patience(settings, policy),
        concurrency=MAIL_CONNECTIONS,
        others_are_busy=lambda: advancer.is_busy,
        wake=wake,
    )


def _gates(settings: Settings, ledger: Ledger, clock: Clock, *, longest_delay: timedelta) -> tuple[Gate, Gate]:
    def gate(name: str, width: int, *, most: float, within_s: float) -> Gate:
        pace = AsyncLimiter(most, within_s) if most else None
        return Gate(name, ledger=ledger, clock=clock, longest_delay=longest_delay, width=width, pace=pace)

    remote, mail = settings.cactus, settings.mail
    return (
        gate("cactus", remote.concurrency, most=remote.requests_per_second, within_s=1),
        gate("mail", MAIL_CONNECTIONS, most=mail.mails_per_minute, within_s=60),
    )


def sweep_limits(settings: Settings) -> SweepLimits:
    """Return how much of the mission store may be gone before a sweep is not believed."""
    return SweepLimits(gone_share=settings.missions.gone_share, gone_minimum=settings.missions.gone_minimum)


def _rhythm(settings: Settings) -> Rhythm:
    return Rhythm(
        poll=timedelta(seconds=settings.jobs.poll_interval_s),
        lease=timedelta(seconds=settings.jobs.lease_s),
        heartbeat=_HEARTBEAT_ALONE if is_embedded(settings) else HEARTBEAT,
        sweep=timedelta(hours=settings.jobs.sweep_interval_h),
        documents_kept_for=timedelta(days=settings.documents.retention_days),
    )


async def open_vault(settings: Settings, ledger: Ledger) -> Vault:
    """Return the vault, after making sure that its key is the one that this ledger's documents were encrypted with.

    Raises:
        Misconfigured: another key was used before.
    """
    key = settings.documents.key_bytes() or _own_key(settings.state_directory / _KEY_FILE)
    folder = settings.documents.folder or settings.state_directory / "documents"
    vault = FolderVault(Path(folder), key, new_id=new_id)
    known = await ledger.mark(_KEY_MARK)
    if known is None:
        await ledger.set_mark(_KEY_MARK, vault.key_id)
    elif known != vault.key_id:
        raise Misconfigured(
            "the documents of this ledger were encrypted with another key",
            key="SYNCD_DOCUMENTS__KEY",
            hint="Put the former key back: without it the stored documents cannot be read.",
        )
    return vault


def _own_key(file: Path) -> bytes:
    """Return the key that this installation made for itself, made now when there is none; whole or not at all."""
    if not file.exists():
        with NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".key") as new:  # closed to others
            new.write(new_bytes(32))
            new.flush()
            os.fsync(new.fileno())
            with suppress(FileExistsError):  # another process was faster: its key is the key
                file.hardlink_to(new.name)
                log.warning("documents.key_made")
    return file.read_bytes()


async def check_pdf(content: bytes) -> str | None:
    """Return what is wrong with a PDF, `None` when it is sound."""
    check = LimitedPdfCheck()
    try:
        return await check.fault_of(content)
    finally:
        await check.aclose()
