"""Where the simulated CACTUS keeps its contracts: in memory, each external reference once."""

from dataclasses import dataclass

from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.feed import ChangeLog
from syncd.adapters.cactus.simulator.problems import not_found, reference_exists
from syncd.model import ContractId


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPage:
    """One page of the change feed."""

    contracts: tuple[Contract, ...]
    next_cursor: str
    has_more: bool


class Shelf:
    """Keeps the present record of every contract, and the order in which they changed."""

    def __init__(self, name: str) -> None:
        self._contracts: dict[ContractId, Contract] = {}
        self._by_reference: dict[str, ContractId] = {}
        self._log = ChangeLog(name)

    def __contains__(self, contract_id: ContractId) -> bool:
        return contract_id in self._contracts

    def all(self) -> tuple[Contract, ...]:
        """Return every contract, oldest first."""
        return tuple(self._contracts.values())

    def read(self, contract_id: str) -> Contract:
        """Return a contract as it is now.

        Raises:
            Problem: 404.
        """
        contract = self._contracts.get(ContractId(contract_id))
        if contract is None:
            raise not_found("contract")
        return contract

    def find(self, external_reference: str) -> Contract | None:
        """Return the contract with this reference."""
        contract_id = self._by_reference.get(external_reference)
        return self._contracts[contract_id] if contract_id is not None else None

    def check_reference(self, external_reference: str | None) -> None:
        """Return when a new contract may have this reference.

        Raises:
            Problem: 409 `reference-exists`.
        """
        if external_reference is not None and external_reference in self._by_reference:
            raise reference_exists(self._by_reference[external_reference])

    def keep(self, contract: Contract) -> Contract:
        """Keep a new record of a contract as its latest change; the same record again is no change."""
        if self._contracts.get(contract.contract_id) is contract:
            return contract
        self._contracts[contract.contract_id] = contract
        if contract.body.external_reference is not None:
            self._by_reference[contract.body.external_reference] = contract.contract_id
        self._log.record(contract.contract_id)
        return contract

    def forget(self, contract_id: str) -> None:
        """Remove a contract and its reference."""
        contract = self.read(contract_id)
        del self._contracts[contract.contract_id]
        self._by_reference.pop(contract.body.external_reference or "", None)
        self._log.remove(contract.contract_id)

    def changes(self, after: str | None, limit: int) -> ContractPage:
        """Return the contracts that changed after a cursor, oldest change first.

        Raises:
            Problem: 410, start over.
        """
        page = self._log.page(after, limit)
        contracts = tuple(self._contracts[contract_id] for contract_id in page.contract_ids)
        return ContractPage(contracts=contracts, next_cursor=page.next_cursor, has_more=page.has_more)

    def expire_cursors(self) -> None:
        """Make every cursor given so far too old."""
        self._log.expire_cursors()
