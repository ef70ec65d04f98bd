"""Everything that a running syncd works with, put together by the wiring."""

from dataclasses import dataclass
from datetime import timedelta

from syncd.jobs.advance import Advancer
from syncd.jobs.deliver import Deliverer
from syncd.jobs.gate import Gate
from syncd.jobs.settle import Settler
from syncd.jobs.sweep import SweepLimits
from syncd.model import Policy
from syncd.ports.cactus import Cactus
from syncd.ports.clock import Clock
from syncd.ports.documents import PdfCheck, Vault
from syncd.ports.ledger import Ledger
from syncd.ports.mail import Mailer
from syncd.ports.missions import MissionStore
from syncd.ports.presence import Presence

HEARTBEAT = timedelta(seconds=2)
"""How often a replica says that it lives, where there may be others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often each loop comes round, and how long documents are kept after the training."""

    poll: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=60)
    heartbeat: timedelta = HEARTBEAT
    sweep: timedelta = timedelta(hours=24)
    documents_kept_for: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """The ports and the jobs of one process."""

    policy: Policy
    clock: Clock
    ledger: Ledger
    missions: MissionStore
    cactus: Cactus
    mailer: Mailer
    vault: Vault
    pdf_check: PdfCheck
    settle: Settler
    advancer: Advancer
    deliverer: Deliverer
    cactus_gate: Gate
    mail_gate: Gate
    sweep_limits: SweepLimits
    rhythm: Rhythm
    presence: Presence | None = None
    """Only where replicas share a PostgreSQL, and reach it without a pooler."""
