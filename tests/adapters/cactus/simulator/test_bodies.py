"""What a body must say."""

from typing import Any

import pytest

from syncd.adapters.cactus.simulator import Problem
from syncd.adapters.cactus.simulator.bodies import read_body
from tests.adapters.cactus.simulator.samples import LA_POSTE_SIRET, a_body


def _faulty_fields(body: object) -> set[str]:
    with pytest.raises(Problem) as caught:
        read_body(body)
    errors: Any = caught.value.extra["errors"]
    return {error["field"] for error in errors}


def test_unknown_members_are_ignored() -> None:
    assert read_body({**a_body(), "colour": "green"}) == read_body(a_body())


@pytest.mark.parametrize("siret", ["13001533200013", "39391439500057", LA_POSTE_SIRET])
def test_a_real_siret_is_accepted(siret: str) -> None:
    assert read_body(a_body(company={"siret": siret})).company_siret == siret


@pytest.mark.parametrize(
    "siret", ["", "12345678200011", "1234567820001", "123 456 782 00010", "１２３４５６７８２０００１０", 1]
)
def test_a_wrong_siret_is_refused(siret: object) -> None:
    assert _faulty_fields(a_body(company={"siret": siret})) == {"company.siret"}


@pytest.mark.parametrize("day", [None, "2025-02-31", "01/09/2025", "20250901", "2025-W01-1", "2025-09-01T00:00:00", 5])
def test_a_wrong_day_is_refused(day: object) -> None:
    assert _faulty_fields(a_body(training={"starts_on": day})) == {"training.starts_on"}


def test_an_end_before_its_start_is_refused() -> None:
    assert _faulty_fields(a_body(contract={"ends_on": "2025-08-31"})) == {"contract.ends_on"}


def test_an_instant_needs_a_zone() -> None:
    assert _faulty_fields(a_body(mission={"validated_at": "2025-06-01T10:00:00"})) == {"mission.validated_at"}


@pytest.mark.parametrize("text", ["Du\x00rand", "Du\u202erand", "D" * 301, 5, ["Durand"]], ids=repr)
def test_a_strange_name_is_refused(text: object) -> None:
    assert _faulty_fields(a_body(student={"last_name": text})) == {"student.last_name"}


def test_only_apprenticeship_contracts_are_made() -> None:
    assert _faulty_fields(a_body(contract={"type": "professionnalisation"})) == {"contract.type"}


@pytest.mark.parametrize("year", ["2025", "2025-2027", "25-26", "abcd-efgh"])
def test_an_academic_year_is_two_years_in_a_row(year: str) -> None:
    assert _faulty_fields({**a_body(), "academic_year": year}) == {"academic_year"}


@pytest.mark.parametrize("body", [None, [], "text", {}, {"student": []}], ids=repr)
def test_anything_else_than_a_whole_object_is_refused(body: object) -> None:
    assert {"external_reference", "student.email", "contract.type"} <= _faulty_fields(body)


def test_a_contract_typed_by_hand_needs_no_reference() -> None:
    assert read_body(a_body(None), typed_by_hand=True).external_reference is None
    assert _faulty_fields(a_body(None)) == {"external_reference"}
