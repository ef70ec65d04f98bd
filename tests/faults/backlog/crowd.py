"""Makes a crowd of one: contracts as the daemon itself left the first of them, each with its own names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, insert, select, text, update

from syncd.model import ContractId, Mission, MissionId
from syncd.store.rows import columns_of, facts_of, student_key
from syncd.store.tables import contracts, letters
from tests.support.plain import plain_engine
from tests.world.missions import mission
from tests.world.remote import Remote

FIRST = 1
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Crowd:
    """A ledger seen from outside, on either database."""

    engine: Engine

    @classmethod
    def of(cls, ledger_url: str) -> "Crowd":
        """Open a ledger by its plain URL."""
        return cls(plain_engine(ledger_url))

    def grow(self, count: int) -> None:
        """Add `count - 1` contracts like the only one, with their letters."""
        with self.engine.begin() as connection:
            row = connection.execute(select(contracts)).mappings().one()
            mail = [dict(one) for one in connection.execute(select(letters)).mappings()]
            for start in range(FIRST + 1, FIRST + count, _BATCH):
                numbers = range(start, min(start + _BATCH, FIRST + count))
                connection.execute(insert(contracts), [_copy(dict(row), number) for number in numbers])
                connection.execute(insert(letters), [_letter(one, number) for number in numbers for one in mail])
        self._analyse()

    def all_due(self, now: datetime) -> None:
        """Let all of them be due at once, as after a long rest, for a reading that CACTUS must answer."""
        with self.engine.begin() as connection:
            connection.execute(update(contracts).values(due_at=now, reread_wanted=True))

    def due(self, now: datetime) -> int:
        """Return how many are due."""
        with self.engine.connect() as connection:
            count = connection.execute(select(func.count()).where(contracts.c.due_at <= now)).scalar_one()
            return int(count)

    def contract_of(self, mission_id: str) -> str | None:
        """Return the remote name that the ledger has for a mission."""
        with self.engine.connect() as connection:
            statement = select(contracts.c.contract_id).where(contracts.c.mission_id == mission_id)
            return connection.execute(statement).scalar_one_or_none()

    def attempts(self) -> list[int]:
        """Return how often each that fails was tried."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(contracts.c.attempts).where(contracts.c.attempts > 0)).scalars())

    def _analyse(self) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def fill_remote(remote: Remote, count: int) -> None:
    """Let CACTUS know every contract of the crowd; its feed says nothing of them."""
    (first,) = remote.contracts.values()
    for number in range(FIRST + 1, FIRST + count):
        contract_id, row = _contract_id(number), mission(number)
        remote.contracts[contract_id] = first | {
            "contract_id": contract_id, "external_reference": row["mission_id"],
            "student": {"number": row["student_number"]},
        }  # fmt: skip


def _copy(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    first, contract_id = facts_of(row, (), ()), _contract_id(number)
    assert first.remote is not None
    assert first.sent is not None
    assert first.baseline is not None
    facts = replace(
        first,
        mission_id=_renamed(first.mission, number).mission_id,
        mission=_renamed(first.mission, number),
        baseline=_renamed(first.baseline, number),
        sent=_renamed(first.sent, number),
        contract_id=contract_id,
        remote=replace(
            first.remote,
            contract_id=contract_id,
            external_reference=mission(number)["mission_id"],
            student_number=mission(number)["student_number"],
        ),
    )
    return {**row, **columns_of(facts), "active_key": student_key(facts)}


def _renamed(one: Mission, number: int) -> Mission:
    row = mission(number)
    return replace(
        one,
        mission_id=MissionId(row["mission_id"]),
        student_number=row["student_number"],
        student_email=row["student_email"],
        hr_contact_email=row["hr_contact_email"],
    )


def _letter(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    own = {"mission_id": mission(number)["mission_id"], "message_id": f"<{number}.{row['role']}@example.org>"}
    return {name: value for name, value in row.items() if name != "letter_id"} | own


def _contract_id(number: int) -> ContractId:
    return ContractId(f"CROWD-{number:06d}")
