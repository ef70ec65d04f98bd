"""Methods, paths, the token, the headers."""

import base64
import hashlib
import re

import pytest

from syncd.web.doorkeeper import Doorkeeper
from tests.web.arrange import ask, served

PAGES = ("/", "/metrics", "/livez", "/readyz")
OTHER_METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
TOKEN = "a-token-of-thé-tests"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_whatever_changes_something_is_not_allowed_anywhere() -> None:
    async with served() as url:
        answers = [await ask(url + path, method=method) for path in (*PAGES, "/nowhere") for method in OTHER_METHODS]

    assert {(answer.status, answer.headers["allow"]) for answer in answers} == {(405, "GET, HEAD")}


async def test_head_is_get_without_the_body() -> None:
    async with served() as url:
        pairs = [(await ask(url + path), await ask(url + path, method="HEAD")) for path in PAGES]

    for got, head in pairs:
        assert (head.status, head.text) == (200, "")
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.text.encode()))


async def test_a_page_that_is_not_there_names_those_that_are() -> None:
    async with served() as url:
        answer = await ask(f"{url}/admin")

    assert answer.status == 404
    assert "/metrics" in answer.text


async def test_with_a_token_the_telling_pages_ask_for_it() -> None:
    async with served(token=lambda: TOKEN) as url:
        answers = [await ask(f"{url}/"), await ask(f"{url}/metrics")]

    for answer in answers:
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert "syncd_" not in answer.text


async def test_the_probes_stay_open_for_the_service_manager() -> None:
    async with served(token=lambda: TOKEN) as url:
        assert (await ask(f"{url}/livez")).status == 200
        assert (await ask(f"{url}/readyz")).status == 200


async def test_a_browser_and_a_scraper_enter_with_the_token() -> None:
    token = "plain-ascii-token"
    async with served(token=lambda: token) as url:
        scraper = await ask(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"})
        browser = await ask(f"{url}/", headers={"Authorization": basic("whoever", token)})

    assert (scraper.status, browser.status) == (200, 200)


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Digest {TOKEN}", TOKEN, "Basic", "Basic ????", "Basic " + "A" * 9,
     basic(TOKEN, ""), basic("", ""), basic("user", "wrong"), "Bearer \u20ac"],
)  # fmt: skip
def test_nothing_else_opens_the_door(authorization: str) -> None:
    assert not Doorkeeper(lambda: TOKEN).admits(authorization)


def test_a_token_beyond_ascii_may_be_typed_into_a_browser() -> None:
    assert Doorkeeper(lambda: TOKEN).admits(basic("user", TOKEN))


def test_an_empty_token_admits_nobody() -> None:
    assert not Doorkeeper(lambda: "").admits("Bearer ")


async def test_r20_a_rotated_token_holds_at_once() -> None:
    tokens = ["old"]
    async with served(token=lambda: tokens[-1]) as url:
        before = await ask(f"{url}/metrics", headers={"Authorization": "Bearer old"})
        tokens.append("new")
        after = await ask(f"{url}/metrics", headers={"Authorization": "Bearer old"})
        renewed = await ask(f"{url}/metrics", headers={"Authorization": "Bearer new"})

    assert (before.status, after.status, renewed.status) == (200, 401, 200)


async def test_every_answer_is_protected_and_kept_by_nobody() -> None:
    async with served() as url:
        answers = [await ask(url + path) for path in (*PAGES, "/nowhere")] + [await ask(url, method="POST")]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert "server" not in answer.headers


async def test_the_policy_names_the_very_style_of_the_page() -> None:
    async with served() as url:
        answer = await ask(f"{url}/")
    style = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)

    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]
