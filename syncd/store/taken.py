"""One remote contract belongs to one mission: whoever comes second is told so instead of stopping a batch."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Select, select

from syncd.model import Asked, Facts, MissionId
from syncd.model.replacing import replace
from syncd.ports.ledger import Amendment
from syncd.store.engine import Transaction
from syncd.store.given import is_among
from syncd.store.tables import contracts


async def respect_owners(tx: Transaction, amended: Sequence[Amendment]) -> list[Amendment]:
    """Return the amendments, with a conflict in place of a remote name that another mission has already."""
    owners = await _owners(tx, [a.facts.contract_id for a in amended if a.facts.contract_id is not None])
    respected = []
    for amendment in amended:
        facts = amendment.facts
        owner = owners.setdefault(facts.contract_id, facts.mission_id) if facts.contract_id else facts.mission_id
        is_ours = owner == facts.mission_id
        respected.append(amendment if is_ours else replace(amendment, facts=_in_conflict(facts, owner)))
    return respected


async def _owners(tx: Transaction, contract_ids: Sequence[str]) -> dict[str, MissionId]:
    if not contract_ids:
        return {}
    rows = await tx.connection.execute(_their_missions(is_postgres=tx.is_postgres), {"ids": contract_ids})
    return {str(contract_id): MissionId(mission_id) for contract_id, mission_id in rows}


@cache
def _their_missions(*, is_postgres: bool) -> Select[str | None, str]:
    are_these = is_among(contracts.c.contract_id, "ids", is_postgres=is_postgres)
    return select(contracts.c.contract_id, contracts.c.mission_id).where(are_these)


def _in_conflict(facts: Facts, owner: MissionId) -> Facts:
    return replace(
        facts,
        contract_id=None,
        linked_at=None,
        adopted=False,
        remote=None,
        asked=Asked.CONFLICT,
        conflict=f"le contrat {facts.contract_id} est celui de la mission {owner}",
    )
