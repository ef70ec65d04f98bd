"""The pages for people, asked without a browser."""

import re

import httpx
import pytest

from syncd.adapters.cactus.simulator import Simulator
from syncd.adapters.cactus.simulator.forms import FORMS, Side, invented_answers
from tests.adapters.cactus.simulator.samples import a_body, a_contract, a_generated_contract

Client = httpx.AsyncClient


@pytest.fixture
def contract_id(simulator: Simulator) -> str:
    """A contract that was just initialised."""
    return a_contract(simulator).contract_id


def _answers(simulator: Simulator, contract_id: str, side: Side) -> dict[str, str]:
    return invented_answers(side, simulator.read(contract_id))


async def test_every_page_of_a_contract_is_there_and_in_french(client: Client, contract_id: str) -> None:
    for path in ("/", "/cfa", f"/cfa/{contract_id}", f"/etudiant/{contract_id}", f"/entreprise/{contract_id}"):
        page = await client.get(path)

        assert page.status_code == 200
        assert '<html lang="fr">' in page.text
        assert "Élise Durand" in page.text


async def test_a_finished_part_is_answered_by_a_redirection(
    client: Client, simulator: Simulator, contract_id: str
) -> None:
    path = f"/etudiant/{contract_id}"

    response = await client.post(path, data={**_answers(simulator, contract_id, "student"), "act": "finish"})
    page = await client.get(response.headers["location"])

    assert (response.status_code, simulator.read(contract_id).student.state) == (303, "done")
    assert "Votre partie est terminée. Merci" in page.text
    assert "<form" not in page.text


async def test_a_part_can_be_saved_unfinished_and_comes_back_filled(
    client: Client, simulator: Simulator, contract_id: str
) -> None:
    await client.post(f"/etudiant/{contract_id}", data={"town": "Miramas", "act": "save"})

    page = await client.get(f"/etudiant/{contract_id}")

    assert simulator.read(contract_id).status == "in_progress"
    assert 'value="Miramas"' in page.text


async def test_an_unfinished_part_names_every_answer_that_is_missing_or_wrong(
    client: Client, simulator: Simulator, contract_id: str
) -> None:
    answers = {**_answers(simulator, contract_id, "company"), "postcode": "13", "town": "", "idcc": "x"}
    answers |= {"employer_kind": "Club", "mentor_birth_date": "2000-02-30"}

    page = await client.post(f"/entreprise/{contract_id}", data={**answers, "act": "finish"})

    assert page.status_code == 422
    assert simulator.read(contract_id).company.state == "todo"
    wrong = set(re.findall(r'<a href="#([a-z_]+)">', page.text))
    assert wrong == {"postcode", "town", "idcc", "employer_kind", "mentor_birth_date"}
    assert 'value="13"' in page.text


async def test_a_part_that_was_finished_meanwhile_is_not_overwritten(
    client: Client, simulator: Simulator, contract_id: str
) -> None:
    simulator.fill_student(contract_id, {"town": "Arles"})

    page = await client.post(f"/etudiant/{contract_id}", data={"town": "Miramas", "act": "save"})

    assert page.status_code == 409
    assert "Cette partie est déjà terminée." in page.text
    assert simulator.read(contract_id).student.typed["town"] == "Arles"


async def test_nobody_is_ever_asked_for_a_nir(client: Client, contract_id: str) -> None:
    for path in (f"/etudiant/{contract_id}", f"/entreprise/{contract_id}"):
        page = (await client.get(path)).text

        names = re.findall(r'<(?:input|select)[^>]* name="([^"]+)"', page)
        assert names
        assert not any("nir" in name or "secu" in name or "ssn" in name for name in names)
        assert not re.search(r"<label[^>]*>[^<]*(NIR|[Ss]écurité sociale)", page)


async def test_every_field_has_its_label_and_every_reference_its_target(client: Client, contract_id: str) -> None:
    for path in (f"/etudiant/{contract_id}", f"/entreprise/{contract_id}", f"/cfa/{contract_id}", "/cfa"):
        page = (await client.post(path, data={"act": "finish"}) if path != "/cfa" else await client.get(path)).text
        identifiers = re.findall(r'\bid="([^"]+)"', page)

        assert len(identifiers) == len(set(identifiers))
        fields = re.findall(r'<(?:input|select)[^>]* id="([^"]+)"', page)
        assert set(fields) <= set(re.findall(r'<label for="([^"]+)"', page))
        described = " ".join(re.findall(r'aria-describedby="([^"]+)"', page)).split()
        linked = re.findall(r'href="#([^"]+)"', page)
        assert {*described, *linked} <= set(identifiers)


