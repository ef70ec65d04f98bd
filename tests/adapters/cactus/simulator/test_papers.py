"""The two documents are real PDFs, each about its own contract."""

import io

import pytest
from pypdf import PdfReader

from syncd.adapters.cactus.simulator import Contract, Simulator
from syncd.adapters.cactus.simulator.papers import print_paper
from syncd.adapters.cactus.simulator.sheet import SMALLEST_SIZE, VALUE_SIZE, fitted, latin
from syncd.model import DocumentKind
from tests.adapters.cactus.simulator.samples import a_body, a_contract, a_generated_contract


def _words(content: bytes) -> str:
    reader = PdfReader(io.BytesIO(content), strict=True)
    assert len(reader.pages) == 2
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def _papers(contract: Contract) -> dict[str, str]:
    return {paper.kind: _words(paper.content) for paper in contract.current_papers}


def test_both_documents_name_the_contract_and_its_people(simulator: Simulator) -> None:
    papers = _papers(a_generated_contract(simulator))

    for words in papers.values():
        for expected in ("Durand", "Élise", "Société des Exemples", "123 456 782 00010", "Zoé Martin", "22100042",
                         "FVMA-2025-0042", "01/09/2025", "30/09/2026", "SPÉCIMEN"):  # fmt: skip
            assert expected in words


def test_the_cerfa_has_the_sections_of_the_form_and_what_people_typed(simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    simulator.fill_student(contract_id, {"town": "Miramas", "birth_date": "2003-04-17", "gender": "F"})
    simulator.fill_company(contract_id, {"ape_code": "6202A", "gross_salary": "1 234,50"})

    words = _papers(simulator.generate(contract_id))["cerfa"]

    for expected in ("Contrat d’apprentissage", "L’EMPLOYEUR", "L’APPRENTI(E)", "LE MAÎTRE D’APPRENTISSAGE",
                     "LE CONTRAT", "LA FORMATION", "CADRE RÉSERVÉ", "Miramas", "17/04/2003", "6202A",
                     "1 234,50"):  # fmt: skip
        assert expected in words


def test_equal_input_gives_equal_bytes_and_another_version_others(simulator: Simulator) -> None:
    contract = a_generated_contract(simulator)

    for kind in DocumentKind:
        assert print_paper(kind, contract, 1) == print_paper(kind, contract, 1)
        assert print_paper(kind, contract, 1) != print_paper(kind, contract, 2)


def test_a_paper_is_whole_and_small(simulator: Simulator) -> None:
    for paper in a_generated_contract(simulator).papers:
        assert paper.content.startswith(b"%PDF-")
        assert paper.content.rstrip().endswith(b"%%EOF")
        assert len(paper.content) < 20_000


def test_very_long_texts_still_make_two_pages(simulator: Simulator) -> None:
    long = "Société très longue " * 14
    body = a_body(
        company={"name": long},
        student={"last_name": "W" * 290},
        mission={"title": long, "description": "Décrire la mission. " * 900},
    )
    contract = simulator.initialise(body).contract
    simulator.fill_student(contract.contract_id)
    simulator.fill_company(contract.contract_id)

    papers = _papers(simulator.generate(contract.contract_id))

    assert "CADRE RÉSERVÉ" in papers["cerfa"]
    assert "Caractère fictif" in papers["convention"]


@pytest.mark.parametrize(
    ("written", "printed"),
    [("Élise Œuvrard", "Élise Œuvrard"), ("Łukasz Nguyễn", "Lukasz Nguyen"), ("Élise", "Élise"), ("王", "?")],
)
def test_letters_that_the_font_lacks_lose_their_marks(written: str, printed: str) -> None:
    assert latin(written) == printed


def test_a_long_value_is_written_smaller_and_then_shortened() -> None:
    assert fitted("court", 100) == ("court", VALUE_SIZE)
    smaller, size = fitted("une valeur un peu longue", 70)
    shortened, smallest = fitted("une valeur beaucoup trop longue " * 5, 70)

    assert smaller == "une valeur un peu longue"
    assert SMALLEST_SIZE < size < VALUE_SIZE
    assert shortened.endswith("…")
    assert smallest == SMALLEST_SIZE
