"""What every adapter to CACTUS promises, whatever the remote is really like: `syncd.ports.cactus`, as tests.

How to add your adapter
-----------------------
1. Write the adapter: a class with the methods of `syncd.ports.cactus.Cactus`. Let it raise the errors of `syncd.errors`
   and nothing else. If your remote speaks HTTP, begin with `syncd.adapters.cactus.http` and change the mapping.
2. Write a `Remote`: your adapter, and the hands of the people who work in CACTUS. Against a test installation of the
   real CACTUS the hands are calls of its own interface; against a fake of yours they are its methods.
3. Subclass the suite in a `test_cactus_….py` beside this file, with one fixture (`test_cactus.py` has two examples):

       class TestMyCactus(CactusConformance):
           @pytest.fixture
           async def remote(self, clock: Clock) -> AsyncIterator[Remote]:
               cactus = MyCactus(...)
               yield Remote(cactus=cactus, hands=MyHands(...))
               await cactus.aclose()

4. Run it. Where `capabilities` says that your remote cannot do something, the tests of it are skipped, with that
   reason: the daemon then never asks for it. Every other test must pass; none may be overridden.

Each test begins on an empty remote, or at least on one that knows none of the missions of `examples`.
"""

import hashlib
from dataclasses import replace

import pytest

from syncd.errors import CursorExpired, OutcomeUnknown, RefusalCode, Refused, Transient
from syncd.model import ContractId, DocumentKind, MissionId, PartState, RemoteStatus
from tests.conformance.cactus_remote import KEY, Remote, follow, make_generated, need, read
from tests.conformance.examples import A_MISSION, ANOTHER_MISSION

NOBODY = ContractId("CT-nobody")


