"""Documents: fetched and believed only whole, tried again with patience, deleted when their time is over."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.adapters.documents.memory import MemoryVault
from syncd.errors import RefusalCode, Refused, Transient
from syncd.jobs.effects import observed
from syncd.jobs.fetch import next_version
from syncd.jobs.purge import DocumentKeeper, find_expired, purge_documents
from syncd.model import ContractId, DocumentKind, HoldCode, Policy, Step
from syncd.ports.cactus import FetchedDocument
from syncd.ports.documents import DocumentName
from tests.jobs.test_watch import ScriptedFeed
from tests.jobs.workshop import POLICY, Examiner, Workshop, id_of, numbered, open_workshop
from tests.support.clock import FixedClock
from tests.support.facts import NOW, generated, known, offered, pair, stored

CERFA, CONVENTION = DocumentKind.CERFA, DocumentKind.CONVENTION
NINETY_DAYS = timedelta(days=90)


class CunningCactus(ScriptedFeed):
    """Hands out other bytes than it declared, or says something else of them."""

    content_type = "application/pdf"
    instead: dict[DocumentKind, bytes]
    refusal: Refused | None = None
    downloads = 0

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return what the test put there."""
        self.downloads += 1
        if self.refusal is not None:
            raise self.refusal
        honest = await super().fetch_document(contract_id, kind, version)
        content = getattr(self, "instead", {}).get(kind, honest.content)
        return FetchedDocument(content=content, content_type=self.content_type)


async def to_generated(workshop: Workshop, number: int = 1) -> ContractId:
    """Bring a contract to where its documents can be downloaded, and work."""
    await workshop.initialised(number)
    found = await workshop.cactus.find(id_of(number))
    assert found is not None
    workshop.cactus.fill_student(found.contract_id)
    workshop.cactus.fill_company(found.contract_id)
    workshop.cactus.generate(found.contract_id)
    await read_again(workshop, number)
    return found.contract_id


async def read_again(workshop: Workshop, number: int = 1) -> None:
    """Have CACTUS asked, and work."""
    workshop.clock.advance(timedelta(days=1, minutes=20))
    await workshop.works.advancer.drain()


def examiner_of(workshop: Workshop) -> Examiner:
    """Return who says whether a PDF is sound."""
    assert isinstance(workshop.works.pdf_check, Examiner)
    return workshop.works.pdf_check


# ------------------------------------------------------------------------------------------------------------ fetching


async def test_both_documents_are_checked_encrypted_and_named_in_the_ledger(workshop: Workshop) -> None:
    await to_generated(workshop)

    view = await workshop.view(1)
    assert view.row.step is Step.TO_REGISTER
    assert {document.kind for document in view.facts.documents} == {CERFA, CONVENTION}
    for document in view.facts.documents:
        name = DocumentName(mission_id=id_of(1), kind=document.kind, version=document.version)
        assert (await workshop.works.vault.load(name, document.file_id)).startswith(b"%PDF-")
    assert (await workshop.events(1)).count("document.stored") == 2


