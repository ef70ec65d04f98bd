"""What is sent to CACTUS follows the interface; what comes back is believed as little as possible."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.adapters.cactus.mapping import to_cactus, to_contract, to_contracts
from syncd.adapters.cactus.problem import FIELD_PATHS
from syncd.adapters.cactus.values import _UNSTORABLE, Unreadable, read_text
from syncd.errors import Refused
from syncd.model import DocumentKind, Part, PartState, RemoteContract, RemoteDocument, Track
from tests.conformance.examples import A_MISSION

SHA = "ab" * 32
LEAST: dict[str, object] = {"contract_id": "CT-1", "status": "initialised"}
PAPER: dict[str, object] = {"kind": "cerfa", "version": 1, "sha256": SHA, "size": 10, "available_at": None}


def read(**said: object) -> RemoteContract:
    return to_contract({**LEAST, **said}, status_words={})


def test_the_body_of_an_initialisation_is_the_one_of_the_interface() -> None:
    assert to_cactus(A_MISSION) == {
        "external_reference": "FVMA-2025-0042",
        "academic_year": "2025-2026",
        "student": {
            "number": "22001234",
            "last_name": "Lefèvre-Ndiaye",
            "first_name": "Jérôme",
            "email": "jerome.lefevre@example.org",
        },
        "company": {"siret": "12345678200010", "name": "Société d’Essai & Fils"},
        "hr_contact": {"name": "Amélie Garcin", "email": "amelie.garcin@example.com"},
        "mentor": {"name": "Paul Rinaldi", "email": "paul.rinaldi@example.com"},
        "training": {
            "programme": "M2 MIAGE ID2I",
            "level": "M2",
            "campus": "aix",
            "starts_on": "2025-09-01",
            "ends_on": "2026-08-31",
        },
        "contract": {"type": "apprentissage", "starts_on": "2025-09-15", "ends_on": "2026-09-14"},
        "mission": {
            "title": "Refonte du portail des fournisseurs",
            "description": "Conception, développement et recette d’un portail pour les fournisseurs de la société.",
            "validated_at": "2025-06-02T09:30:00+00:00",
        },
    }


def test_what_the_mission_lacks_is_sent_as_null() -> None:
    body = to_cactus(replace(A_MISSION, mentor_email=None, validated_at=None, contract_starts_on=None))

    assert body["mentor"] == {"name": "Paul Rinaldi", "email": None}
    assert body["contract"] == {"type": "apprentissage", "starts_on": None, "ends_on": "2026-09-14"}


@pytest.mark.parametrize("track", [Track.PROFESSIONNALISATION, None])
def test_only_an_apprenticeship_is_ever_told_to_cactus(track: Track | None) -> None:
    with pytest.raises(Refused):
        to_cactus(replace(A_MISSION, track=track))


def test_every_field_that_is_sent_can_be_named_in_a_refusal() -> None:
    body = to_cactus(A_MISSION)

    paths = {f"{part}.{name}" for part, inner in body.items() if isinstance(inner, dict) for name in inner}
    assert paths | set(body) | {"reason"} == FIELD_PATHS


def test_a_whole_contract_is_read_as_it_stands() -> None:
    contract = to_contract(
        {
            "contract_id": "CT-1",
            "external_reference": "FVMA-2025-0042",
            "status": "generated",
            "student_part": {"state": "done", "done_at": "2025-06-10T10:00:00+02:00"},
            "company_part": {"state": "in_progress", "done_at": None},
            "documents": [PAPER, PAPER | {"kind": "convention", "sha256": SHA.upper(), "version": 2}],
            "generated_at": "2025-06-12T08:00:00Z",
            "updated_at": "2025-06-12T08:00:01.250Z",
            "student_url": "https://cactus.example.org/e/1",
            "company_url": "https://cactus.example.org/c/1",
            "rejection_reason": None,
            "student": {"number": 22001234},
            "company": {"siret": "123 456 782 00010"},
            "something_new": [1, 2, 3],
        },
        status_words={},
        etag='"5"',
    )

    assert contract == RemoteContract(
        contract_id=contract.contract_id,
        external_reference="FVMA-2025-0042",
        status="generated",
        student_part=Part(state=PartState.DONE, done_at=datetime(2025, 6, 10, 8, 0, tzinfo=UTC)),
        company_part=Part(state=PartState.IN_PROGRESS),
        documents=(
            RemoteDocument(kind=DocumentKind.CERFA, version=1, sha256=SHA, size=10),
            RemoteDocument(kind=DocumentKind.CONVENTION, version=2, sha256=SHA, size=10),
        ),
        generated_at=datetime(2025, 6, 12, 8, 0, tzinfo=UTC),
        updated_at=datetime(2025, 6, 12, 8, 0, 1, 250_000, tzinfo=UTC),
        student_url="https://cactus.example.org/e/1",
        company_url="https://cactus.example.org/c/1",
        student_number="22001234",
        company_siret="12345678200010",
        etag='"5"',
    )
    assert contract.contract_id == "CT-1"


def test_a_contract_may_say_no_more_than_its_id_and_its_status() -> None:
    contract = read()

    assert (contract.student_part, contract.company_part, contract.documents) == (Part(), Part(), ())
    assert contract.external_reference is None


@pytest.mark.parametrize(
    "said", [None, [], "CT-1", 5, {}, {"contract_id": "CT-1"}, {"status": "x"}, {**LEAST, "status": ["x"]}]
)
def test_what_has_no_id_or_no_status_is_not_a_contract(said: object) -> None:
    with pytest.raises(Unreadable):
        to_contract(said, status_words={})


@pytest.mark.parametrize("strange", [None, 12, True, "", " ", ".", "..", "a b", "a\nb", "a\x00", "\ud800", "x" * 201])
def test_an_id_that_cannot_stand_in_an_address_is_no_id(strange: object) -> None:
    with pytest.raises(Unreadable):
        read(contract_id=strange)


def test_unknown_words_are_kept_as_they_came() -> None:
    contract = read(status="en_visa", student_part={"state": "relu"})

    assert (contract.status, contract.known_status) == ("en_visa", None)
    assert (contract.student_part.state, contract.student_part.is_done) == ("relu", False)


def test_a_configured_word_of_the_remote_becomes_ours() -> None:
    contract = to_contract({**LEAST, "status": "GENERE"}, status_words={"GENERE": "generated"})

    assert contract.status == "generated"


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"version": -1},
        {"version": 1.0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"version": 2**40},
        {"sha256": "ab"},
        {"sha256": "zz" * 32},
        {"sha256": None},
        {"sha256": f"{SHA}\n"},
        {"size": -1},
        {"size": "10"},
        {"size": None},
        {"kind": "avenant"},
        {"kind": ["cerfa"]},
    ],
)
def test_a_malformed_document_is_left_out_and_the_others_stay(wrong: dict[str, object]) -> None:
    contract = read(documents=[PAPER | wrong, None, PAPER])

    assert len(contract.documents) == 1


@pytest.mark.parametrize(
    "strange", ["soon", "", 12, None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00", "1" * 99]
)
def test_an_instant_that_makes_no_sense_is_none(strange: object) -> None:
    assert read(updated_at=strange).updated_at is None


@pytest.mark.parametrize(
    "written", ["2025-06-12T08:00:00Z", "2025-06-12T10:00:00+02:00", "2025-06-12 08:00:00", "20250612T080000Z"]
)
def test_an_instant_is_read_in_any_zone_and_in_utc_without_one(written: str) -> None:
    assert read(updated_at=written).updated_at == datetime(2025, 6, 12, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("strange", ["javascript:alert(1)", "//x", "https://a b", "https://a\nb", 5])
def test_an_address_that_must_not_stand_in_a_letter_is_none(strange: object) -> None:
    assert read(student_url=strange).student_url is None


def test_a_text_comes_out_fit_to_be_stored() -> None:
    contract = read(rejection_reason=" a\x00b\ud800c\n" + "x" * 5_000)

    assert contract.rejection_reason is not None
    assert contract.rejection_reason.startswith("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\n")
    assert len(contract.rejection_reason.encode()) < 2_100


def test_whatever_prints_is_read_as_it_is() -> None:
    printing = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1)))).replace(" ", "")

    parts = [printing[start : start + 2_000] for start in range(0, len(printing), 2_000)]

    assert [read_text(part) for part in parts] == parts
    assert not _UNSTORABLE.search(printing)


def test_a_reference_is_compared_in_one_form() -> None:
    assert read(external_reference=" Re\u0301f ").external_reference == "Réf"


def test_an_entry_that_makes_no_sense_is_counted_and_the_others_stay() -> None:
    contracts, skipped = to_contracts([LEAST, None, {}, LEAST], status_words={})

    assert (len(contracts), skipped) == (2, 2)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "external_reference", "student_part", "company_part", "documents", "generated_at", "updated_at", "student_url",
    "company_url", "rejection_reason", "student", "company",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_optional_value_whatever_it_is_spoils_a_contract(said: dict[str, object]) -> None:
    assert read(**said).contract_id == "CT-1"


@settings(max_examples=100, deadline=None)
@given(ANYTHING)
def test_nothing_but_unreadable_is_ever_raised(said: object) -> None:
    with pytest.raises(Unreadable):
        to_contract(said, status_words={})
