"""Plays everybody: students and companies fill their parts, the CFA generates, and now and then sends one back."""

from datetime import timedelta

from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.state import Simulator
from syncd.model import PartState, RemoteStatus
from syncd.ports.clock import Clock

HUMAN_PACE = timedelta(seconds=3)

REOPENED_SHARE = 0.12
REFUSED_SHARE = 0.05
REASON = "La durée du contrat ne couvre pas toute la formation."

WAITING_FOR_SOMEBODY = frozenset(
    {
        RemoteStatus.INITIALISED,
        RemoteStatus.IN_PROGRESS,
        RemoteStatus.REOPENED,
        RemoteStatus.COMPLETED,
        RemoteStatus.GENERATED,
        RemoteStatus.SIGNED,
        RemoteStatus.TRANSMITTED,
    }
)


class Player:
    """Does one thing after another, chosen by the clock's dice: a seeded clock plays the same game again.

    `pace` is the time between two acts on the average, `speed` divides it. A person may play on the same contracts.
    """

    def __init__(self, simulator: Simulator, clock: Clock, *, pace: timedelta = HUMAN_PACE, speed: float = 1.0) -> None:
        self._simulator = simulator
        self._clock = clock
        self._pause = pace / speed

    async def play(self) -> None:
        """Play until cancelled."""
        while True:
            await self._clock.sleep(self._pause * (0.5 + self._clock.throw()))
            self.step()

    def step(self) -> Contract | None:
        """Do one thing for one contract and return it as it is then; `None` when nobody has anything to do."""
        waiting = [contract for contract in self._simulator.contracts() if contract.status in WAITING_FOR_SOMEBODY]
        if not waiting:
            return None
        return self._advance(waiting[int(self._clock.throw() * len(waiting))])

    def _advance(self, contract: Contract) -> Contract:
        play, contract_id = self._simulator, contract.contract_id
        match contract.status:
            case RemoteStatus.COMPLETED:
                return self._decide(contract)
            case RemoteStatus.GENERATED:
                return self._conclude(contract)
            case RemoteStatus.SIGNED:
                return play.transmit(contract_id)
            case RemoteStatus.TRANSMITTED:
                return play.file(contract_id)
            case _:
                return self._fill(contract)

    def _fill(self, contract: Contract) -> Contract:
        play, contract_id = self._simulator, contract.contract_id
        if contract.student.state is PartState.TODO:
            return play.start_student(contract_id)
        if not contract.student.is_done:
            return play.fill_student(contract_id)
        if contract.company.state is PartState.TODO:
            return play.start_company(contract_id)
        return play.fill_company(contract_id)

    def _decide(self, contract: Contract) -> Contract:
        if self._clock.throw() < REFUSED_SHARE:
            return self._simulator.refuse(contract.contract_id, REASON)
        return self._simulator.generate(contract.contract_id)

    def _conclude(self, contract: Contract) -> Contract:
        was_reopened = any(paper.version > 1 for paper in contract.papers)
        if not was_reopened and self._clock.throw() < REOPENED_SHARE:
            return self._simulator.reopen(contract.contract_id, student=False)
        return self._simulator.sign(contract.contract_id)
