"""Students, companies, the CFA and the FVMA's users: what they do of themselves, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random

from syncd.model import ContractId, Mission, MissionId, Track
from tests.conformance.examples import A_MISSION
from tests.faults.simulation.cactus import CactusServer
from tests.faults.simulation.fvma import MissionTable
from tests.faults.simulation.kinds import EPOCH
from tests.faults.simulation.loop import SimulatedLoop
from tests.faults.simulation.processes import WORLD


def numbered(number: int) -> Mission:
    """Return a mission of a student of its own that nothing speaks against."""
    return replace(
        A_MISSION,
        mission_id=MissionId(f"M-{number:02d}"),
        updated_at=EPOCH,
        validated_at=EPOCH - timedelta(days=3),
        student_number=f"2200{number:04d}",
        student_last_name="Lefèvre",
        student_first_name="Zoé",
        student_email=f"zoe{number}@example.org",
        company_name="Société Exemple",
        company_siret="13001533200013",
        hr_contact_name="Camille Rességuier",
        hr_contact_email=f"rh{number}@example.com",
        mentor_name="Guy Tuteur",
        mentor_email="tuteur@example.com",
        mission_title=f"Mission {number}",
        track=Track.PROFESSIONNALISATION if number % 6 == 5 else Track.APPRENTISSAGE,
        level="M1" if number % 5 == 3 else "M2",
    )


_ALL_THE_WAY = 3


class Calendar:
    """What people and fate have in mind; empty when nothing more will happen of itself."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.loop = loop
        self.open = 0

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen after a while."""
        self.open += 1
        WORLD.context.run(self.loop.call_later, max(0.0, seconds), self._happen, act)

    def _happen(self, act: Callable[[], object]) -> None:
        self.open -= 1
        act()


class People:
    """Each contract that CACTUS creates is filled and generated as far as people get, and now and then reopened."""

    def __init__(self, cactus: CactusServer, calendar: Calendar, dice: Random) -> None:
        self._cactus = cactus
        self._calendar = calendar
        self._dice = dice
        cactus.on_created = self._begin

    def _begin(self, contract_id: ContractId) -> None:
        how_far = self._dice.choices((0, 1, 2, 3), (2, 2, 1, 5))[0]
        at = self._fill(contract_id, self._dice.uniform(1, 10), how_far)
        if how_far == _ALL_THE_WAY and self._dice.random() < 0.3:
            at += self._dice.uniform(1, 15)
            self._calendar.after(at, partial(self._cactus.reopen, contract_id))
            self._fill(contract_id, at + self._dice.uniform(1, 10), self._dice.choice((1, _ALL_THE_WAY)))

    def _fill(self, contract_id: ContractId, at: float, how_far: int) -> float:
        """Let both fill their parts, in any order, then have the documents generated; return when."""
        acts = [partial(self._cactus.fill_student, contract_id), partial(self._cactus.fill_company, contract_id)]
        if self._dice.random() < 0.1:
            acts.reverse()
        for act in (*acts, partial(self._cactus.generate, contract_id))[:how_far]:
            self._calendar.after(at, act)
            at += self._dice.uniform(0.5, 8)
        return at


class Registrars:
    """Write missions into the FVMA, and change their minds."""

    def __init__(self, table: MissionTable, dice: Random) -> None:
        self._table = table
        self._dice = dice

    def edit(self, mission_id: MissionId) -> None:
        """Change what was validated."""
        row = self._table.rows.get(mission_id)
        if row is not None:
            self._table.put(replace(row, mission_title=f"{row.mission_title}, revue"))

    def withdraw(self, mission_id: MissionId) -> None:
        """Take a mission back."""
        row = self._table.rows.get(mission_id)
        if row is not None:
            self._table.put(replace(row, status="withdrawn"))

    def validate_again(self, mission_id: MissionId) -> None:
        """Validate a mission anew, as it is or with another body."""
        row = self._table.rows.get(mission_id)
        if row is not None:
            title = row.mission_title if self._dice.random() < 0.5 else f"{row.mission_title} bis"
            self._table.put(replace(row, status="validated", mission_title=title))