async def test_p02_what_is_no_document_yet_is_tried_again_and_held_only_after_three_times(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = CunningCactus(clock)
    cactus.instead = {CERFA: b"<html>login</html>"}
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        examiner_of(workshop).verdict = "not a PDF"
        steps = []
        await to_generated(workshop)
        for _ in range(3):
            steps.append(await workshop.step(1))
            clock.advance(timedelta(minutes=10))
            await workshop.works.advancer.drain()

        held = await workshop.view(1)
        examiner_of(workshop).verdict, cactus.instead = None, {}
        for _ in range(4):
            clock.advance(timedelta(minutes=10))
            await workshop.works.advancer.drain()

        assert Step.TO_FETCH in steps
        assert held.row.hold_codes == (HoldCode.DOCUMENT_INVALID,)
        assert await workshop.step(1) is Step.TO_REGISTER


class ReopeningCactus(CunningCactus):
    """Reopens a contract while one of its documents is on its way, which the ledger learns at once."""

    workshop: Workshop | None = None

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return what was asked for, a moment too late."""
        found = await super().fetch_document(contract_id, kind, version)
        if self.workshop is not None:
            reopened, now = self.reopen(contract_id), self.workshop.clock.now()
            await self.workshop.ledger.amend([id_of(1)], observed(reopened, now=now), now=now)
        return found


async def test_p07_what_is_wrong_with_a_document_of_a_contract_reopened_meanwhile_holds_nobody(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = ReopeningCactus(clock)
    cactus.instead = {CERFA: b"%PDF-1.4 somebody else's\n%%EOF\n"}
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        cactus.workshop = workshop

        await to_generated(workshop)

        view = await workshop.view(1)
        assert cactus.downloads == 1
        assert (view.row.step, view.row.hold_codes) == (Step.AWAITING_STUDENT, ())


async def test_p03_a_sound_document_with_another_hash_is_held_at_once_and_the_other_is_stored(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = CunningCactus(clock)
    cactus.instead = {CERFA: b"%PDF-1.4 somebody else's\n%%EOF\n"}
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await to_generated(workshop)

        view = await workshop.view(1)
        assert view.row.hold_codes == (HoldCode.DOCUMENT_INVALID,)
        clock.advance(timedelta(minutes=10))
        await workshop.works.advancer.drain()
        assert [document.kind for document in (await workshop.view(1)).facts.documents] == [CONVENTION]


async def test_p02_a_declared_document_under_another_content_type_is_not_believed_yet(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    cactus = CunningCactus(clock)
    cactus.content_type = "text/html"
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await to_generated(workshop)
        waiting = await workshop.view(1)

        cactus.content_type = "application/pdf; charset=binary"
        for _ in range(3):
            clock.advance(timedelta(minutes=10))
            await workshop.works.advancer.drain()

        assert waiting.facts.documents == ()
        assert await workshop.step(1) is Step.TO_REGISTER


@pytest.mark.parametrize("code", [RefusalCode.NOT_FOUND, RefusalCode.CONTENT], ids=["not there", "p04 too large"])
async def test_p04_a_document_that_cannot_be_had_leaves_the_contract_waiting(tmp_path: Path, code: RefusalCode) -> None:
    clock = FixedClock(NOW)
    cactus = CunningCactus(clock)
    cactus.refusal = Refused("no", code=code)
    async with open_workshop(tmp_path, tmp_path, clock=clock, cactus=cactus) as workshop:
        await to_generated(workshop)
        waiting = await workshop.step(1)

        cactus.refusal = None
        for _ in range(3):
            clock.advance(timedelta(minutes=10))
            await workshop.works.advancer.drain()

        assert waiting is Step.TO_FETCH
        assert await workshop.step(1) is Step.TO_REGISTER
        assert workshop.works.cactus_gate.state.failures == 0


async def test_p07_other_bytes_under_a_known_version_become_a_version_of_their_own(workshop: Workshop) -> None:
    facts = known(documents=stored(*pair()))

    assert next_version(facts, offered(CERFA, 1, "other bytes")) == 2
    assert next_version(facts, offered(CERFA, 7)) == 7
    assert generated(*pair()).current_document(CERFA) == offered(CERFA, 1)


class FullVault(MemoryVault):
    """Has no room until the test makes some."""

    is_full = True

    async def store(self, name: DocumentName, content: bytes) -> str:
        """Store, when there is room."""
        if self.is_full:
            raise Transient("no space left", is_general=True)
        return await super().store(name, content)


async def test_p10_a_full_disk_makes_the_contract_wait_and_is_not_the_remote_s_failure(workshop: Workshop) -> None:
    vault = FullVault(bytes(32), new_id=lambda: "0" * 32)
    workshop.works.advancer._bench.documents._vault = vault
    await to_generated(workshop)
    waiting = await workshop.view(1)

    failures, vault.is_full = workshop.works.cactus_gate.state.failures, False
    for _ in range(3):
        workshop.clock.advance(timedelta(minutes=10))
        await workshop.works.advancer.drain()

    assert (waiting.row.step, waiting.facts.documents, waiting.facts.last_error) == (
        Step.TO_FETCH, (), "no space left",
    )  # fmt: skip
    assert failures == 0
    assert await workshop.step(1) is Step.TO_REGISTER


# ------------------------------------------------------------------------------------------------------------- purging

TRAINING_ENDS = datetime(2026, 8, 31, 12, tzinfo=UTC)


async def expired(workshop: Workshop, at: datetime, policy: Policy = POLICY) -> dict[str, int]:
    """Return how many documents of which mission may go."""
    found = await find_expired(workshop.ledger, policy, now=at, kept_for=NINETY_DAYS)
    return {mission_id: len(documents) for mission_id, documents in found.items()}


async def test_documents_are_kept_until_ninety_days_after_the_training(workshop: Workshop) -> None:
    await to_generated(workshop)

    assert await expired(workshop, TRAINING_ENDS + NINETY_DAYS) == {}
    assert await expired(workshop, TRAINING_ENDS + NINETY_DAYS + timedelta(days=1)) == {id_of(1): 2}


async def test_where_the_mission_names_no_end_its_campaign_s_and_programme_s_counts(workshop: Workshop) -> None:
    campaign = POLICY.campaigns.of("2025-2026")
    assert campaign is not None
    from dataclasses import replace

    long_one = replace(campaign, training_ends_per_programme={"M2 MIAGE ID2I": datetime(2026, 10, 31).date()})  # noqa: DTZ001
    policy = replace(POLICY, campaigns=replace(POLICY.campaigns, configured={"2025-2026": long_one}))
    await workshop.discover(numbered(1, training_ends_on=None))
    await to_generated(workshop)
    await workshop.discover(numbered(1, training_ends_on=None))

    after_the_campaign = TRAINING_ENDS + NINETY_DAYS + timedelta(days=1)
    assert await expired(workshop, after_the_campaign) == {id_of(1): 2}
    assert await expired(workshop, after_the_campaign, policy) == {}
    assert await expired(workshop, after_the_campaign + timedelta(days=61), policy) == {id_of(1): 2}


async def test_a_purge_deletes_the_bytes_keeps_the_row_and_may_be_repeated(workshop: Workshop) -> None:
    await to_generated(workshop)
    at = TRAINING_ENDS + timedelta(days=100)
    found = await find_expired(workshop.ledger, POLICY, now=at, kept_for=NINETY_DAYS)

    counts = [await purge_documents(found, workshop.ledger, workshop.works.vault, now=at) for _ in range(2)]

    view = await workshop.view(1)
    assert counts == [2, 2]
    assert await workshop.works.vault.file_ids() == frozenset()
    assert [(d.file_id, len(d.sha256)) for d in view.facts.documents] == [("", 64), ("", 64)]
    assert (await workshop.events(1)).count("document.purged") == 2
    assert view.row.step is Step.TO_REGISTER
    assert await expired(workshop, at) == {}


class StubbornVault(MemoryVault):
    """Lets nothing be removed."""

    async def remove(self, file_id: str) -> None:  # noqa: ARG002 - the port's shape
        """Fail."""
        raise Transient("a document could not be removed")


async def test_bytes_that_cannot_be_deleted_are_not_written_down_as_gone(workshop: Workshop) -> None:
    await to_generated(workshop)
    at = TRAINING_ENDS + timedelta(days=100)
    found = await find_expired(workshop.ledger, POLICY, now=at, kept_for=NINETY_DAYS)

    with pytest.raises(Transient):
        await purge_documents(found, workshop.ledger, StubbornVault(bytes(32), new_id=str), now=at)

    assert await expired(workshop, at) == {id_of(1): 2}


async def test_the_keeper_purges_once_a_day(workshop: Workshop) -> None:
    await to_generated(workshop)
    keeper = DocumentKeeper(workshop.works)
    first = await keeper.tidy_when_due()
    workshop.clock.set_wall(TRAINING_ENDS + timedelta(days=100))

    done = [await keeper.tidy_when_due() for _ in range(3)]

    assert first is True
    assert done == [True, False, False]
    assert await workshop.works.vault.file_ids() == frozenset()


async def test_p08_a_file_that_a_crash_left_without_a_row_is_deleted_at_the_second_look(workshop: Workshop) -> None:
    await to_generated(workshop)
    keeper, vault = DocumentKeeper(workshop.works), workshop.works.vault
    kept = await vault.file_ids()
    orphan = await vault.store(DocumentName(mission_id=id_of(9), kind=CERFA, version=1), b"%PDF-")

    await keeper.tidy_when_due()
    after_one_look = await vault.file_ids()
    workshop.clock.advance(timedelta(days=1))
    await keeper.tidy_when_due()

    assert orphan in after_one_look
    assert await vault.file_ids() == kept
