"""The two documents of a contract, as specimens that look like the real ones. Equal input gives equal bytes."""

from syncd.adapters.cactus.simulator.cerfa import print_cerfa
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.convention import print_convention
from syncd.model import DocumentKind


def print_paper(kind: DocumentKind, contract: Contract, version: int) -> bytes:
    """Return one version of one document as a PDF. Takes some milliseconds and holds up its caller meanwhile."""
    match kind:
        case DocumentKind.CERFA:
            return print_cerfa(contract, version)
        case DocumentKind.CONVENTION:
            return print_convention(contract, version)
