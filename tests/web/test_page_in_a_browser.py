"""The status page in a real browser, on a phone and on a desk."""

from pathlib import Path

import pytest

from tests.support.browser import Browser, open_browser
from tests.web.arrange import FakeLedger, healthy_ledger, served, troubled_ledger

PHONE, DESK = (360, 740), (1280, 900)
PALEST = """
(() => {
  const light = (c) => { const v = c.map((x) => (x /= 255) <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
    return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const parts = (css) => css.match(/[\\d.]+/g).map(Number);
  const ground = (e) => { let under = e.parentElement ? ground(e.parentElement) : [255, 255, 255];
    const [r, g, b, a = 1] = parts(getComputedStyle(e).backgroundColor);
    return [r, g, b].map((x, i) => x * a + under[i] * (1 - a)); };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.matches('.skip')) continue;
    const pair = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(ground(e))].sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 90)];
  }
  return worst;
})()
"""
"""The lowest contrast of any text with what is behind it, and where."""


@pytest.mark.slow
async def test_the_page_can_be_read_on_a_phone_and_on_a_desk(tmp_path: Path) -> None:
    async with open_browser() as browser:
        for name, ledger in (
            ("good", healthy_ledger()),
            ("bad", troubled_ledger()),
            ("silent", FakeLedger(is_down=True)),
        ):
            async with served(ledger) as url:
                for (width, height), scheme in ((PHONE, "light"), (DESK, "light"), (DESK, "dark")):
                    await browser.resize(width, height)
                    await prefer(browser, scheme)
                    await browser.open(f"{url}/")
                    await browser.screenshot(tmp_path / f"{name}-{width}-{scheme}.png")

                    assert await browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth") is True
                    await assert_contrast(browser)

    assert not [address for address in browser.requested if not address.startswith(("http://127.0.0.1", "data:"))]


async def prefer(browser: Browser, scheme: str) -> None:
    """Have the browser say that its user wants light or dark pages."""
    wish = {"name": "prefers-color-scheme", "value": scheme}
    await browser._ask("Emulation.setEmulatedMedia", features=[wish])


async def assert_contrast(browser: Browser) -> None:
    """WCAG AA: 4.5 to 1."""
    palest = await browser.evaluate(PALEST)
    assert isinstance(palest, list)
    assert palest[0] >= 4.5, palest


@pytest.mark.slow
async def test_the_page_has_what_a_screen_reader_needs() -> None:
    async with open_browser() as browser, served(troubled_ledger()) as url:
        await browser.open(f"{url}/")

        assert await browser.evaluate("document.documentElement.lang") == "fr"
        assert await browser.evaluate("document.querySelectorAll('h1').length") == 1
        assert (
            await browser.evaluate("[...document.querySelectorAll('table')].every((t) => t.caption !== null)") is True
        )
        assert await browser.evaluate("[...document.querySelectorAll('th')].every((t) => t.scope !== '')") is True
        assert await browser.evaluate("document.title") == "(7) syncd : état du service"


@pytest.mark.slow
async def test_the_policy_lets_the_style_in_and_nothing_else() -> None:
    inject = """(() => { const e = document.createElement('style'); e.textContent = 'h1 { color: rgb(1, 2, 3) }';
                         document.head.append(e); return getComputedStyle(document.querySelector('h1')).color; })()"""
    async with open_browser() as browser, served() as url:
        await browser.open(f"{url}/")

        assert await browser.evaluate("getComputedStyle(document.querySelector('.steps')).display") == "grid"
        assert await browser.evaluate(inject) != "rgb(1, 2, 3)"
