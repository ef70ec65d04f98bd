"""What a person of the CFA can do to a contract on the pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from syncd.adapters.cactus.simulator import hands
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.state import Simulator
from syncd.model import RemoteStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the person sent with the act."""

    reason: str = field(default="", repr=False)
    student: bool = False
    company: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One button. `asks` is what has to be said with it; `done` is the sentence shown afterwards."""

    name: str
    label: str
    explanation: str
    done: str
    allowed: frozenset[RemoteStatus]
    perform: Callable[[Simulator, str, Wish], Contract]
    asks: Literal["nothing", "reason", "parts"] = "nothing"
    is_grave: bool = False

    def is_possible(self, contract: Contract) -> bool:
        """Whether the contract's status allows it."""
        return contract.status in self.allowed


ACTS: tuple[Act, ...] = (
    Act(
        name="generate",
        label="Générer les documents",
        explanation="Le Cerfa et la convention deviennent téléchargeables, dans une nouvelle version.",
        done="Les documents sont générés.",
        allowed=hands.CAN_BE_GENERATED,
        perform=lambda simulator, contract_id, _: simulator.generate(contract_id),
    ),
    Act(
        name="sign",
        label="Marquer comme signé",
        explanation="Toutes les parties ont signé le contrat.",
        done="Le contrat est signé.",
        allowed=frozenset({RemoteStatus.GENERATED}),
        perform=lambda simulator, contract_id, _: simulator.sign(contract_id),
    ),
    Act(
        name="transmit",
        label="Transmettre à l’OPCO",
        explanation="Le contrat signé part à l’opérateur de compétences.",
        done="Le contrat est transmis à l’OPCO.",
        allowed=frozenset({RemoteStatus.SIGNED}),
        perform=lambda simulator, contract_id, _: simulator.transmit(contract_id),
    ),
    Act(
        name="file",
        label="Marquer comme déposé",
        explanation="L’OPCO a déposé le contrat.",
        done="Le contrat est déposé.",
        allowed=frozenset({RemoteStatus.TRANSMITTED}),
        perform=lambda simulator, contract_id, _: simulator.file(contract_id),
    ),
    Act(
        name="close",
        label="Clore",
        explanation="Le contrat est arrivé à son terme.",
        done="Le contrat est clos.",
        allowed=frozenset({RemoteStatus.FILED, RemoteStatus.TERMINATED}),
        perform=lambda simulator, contract_id, _: simulator.close(contract_id),
    ),
    Act(
        name="reopen",
        label="Rouvrir",
        explanation="Les parties choisies sont à reprendre ; les documents déjà générés ne valent plus.",
        done="Le contrat est rouvert.",
        allowed=hands.CAN_BE_REOPENED,
        perform=lambda simulator, contract_id, wish: simulator.reopen(
            contract_id, student=wish.student, company=wish.company
        ),
        asks="parts",
    ),
    Act(
        name="refuse",
        label="Refuser",
        explanation="Le CFA ou l’OPCO refuse le contrat.",
        done="Le contrat est refusé.",
        allowed=hands.CAN_BE_REFUSED,
        perform=lambda simulator, contract_id, wish: simulator.refuse(contract_id, wish.reason),
        asks="reason",
        is_grave=True,
    ),
    Act(
        name="cancel",
        label="Annuler",
        explanation="Le contrat est abandonné avant sa signature.",
        done="Le contrat est annulé.",
        allowed=hands.CAN_BE_CANCELLED,
        perform=lambda simulator, contract_id, wish: simulator.cancel(contract_id, wish.reason),
        asks="reason",
        is_grave=True,
    ),
    Act(
        name="terminate",
        label="Rompre",
        explanation="Le contrat prend fin avant son terme.",
        done="Le contrat est rompu.",
        allowed=hands.CAN_BE_TERMINATED,
        perform=lambda simulator, contract_id, _: simulator.terminate(contract_id),
        is_grave=True,
    ),
)

ACTS_BY_NAME = {act.name: act for act in ACTS}
