"""The remote of the conformance suite: an adapter, the people on its other side, and what the tests do with both."""

from dataclasses import dataclass
from typing import Protocol

import pytest

from syncd.model import ContractId, RemoteContract
from syncd.ports.cactus import Cactus
from tests.conformance.examples import A_MISSION

KEY = "key-of-a-mission"


class Hands(Protocol):
    """What people do in CACTUS, and what goes wrong there. What is returned does not matter."""

    def fill_student(self, contract_id: ContractId, /) -> object: ...
    def fill_company(self, contract_id: ContractId, /) -> object: ...
    def generate(self, contract_id: ContractId, /) -> object: ...
    def reopen(self, contract_id: ContractId, /) -> object: ...
    def refuse(self, contract_id: ContractId, reason: str, /) -> object: ...
    def say_status(self, contract_id: ContractId, word: str, /) -> object: ...
    def forget(self, contract_id: ContractId, /) -> object: ...
    def expire_cursors(self) -> object: ...

    @property
    def faults(self) -> "Faults": ...


class Faults(Protocol):
    """Switches."""

    answers_to_lose: int
    """So many next initialisations are done and not answered."""
    is_unavailable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An adapter, and the hands of the people on the other side."""

    cactus: Cactus
    hands: Hands


def need(remote: Remote, *capabilities: str) -> None:
    """Skip the test when the remote says that it cannot do this."""
    for capability in capabilities:
        if not getattr(remote.cactus.capabilities, capability):
            pytest.skip(f"this remote declares no {capability}")


async def read(remote: Remote, contract_id: ContractId) -> RemoteContract:
    """Return a contract as it is now."""
    contract = await remote.cactus.read(contract_id)
    assert contract is not None, "a reading without an ETag always brings the contract"
    return contract


async def make_generated(remote: Remote) -> RemoteContract:
    """Return a contract with its documents."""
    made = await remote.cactus.initialise(A_MISSION, key=KEY)
    remote.hands.fill_student(made.contract_id)
    remote.hands.fill_company(made.contract_id)
    remote.hands.generate(made.contract_id)
    return await read(remote, made.contract_id)


async def follow(
    remote: Remote, cursor: str | None, *, limit: int = 100
) -> tuple[dict[ContractId, RemoteContract], str | None]:
    """Return the latest of each contract that changed after a cursor, and the cursor at the end."""
    latest: dict[ContractId, RemoteContract] = {}
    for _ in range(1_000):
        page = await remote.cactus.changes(cursor, limit=limit)
        assert len(page.items) <= limit
        latest |= {contract.contract_id: contract for contract in page.items}
        cursor = page.cursor if page.cursor is not None else cursor
        if not page.has_more:
            return latest, cursor
    raise AssertionError("the feed has no end")
