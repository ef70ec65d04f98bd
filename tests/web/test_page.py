"""The status page as a document: what it says on good days and on bad ones."""

import re
from datetime import timedelta
from html import unescape

import pytest

from syncd.model import HoldCode
from syncd.ports.ledger import GateState
from syncd.web import french
from syncd.web.freshness import Freshness, Rhythm, freshness_of
from syncd.web.rendering import render_status
from syncd.web.troubles import Trouble, troubles_of
from tests.web.arrange import (
    NOW,
    FakeLedger,
    ago,
    ask,
    contract,
    flow,
    healthy_ledger,
    replica,
    served,
    snapshot_of,
    troubled_ledger,
)


async def page_of(ledger: FakeLedger) -> str:
    return render_status(await snapshot_of(ledger), Rhythm())


async def text_of(ledger: FakeLedger) -> str:
    """Return what a person reads, without the style, on one line."""
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", await page_of(ledger), flags=re.DOTALL)
    return " ".join(unescape(page).split())


async def troubles(ledger: FakeLedger) -> dict[str, Trouble]:
    return {trouble.title: trouble for trouble in troubles_of(await snapshot_of(ledger), Rhythm())}


async def test_a_good_day_says_so() -> None:
    text = await text_of(healthy_ledger())

    assert "Tout fonctionne." in text
    assert "Aucun contrat n’attend de décision." in text
    assert "1\u202f284" in (await page_of(healthy_ledger()))


async def test_a_new_installation_has_a_page_too() -> None:
    text = await text_of(FakeLedger())

    assert "Aucun flux n’a encore tourné." in text
    assert "Aucun processus ne travaille" in text


async def test_every_trouble_comes_with_what_to_type() -> None:
    found = await troubles(troubled_ledger())

    assert {title: trouble.command for title, trouble in found.items()} == {
        "Frein serré : créations de contrats": "syncd guard approve contracts",
        "Identifiants refusés : serveur de courriel": "syncd doctor",
        "En retard : Missions validées": "syncd doctor",
        "En pause : CACTUS": "syncd doctor",
        "Le travail prend du retard": "syncd status",
        "1 courriel en échec": "syncd mail list",
        "1 courriel sans réponse claire": "syncd mail list",
    }
    assert found["Frein serré : créations de contrats"].reason == "201 new contracts, 200 are allowed"


async def test_what_stops_contracts_comes_first() -> None:
    graves = [trouble.is_grave for trouble in (await troubles(troubled_ledger())).values()]

    assert graves == sorted(graves, reverse=True)


async def test_a_gate_between_two_probes_is_still_a_pause() -> None:
    paused = FakeLedger(registry=(replica(),), gates={"cactus": GateState(closed_until=ago(seconds=1), reason="503")})

    assert list(await troubles(paused)) == ["En pause : CACTUS"]


async def test_who_needs_a_person_is_named_with_every_reason() -> None:
    text = await text_of(troubled_ledger())

    assert "FVMA-2025-0042 urgent retenu held HR_EMAIL_INVALID START_TOO_LATE syncd show FVMA-2025-0042" in text
    assert "FVMA-2025-0500 attend l'étudiant awaiting_student courriel en échec ou sans réponse claire" in text


async def test_a_long_list_says_where_the_rest_is() -> None:
    held = tuple(contract(f"FVMA-{number:03}", HoldCode.MANUAL_HOLD) for number in range(150))

    text = await text_of(FakeLedger(people=held))

    assert "Seuls les 100 premiers sont montrés. La suite : syncd list --held" in text
    assert "FVMA-099" in text
    assert "FVMA-100" not in text


async def test_a_mission_id_is_neither_markup_nor_a_command() -> None:
    hostile = "<script>alert(1)</script>; rm -rf $(pwd) '"

    page = await page_of(FakeLedger(people=(contract(hostile, HoldCode.MANUAL_HOLD),)))

    assert "<script" not in page
    command = re.search(r"<code>(syncd show .*?)</code>", page)
    assert command is not None
    assert unescape(command[1]) == """syncd show '<script>alert(1)</script>; rm -rf $(pwd) '"'"''"""


async def test_the_page_says_when_it_was_read_in_paris() -> None:
    assert "02/09/2025 à 11:00:00" in await page_of(healthy_ledger())


async def test_without_an_answer_of_the_ledger_the_page_says_so() -> None:
    async with served(FakeLedger(is_down=True)) as url:
        answer = await ask(f"{url}/")

    assert answer.status == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Le registre ne répond pas" in answer.text


async def test_the_same_reading_is_rendered_once() -> None:
    snapshot = await snapshot_of(healthy_ledger())

    assert render_status(snapshot, Rhythm()) is render_status(snapshot, Rhythm())


@pytest.mark.parametrize(
    ("name", "age", "expected"),
    [
        ("missions", timedelta(minutes=15), Freshness.FRESH),
        ("missions", timedelta(minutes=16), Freshness.LATE),
        ("feed", timedelta(minutes=16), Freshness.LATE),
        ("sweep", timedelta(hours=36), Freshness.FRESH),
        ("sweep", timedelta(hours=37), Freshness.LATE),
        ("mail", timedelta(days=40), Freshness.FRESH),
        ("a flow of another version", timedelta(days=40), Freshness.FRESH),
    ],
)
def test_a_flow_is_late_by_its_own_rhythm(name: str, age: timedelta, expected: Freshness) -> None:
    assert freshness_of(flow(name, NOW - age), Rhythm(), NOW) is expected


def test_a_flow_that_never_went_through_is_late() -> None:
    assert freshness_of(flow("missions", None, last_failure_at=NOW), Rhythm(), NOW) is Freshness.LATE


def test_a_failure_after_the_last_success_shows_before_the_flow_is_late() -> None:
    failing = flow("missions", ago(minutes=3), last_failure_at=ago(minutes=1))

    assert freshness_of(failing, Rhythm(), NOW) is Freshness.FAILING


def test_a_failure_before_the_last_success_is_over() -> None:
    mended = flow("missions", ago(minutes=1), last_failure_at=ago(minutes=3))

    assert freshness_of(mended, Rhythm(), NOW) is Freshness.FRESH


def test_a_slow_rhythm_is_not_lateness() -> None:
    hourly = Rhythm(poll=timedelta(hours=1))

    assert freshness_of(flow("missions", ago(hours=2)), hourly, NOW) is Freshness.FRESH
    assert hourly.longest_silence == timedelta(hours=3)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-3), "il y a 0 s"),
        (timedelta(seconds=119), "il y a 119 s"),
        (timedelta(minutes=2), "il y a 2 min"),
        (timedelta(hours=47), "il y a 47 h"),
        (timedelta(days=400), "il y a 400 j"),
    ],
)
def test_an_age_is_said_in_one_unit(age: timedelta, words: str) -> None:
    assert french.ago(NOW - age, NOW) == words


def test_never_is_an_age_too() -> None:
    assert french.ago(None, NOW) == "jamais"
