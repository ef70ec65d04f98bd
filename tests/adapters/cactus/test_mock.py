"""The switches of the in-memory CACTUS; its promises as an adapter are in the conformance suite."""

import pytest

from syncd.adapters.cactus.mock import MockCactus
from syncd.errors import CredentialsRefused, OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.model import Capabilities, DocumentKind
from tests.conformance.examples import A_MISSION
from tests.support.clock import FixedClock


@pytest.fixture
def mock() -> MockCactus:
    return MockCactus(FixedClock())


async def test_a_lost_request_did_nothing(mock: MockCactus) -> None:
    mock.faults.requests_to_lose = 1

    with pytest.raises(OutcomeUnknown):
        await mock.initialise(A_MISSION, key="k")

    assert await mock.find(A_MISSION.mission_id) is None
    assert mock.initialisations == 1


async def test_a_lost_answer_did_it(mock: MockCactus) -> None:
    mock.faults.answers_to_lose = 1

    with pytest.raises(OutcomeUnknown):
        await mock.initialise(A_MISSION, key="k")

    assert await mock.find(A_MISSION.mission_id) is not None


async def test_a_refusal_lasts_as_long_as_it_is_switched_on(mock: MockCactus) -> None:
    mock.faults.refusal = Refused("CACTUS does not accept: company.siret", code=RefusalCode.INVALID)
    with pytest.raises(Refused):
        await mock.initialise(A_MISSION, key="k")

    mock.faults.refusal = None

    assert (await mock.initialise(A_MISSION, key="k")).external_reference == A_MISSION.mission_id


async def test_any_failure_can_be_played(mock: MockCactus) -> None:
    mock.faults.failure = CredentialsRefused("who are you?")

    with pytest.raises(CredentialsRefused):
        await mock.changes(None, limit=10)


async def test_an_outage_does_nothing(mock: MockCactus) -> None:
    mock.faults.is_unavailable = True

    with pytest.raises(Transient):
        await mock.initialise(A_MISSION, key="k")

    mock.faults.is_unavailable = False
    assert await mock.find(A_MISSION.mission_id) is None


async def test_a_remote_without_keys_is_guarded_by_its_references_alone() -> None:
    mock = MockCactus(FixedClock(), capabilities=Capabilities(idempotency_keys=False))
    await mock.initialise(A_MISSION, key="k")

    with pytest.raises(Refused) as refused:
        await mock.initialise(A_MISSION, key="k")

    assert refused.value.code is RefusalCode.REFERENCE_EXISTS


async def test_the_bytes_of_a_test_are_the_bytes_that_are_fetched(mock: MockCactus) -> None:
    made = await mock.initialise(A_MISSION, key="k")
    mock.generate(made.contract_id, {DocumentKind.CERFA: b"one"})
    contract = mock.generate(made.contract_id, {DocumentKind.CERFA: b"two"})

    fetched = [await mock.fetch_document(made.contract_id, DocumentKind.CERFA, version) for version in (1, 2)]

    assert [document.content for document in fetched] == [b"one", b"two"]
    assert len(contract.documents) == 2