async def test_what_others_wrote_is_shown_as_text(client: Client, simulator: Simulator) -> None:
    attack = '<script>alert("1")</script>'
    body = a_body(student={"last_name": attack}, mission={"title": attack}, company={"name": attack})
    contract_id = simulator.initialise(body).contract.contract_id
    simulator.fill_student(contract_id, {"town": attack})
    simulator.refuse(contract_id, attack)

    for path in ("/", "/cfa", f"/cfa/{contract_id}", f"/etudiant/{contract_id}", f"/entreprise/{contract_id}"):
        page = await client.get(path)

        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_the_cfa_page_offers_what_the_status_allows_and_nothing_else(
    client: Client, simulator: Simulator, contract_id: str
) -> None:
    generated = a_generated_contract(simulator, "FVMA-2025-0043").contract_id
    acts = {
        status: re.findall(r'name="act" value="([a-z]+)"', (await client.get(f"/cfa/{identifier}")).text)
        for status, identifier in (("initialised", contract_id), ("generated", generated))
    }

    assert acts["initialised"] == ["refuse", "cancel"]
    assert acts["generated"] == ["generate", "sign", "reopen", "refuse", "cancel"]


@pytest.mark.parametrize(
    ("act", "sent", "status"),
    [
        ("generate", {}, "generated"),
        ("sign", {}, "signed"),
        ("reopen", {"company": "on"}, "reopened"),
        ("refuse", {"reason": "Trop court"}, "refused"),
        ("cancel", {"reason": "Retirée"}, "cancelled"),
    ],
)
async def test_the_cfa_acts_on_a_contract(
    client: Client, simulator: Simulator, act: str, sent: dict[str, str], status: str
) -> None:
    path = f"/cfa/{a_generated_contract(simulator).contract_id}"

    response = await client.post(path, data={"act": act, **sent})
    page = await client.get(response.headers["location"])

    assert response.status_code == 303
    assert simulator.contracts()[0].status == status
    assert 'role="status"' in page.text


@pytest.mark.parametrize("sent", [{"act": "refuse", "reason": " "}, {"act": "reopen"}, {"act": "sing"}, {}], ids=str)
async def test_an_act_that_cannot_be_done_says_why_and_changes_nothing(
    client: Client, simulator: Simulator, sent: dict[str, str]
) -> None:
    contract = a_generated_contract(simulator)

    page = await client.post(f"/cfa/{contract.contract_id}", data=sent)

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert simulator.contracts() == (contract,)


async def test_another_sites_page_cannot_act(client: Client, simulator: Simulator, contract_id: str) -> None:
    form = {"act": "cancel", "reason": "Ruse"}

    for origin in ("https://evil.example.com", "null"):
        response = await client.post(f"/cfa/{contract_id}", data=form, headers={"Origin": origin})
        assert response.status_code == 403
    own = await client.post(f"/cfa/{contract_id}", data=form, headers={"Origin": "http://cactus.example.org"})

    assert own.status_code == 303


async def test_a_document_downloads_under_a_name_of_ours(client: Client, simulator: Simulator) -> None:
    contract = a_generated_contract(simulator)

    response = await client.get(f"/pieces/{contract.contract_id}/cerfa/1")

    assert response.content == contract.papers[0].content
    assert response.headers["content-disposition"] == f'attachment; filename="cerfa-{contract.contract_id}-v1.pdf"'


async def test_a_page_or_contract_that_is_not_there_says_so_in_french(client: Client) -> None:
    for path in ("/nowhere", "/cfa/none", "/etudiant/none", "/pieces/none/cerfa/1"):
        page = await client.get(path)

        assert page.status_code == 404
        assert "n’existe pas" in page.text


async def test_a_long_list_has_pages_and_a_filter(client: Client, simulator: Simulator) -> None:
    for number in range(60):
        a_contract(simulator, f"FVMA-2025-{number:04d}")
    simulator.say_status(simulator.contracts()[0].contract_id, "mot inconnu & <neuf>")

    pages = [(await client.get("/cfa", params={"page": page})).text for page in ("1", "2", "99", "x")]
    unknown = await client.get("/cfa", params={"statut": "mot inconnu & <neuf>"})

    assert [page.count("<tr>") - 1 for page in pages] == [50, 10, 10, 50]
    assert "FVMA-2025-0059" in pages[0]
    assert unknown.text.count("<tr>") == 2
    assert "mot inconnu &amp; &lt;neuf&gt;" in unknown.text


async def test_faults_are_switched_from_the_page(client: Client, simulator: Simulator) -> None:
    await client.post("/cfa/pannes", data={"lose_answer": "on", "unavailable": "on"})
    assert (simulator.faults.answers_to_lose, simulator.faults.is_unavailable) == (1, True)
    assert "Panne simulée" in (await client.get("/cfa")).text

    await client.post("/cfa/pannes", data={})

    assert (simulator.faults.answers_to_lose, simulator.faults.is_unavailable) == (0, False)


async def test_a_huge_form_is_refused(client: Client, contract_id: str) -> None:
    response = await client.post(f"/etudiant/{contract_id}", data={"town": "x" * 70_000})

    assert response.status_code == 413


@pytest.mark.parametrize("side", list(FORMS))
def test_the_invented_answers_finish_a_part(simulator: Simulator, side: Side) -> None:
    contract = a_contract(simulator)

    answers = invented_answers(side, contract)

    assert all(answers.values())
    assert answers.keys() == {question.name for chapter in FORMS[side] for question in chapter.questions}
