"""People use the pages: a whole contract is played in a real browser."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from syncd.adapters.cactus.simulator import Simulator, serve
from syncd.adapters.cactus.simulator.forms import COMPANY_FORM, FORMS, Side
from tests.adapters.cactus.simulator.samples import a_contract, a_generated_contract
from tests.support.browser import Browser, open_browser

pytestmark = pytest.mark.slow

DESKTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture
async def site(simulator: Simulator) -> AsyncIterator[str]:
    """The address of a running simulator."""
    async with serve(simulator) as base_url:
        yield base_url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser with an empty profile."""
    async with open_browser() as browser:
        yield browser


async def _fill(browser: Browser, side: Side) -> None:
    """Answer every question of a form by hand, as its example says."""
    for question in (question for chapter in FORMS[side] for question in chapter.questions):
        if question.choices or question.kind == "date":
            # What a date field or a list looks like depends on the browser's language: its value does not.
            value = question.example or "2025-09-01"
            await browser.evaluate(f"document.getElementById('{question.name}').value = '{value}'")
        else:
            await browser.type(f"#{question.name}", question.example)


async def test_a_contract_is_played_from_the_first_visit_to_the_documents(
    browser: Browser, site: str, simulator: Simulator
) -> None:
    contract_id = a_contract(simulator).contract_id

    await browser.open(f"{site}/etudiant/{contract_id}")
    assert await browser.text("h1") == "Contrat d’apprentissage de Élise Durand"
    await _fill(browser, "student")
    await browser.click("button[value=finish]")
    assert await browser.text("[role=status]") == "Votre partie est terminée. Merci !"

    await browser.open(f"{site}/entreprise/{contract_id}")
    await _fill(browser, "company")
    await browser.click("button[value=finish]")
    assert simulator.read(contract_id).status == "completed"

    await browser.open(f"{site}/cfa")
    await browser.click("tbody a")
    await browser.click("#act-generate button")
    assert await browser.text("[role=status]") == "Les documents sont générés."
    assert await browser.text("h1 .badge") == "Documents générés"

    announced = simulator.read(contract_id).papers
    for position, paper in enumerate(announced, start=1):
        address = await browser.evaluate(f"document.querySelector('.papers li:nth-child({position}) a').href")
        async with httpx.AsyncClient() as client:
            content = (await client.get(str(address))).content
        assert hashlib.sha256(content).hexdigest() == paper.sha256


async def test_the_invented_answers_are_one_click_away(browser: Browser, site: str, simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    await browser.open(f"{site}/entreprise/{contract_id}")

    await browser.click("a[href='?exemple=1']")
    await browser.click("button[value=finish]")

    assert simulator.read(contract_id).company.state == "done"


async def test_going_back_never_sends_a_form_twice(browser: Browser, site: str, simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id
    await browser.open(f"{site}/cfa/{contract_id}")
    await browser.click("#act-generate button")

    await browser.evaluate("location.reload()")
    await browser.open(f"{site}/cfa/{contract_id}")

    assert max(paper.version for paper in simulator.read(contract_id).papers) == 2


async def test_a_refusal_with_its_reason_reaches_the_student(browser: Browser, site: str, simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    await browser.open(f"{site}/cfa/{contract_id}")

    await browser.type("#reason-refuse", "Durée trop courte")
    await browser.click("#act-refuse button")
    await browser.open(f"{site}/etudiant/{contract_id}")

    assert "Durée trop courte" in await browser.text(".message.bad")
    assert not await browser.has("form")


async def test_a_page_can_be_used_with_the_keyboard_alone(browser: Browser, site: str, simulator: Simulator) -> None:
    a_contract(simulator)
    await browser.open(f"{site}/cfa")

    await browser.press("Tab")
    skip = await browser.evaluate("document.activeElement.className")
    seen = await browser.evaluate("document.activeElement.getBoundingClientRect().x >= 0")
    await browser.press("Enter")
    order = []
    for _ in range(3):
        await browser.press("Tab")
        order.append(await browser.evaluate("document.activeElement.innerText"))

    assert (skip, seen) == ("skip", True)
    assert order == ["Tous 1", "Initialisé 1", "Élise Durand"]


async def test_what_is_missing_is_shown_beside_its_field(browser: Browser, site: str, simulator: Simulator) -> None:
    contract_id = a_contract(simulator).contract_id
    await browser.open(f"{site}/entreprise/{contract_id}")

    await browser.click("button[value=finish]")
    await browser.tap("#erreurs a[href='#town']")

    questions = sum(len(chapter.questions) for chapter in COMPANY_FORM)
    assert await browser.text("#erreurs h3") == f"Il reste {questions} réponses à compléter ou à corriger"
    assert await browser.text("#town-fault") == "Ce champ est obligatoire."
    assert await browser.evaluate("document.activeElement.id") == "town"


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_no_page_is_wider_than_the_screen_or_loads_anything_from_elsewhere(
    browser: Browser, site: str, simulator: Simulator, tmp_path: Path, screen: tuple[int, int]
) -> None:
    new = a_contract(simulator, "FVMA-2025-0001").contract_id
    old = a_generated_contract(simulator, "FVMA-2025-0002").contract_id
    await browser.resize(*screen)

    for path in ("", "cfa", f"cfa/{old}", f"etudiant/{new}", f"entreprise/{new}", f"etudiant/{old}", "cfa/none"):
        await browser.open(f"{site}/{path}")

        page = "document.documentElement"
        assert await browser.evaluate(f"{page}.scrollWidth <= {page}.clientWidth"), path
        assert await browser.evaluate(
            "document.styleSheets.length === 1 && document.querySelectorAll('h1').length === 1"
        )
        await browser.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert {url for url in browser.requested if not url.startswith((site, "data:"))} == set()


async def test_the_words_stand_out_from_their_ground(browser: Browser, site: str, simulator: Simulator) -> None:
    a_generated_contract(simulator)
    await browser.open(f"{site}/cfa")

    weakest = await browser.evaluate(_WEAKEST_CONTRAST)

    assert isinstance(weakest, float)
    assert weakest >= 4.5


_WEAKEST_CONTRAST = """
(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => parts(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.querySelectorAll('body *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
})()
"""