class CactusConformance:
    """The promises. A subclass brings the fixture `remote`."""

    # Initialising

    async def test_a_new_contract_is_initialised_and_carries_the_reference(self, remote: Remote) -> None:
        contract = await remote.cactus.initialise(A_MISSION, key=KEY)

        assert contract.external_reference == A_MISSION.mission_id
        assert contract.known_status is RemoteStatus.INITIALISED
        assert (contract.student_part.state, contract.company_part.state) == (PartState.TODO, PartState.TODO)
        assert contract.documents == ()

    async def test_the_same_key_again_is_the_same_contract(self, remote: Remote) -> None:
        need(remote, "idempotency_keys")
        first = await remote.cactus.initialise(A_MISSION, key=KEY)

        second = await remote.cactus.initialise(A_MISSION, key=KEY)

        assert second.contract_id == first.contract_id

    async def test_the_same_key_answers_with_the_contract_as_it_is_now(self, remote: Remote) -> None:
        need(remote, "idempotency_keys")
        first = await remote.cactus.initialise(A_MISSION, key=KEY)
        remote.hands.fill_student(first.contract_id)

        second = await remote.cactus.initialise(A_MISSION, key=KEY)

        assert second.student_part.is_done

    async def test_r07_the_same_key_with_another_body_is_refused(self, remote: Remote) -> None:
        need(remote, "idempotency_keys")
        await remote.cactus.initialise(A_MISSION, key=KEY)

        with pytest.raises(Refused) as refused:
            await remote.cactus.initialise(replace(A_MISSION, mission_title="Un autre titre"), key=KEY)

        assert refused.value.code is RefusalCode.KEY_REUSED

    async def test_another_key_for_a_known_reference_names_the_contract_in_the_way(self, remote: Remote) -> None:
        first = await remote.cactus.initialise(A_MISSION, key=KEY)

        with pytest.raises(Refused) as refused:
            await remote.cactus.initialise(A_MISSION, key="another-key")

        assert refused.value.code is RefusalCode.REFERENCE_EXISTS
        assert refused.value.contract_id == first.contract_id

    async def test_r02_a_lost_answer_is_unknown_and_the_look_up_finds_the_contract(self, remote: Remote) -> None:
        need(remote, "look_up")
        remote.hands.faults.answers_to_lose = 1

        with pytest.raises(OutcomeUnknown):
            await remote.cactus.initialise(A_MISSION, key=KEY)
        found = await remote.cactus.find(A_MISSION.mission_id)

        assert found is not None
        assert found.external_reference == A_MISSION.mission_id

    async def test_r02_after_a_lost_answer_the_same_key_makes_no_second_contract(self, remote: Remote) -> None:
        need(remote, "idempotency_keys", "look_up")
        remote.hands.faults.answers_to_lose = 1
        with pytest.raises(OutcomeUnknown):
            await remote.cactus.initialise(A_MISSION, key=KEY)

        again = await remote.cactus.initialise(A_MISSION, key=KEY)

        found = await remote.cactus.find(A_MISSION.mission_id)
        assert found is not None
        assert found.contract_id == again.contract_id

    async def test_while_the_remote_is_unavailable_nothing_is_certain_to_be_done(self, remote: Remote) -> None:
        remote.hands.faults.is_unavailable = True

        with pytest.raises((Transient, OutcomeUnknown)) as failed:
            await remote.cactus.initialise(A_MISSION, key=KEY)

        assert isinstance(failed.value, (Transient, OutcomeUnknown))
        assert failed.value.is_general

    # Looking up and reading

    async def test_a_reference_that_nobody_used_is_found_nowhere(self, remote: Remote) -> None:
        need(remote, "look_up")
        await remote.cactus.initialise(ANOTHER_MISSION, key=KEY)

        assert await remote.cactus.find(A_MISSION.mission_id) is None

    async def test_a_reference_with_every_kind_of_character_is_found(self, remote: Remote) -> None:
        need(remote, "look_up")
        mission = replace(A_MISSION, mission_id=MissionId("FVMA 2025/é+&=%25#?ß"))
        made = await remote.cactus.initialise(mission, key=KEY)

        found = await remote.cactus.find(mission.mission_id)

        assert found is not None
        assert found.contract_id == made.contract_id

    async def test_what_was_created_is_what_is_read(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        contract = await read(remote, made.contract_id)

        assert replace(contract, etag=None) == replace(made, etag=None)

    async def test_the_same_person_and_company_can_be_recognised_where_they_are_told(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        assert made.student_number in {None, A_MISSION.student_number}
        assert made.company_siret in {None, A_MISSION.company_siret}

    async def test_an_unchanged_contract_is_not_read_again(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        contract = await read(remote, made.contract_id)
        if contract.etag is None:
            pytest.skip("this remote gives no ETag")

        assert await remote.cactus.read(made.contract_id, etag=contract.etag) is None

    async def test_a_changed_contract_is_read_in_spite_of_its_old_etag(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        before = await read(remote, made.contract_id)
        remote.hands.fill_student(made.contract_id)

        after = await remote.cactus.read(made.contract_id, etag=before.etag)

        assert after is not None
        assert after.student_part.is_done

    async def test_a_contract_that_nobody_made_is_not_found(self, remote: Remote) -> None:
        with pytest.raises(Refused) as refused:
            await remote.cactus.read(NOBODY)

        assert refused.value.code is RefusalCode.NOT_FOUND

    async def test_an_id_that_climbs_out_of_its_place_is_not_found(self, remote: Remote) -> None:
        for strange in ("..", ".", "", "../contracts", "a b", "%2e%2e"):
            with pytest.raises(Refused) as refused:
                await remote.cactus.read(ContractId(strange))

            assert refused.value.code is RefusalCode.NOT_FOUND

    async def test_a_contract_that_the_remote_forgot_is_not_found(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        remote.hands.forget(made.contract_id)

        with pytest.raises(Refused) as refused:
            await remote.cactus.read(made.contract_id)

        assert refused.value.code is RefusalCode.NOT_FOUND

    async def test_while_the_remote_is_unavailable_reading_is_transient_and_general(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        remote.hands.faults.is_unavailable = True

        with pytest.raises(Transient) as failed:
            await remote.cactus.read(made.contract_id)

        assert failed.value.is_general

    # The life of a contract

    async def test_each_part_is_done_by_its_own_holder(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        remote.hands.fill_student(made.contract_id)
        halfway = await read(remote, made.contract_id)
        remote.hands.fill_company(made.contract_id)
        whole = await read(remote, made.contract_id)

        assert (halfway.student_part.is_done, halfway.company_part.is_done) == (True, False)
        assert halfway.known_status is RemoteStatus.IN_PROGRESS
        assert (whole.student_part.is_done, whole.company_part.is_done) == (True, True)
        assert whole.known_status is RemoteStatus.COMPLETED

    async def test_a_reopened_contract_waits_for_its_parts_again(self, remote: Remote) -> None:
        contract = await make_generated(remote)

        remote.hands.reopen(contract.contract_id)

        reopened = await read(remote, contract.contract_id)
        assert reopened.known_status is RemoteStatus.REOPENED
        assert (reopened.student_part.is_done, reopened.company_part.is_done) == (False, False)

    async def test_a_refused_contract_says_why(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        remote.hands.refuse(made.contract_id, "Formation non éligible")

        refused = await read(remote, made.contract_id)
        assert refused.known_status is RemoteStatus.REFUSED
        assert refused.rejection_reason == "Formation non éligible"

    async def test_a_status_that_nobody_knows_is_kept_as_it_came(self, remote: Remote) -> None:
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        remote.hands.say_status(made.contract_id, "en_cours_de_visa")

        contract = await read(remote, made.contract_id)
        assert contract.status == "en_cours_de_visa"
        assert contract.known_status is None

    # Documents

    async def test_both_documents_are_offered_and_are_what_was_declared(self, remote: Remote) -> None:
        need(remote, "documents")
        contract = await make_generated(remote)

        for kind in DocumentKind:
            offered = contract.current_document(kind)
            assert offered is not None
            fetched = await remote.cactus.fetch_document(contract.contract_id, kind, offered.version)

            assert len(fetched.content) == offered.size
            assert hashlib.sha256(fetched.content).hexdigest() == offered.sha256

    async def test_documents_generated_again_have_a_higher_version(self, remote: Remote) -> None:
        need(remote, "documents")
        first = await make_generated(remote)
        remote.hands.generate(first.contract_id)

        second = await read(remote, first.contract_id)

        for kind in DocumentKind:
            old, new = first.current_document(kind), second.current_document(kind)
            assert old is not None
            assert new is not None
            assert new.version > old.version

    async def test_a_document_that_is_not_there_is_not_found(self, remote: Remote) -> None:
        need(remote, "documents")
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        for contract_id in (made.contract_id, NOBODY):
            with pytest.raises(Refused) as refused:
                await remote.cactus.fetch_document(contract_id, DocumentKind.CERFA, 1)

            assert refused.value.code is RefusalCode.NOT_FOUND

    # The change feed

    async def test_the_feed_brings_every_contract_and_every_change(self, remote: Remote) -> None:
        need(remote, "change_feed")
        first = await remote.cactus.initialise(A_MISSION, key="first")
        second = await remote.cactus.initialise(ANOTHER_MISSION, key="second")

        known, cursor = await follow(remote, None)
        remote.hands.fill_student(first.contract_id)
        changed, _ = await follow(remote, cursor)

        assert {first.contract_id, second.contract_id} <= set(known)
        assert changed[first.contract_id].student_part.is_done
        assert second.contract_id not in changed

    async def test_a_small_page_leaves_nothing_out(self, remote: Remote) -> None:
        need(remote, "change_feed")
        missions = [replace(A_MISSION, mission_id=MissionId(f"FVMA-2025-{number:04}")) for number in range(7)]
        made = {(await remote.cactus.initialise(mission, key=mission.mission_id)).contract_id for mission in missions}

        known, _ = await follow(remote, None, limit=2)

        assert made <= set(known)

    async def test_the_end_of_the_feed_has_no_more_and_keeps_its_place(self, remote: Remote) -> None:
        need(remote, "change_feed")
        await remote.cactus.initialise(A_MISSION, key=KEY)
        _, cursor = await follow(remote, None)

        page = await remote.cactus.changes(cursor, limit=10)

        assert not page.has_more
        assert page.items == ()

    async def test_a_cursor_that_is_too_old_says_so_and_the_beginning_works(self, remote: Remote) -> None:
        need(remote, "change_feed")
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        _, cursor = await follow(remote, None)
        remote.hands.expire_cursors()

        with pytest.raises(CursorExpired):
            await remote.cactus.changes(cursor, limit=10)
        known, _ = await follow(remote, None, limit=1)

        assert made.contract_id in known

    # Cancelling

    async def test_cancelling_is_repeatable(self, remote: Remote) -> None:
        need(remote, "cancellation")
        made = await remote.cactus.initialise(A_MISSION, key=KEY)

        first = await remote.cactus.cancel(made.contract_id, "Mission retirée")
        second = await remote.cactus.cancel(made.contract_id, "Mission retirée")

        assert first.known_status is RemoteStatus.CANCELLED
        assert second.known_status is RemoteStatus.CANCELLED

    async def test_a_signed_contract_is_past_cancelling(self, remote: Remote) -> None:
        need(remote, "cancellation")
        made = await remote.cactus.initialise(A_MISSION, key=KEY)
        remote.hands.say_status(made.contract_id, RemoteStatus.SIGNED)

        with pytest.raises(Refused) as refused:
            await remote.cactus.cancel(made.contract_id, "Mission retirée")

        assert refused.value.code is RefusalCode.PAST_CANCELLING

    async def test_cancelling_what_nobody_made_is_not_found(self, remote: Remote) -> None:
        need(remote, "cancellation")

        with pytest.raises(Refused) as refused:
            await remote.cactus.cancel(NOBODY, "Mission retirée")

        assert refused.value.code is RefusalCode.NOT_FOUND
