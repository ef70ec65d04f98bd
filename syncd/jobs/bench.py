"""What effects are performed with."""

from dataclasses import dataclass

from syncd.jobs.fetch import DocumentFetcher
from syncd.jobs.gate import Gate
from syncd.model import Policy
from syncd.ports.cactus import Cactus
from syncd.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The remote, its gate, and what else an effect needs."""

    cactus: Cactus
    documents: DocumentFetcher
    gate: Gate
    clock: Clock
    policy: Policy
