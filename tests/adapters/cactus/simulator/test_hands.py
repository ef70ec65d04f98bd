"""What people do, and the statuses that follow (procedure, section 5)."""

from collections.abc import Callable

import pytest

from syncd.adapters.cactus.simulator import Contract, Declined, Simulator
from tests.adapters.cactus.simulator.samples import a_body, a_contract, a_generated_contract


def test_a_contract_goes_from_nothing_typed_to_filed(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    way: list[Callable[[str], Contract]] = [
        simulator.start_student, simulator.fill_student, simulator.start_company, simulator.fill_company,
        simulator.generate, simulator.sign, simulator.transmit, simulator.file, simulator.close,
    ]  # fmt: skip

    statuses = [act(contract_id).status for act in way]

    assert statuses == [
        "in_progress", "in_progress", "in_progress", "completed", "generated", "signed", "transmitted", "filed",
        "closed",
    ]  # fmt: skip


def test_a_part_that_is_done_says_since_when(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id

    started = simulator.start_student(contract_id)
    done = simulator.fill_student(contract_id)

    assert (started.student.state, started.student.done_at) == ("in_progress", None)
    assert (done.student.state, done.student.done_at) == ("done", done.updated_at)
    assert done.company.state == "todo"


def test_the_company_may_be_first(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id

    assert simulator.fill_company(contract_id).status == "in_progress"
    assert simulator.fill_student(contract_id).status == "completed"


def test_what_was_typed_before_is_kept(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    simulator.start_student(contract_id, {"town": "Arles"})

    done = simulator.fill_student(contract_id)

    assert done.student.typed["town"] == "Arles"
    assert done.student.typed["birth_date"]


def test_every_change_is_a_new_revision_with_another_etag(simulator: Simulator) -> None:
    first = a_contract(simulator)

    second = simulator.start_student(first.contract_id)

    assert second.etag != first.etag
    assert second.updated_at > first.updated_at


def test_each_generation_is_a_new_version_and_the_old_ones_stay_listed(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id

    again = simulator.generate(contract_id)

    assert [(paper.kind, paper.version) for paper in again.papers] == [
        ("cerfa", 1), ("convention", 1), ("cerfa", 2), ("convention", 2),
    ]  # fmt: skip
    assert {paper.version for paper in again.current_papers} == {2}


def test_reopening_takes_the_done_flags_back_and_keeps_the_documents_listed(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id

    reopened = simulator.reopen(contract_id)

    assert (reopened.status, reopened.generated_at) == ("reopened", None)
    assert [part.state for part in (reopened.student, reopened.company)] == ["todo", "todo"]
    assert len(reopened.papers) == 2


def test_one_part_alone_can_be_reopened_and_completes_the_contract_again(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id

    reopened = simulator.reopen(contract_id, student=False)
    completed = simulator.fill_company(contract_id)

    assert (reopened.student.state, reopened.company.state) == ("done", "todo")
    assert completed.status == "completed"
    assert {paper.version for paper in simulator.generate(contract_id).current_papers} == {2}


def test_a_refused_contract_shows_its_reason_until_it_is_reopened(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id

    refused = simulator.refuse(contract_id, "Durée trop courte")

    assert (refused.status, refused.rejection_reason) == ("refused", "Durée trop courte")
    assert simulator.reopen(contract_id).rejection_reason is None


def test_a_contract_is_terminated_only_after_it_was_signed(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id
    with pytest.raises(Declined):
        simulator.terminate(contract_id)

    simulator.sign(contract_id)

    assert simulator.terminate(contract_id).status == "terminated"


@pytest.mark.parametrize("act", ["generate", "sign", "transmit", "file", "terminate", "close", "reopen"])
def test_what_comes_too_early_is_declined_and_changes_nothing(simulator: Simulator, act: str) -> None:
    contract = a_contract(simulator)

    with pytest.raises(Declined, match="n’est pas possible : le contrat est au statut « Initialisé »"):
        getattr(simulator, act)(contract.contract_id)

    assert simulator.read(contract.contract_id) is contract


def test_a_part_is_finished_once(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    simulator.fill_student(contract_id)

    with pytest.raises(Declined, match="déjà terminée"):
        simulator.fill_student(contract_id)


def test_refusing_and_cancelling_need_a_reason_and_reopening_a_part(simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id

    for act in (simulator.refuse, simulator.cancel):
        with pytest.raises(Declined, match="motif"):
            act(contract_id, "  ")
    with pytest.raises(Declined, match="au moins une partie"):
        simulator.reopen(contract_id, student=False, company=False)


def test_cactus_may_use_a_word_that_nobody_knows(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id

    assert simulator.say_status(contract_id, "en_attente_opco").status == "en_attente_opco"


def test_a_contract_typed_by_hand_has_no_reference_to_be_found_by(simulator: Simulator) -> None:
    typed = [simulator.type_by_hand(a_body(None)) for _ in range(2)]

    assert typed[0].contract_id != typed[1].contract_id
    assert simulator.find("") is None


def test_no_record_shows_who_it_is_about(simulator: Simulator) -> None:
    contract = simulator.refuse(a_generated_contract(simulator).contract_id, "Durand est absente")

    shown = repr((contract, contract.body, contract.student, contract.papers, contract.history))
    assert not any(word in shown for word in ("Durand", "elise", "Arles", "Martin"))
