"""The change feed, as a program reads it."""

from typing import Any

import httpx
import pytest

from syncd.adapters.cactus.simulator import Problem, Simulator
from tests.adapters.cactus.simulator.samples import a_contract
from tests.support.clock import TickingClock

Client = httpx.AsyncClient
Page = dict[str, Any]


async def _page(client: Client, **asked: str | int) -> Page:
    response = await client.get("/contracts", params=asked)
    assert response.status_code == 200
    page: Page = response.json()
    return page


def _references(page: Page) -> list[str]:
    return [item["external_reference"] for item in page["items"]]


async def test_an_empty_feed_still_gives_a_place_to_go_on_from(client: Client, simulator: Simulator) -> None:
    page = await _page(client)
    a_contract(simulator, "A")

    after = await _page(client, after=str(page["next_cursor"]))

    assert (page["items"], page["has_more"]) == ([], False)
    assert _references(after) == ["A"]


async def test_pages_follow_each_other_without_a_gap(client: Client, simulator: Simulator) -> None:
    for reference in "ABCDE":
        a_contract(simulator, reference)

    first = await _page(client, limit=2)
    second = await _page(client, limit=2, after=str(first["next_cursor"]))
    third = await _page(client, limit=2, after=str(second["next_cursor"]))

    assert [_references(page) for page in (first, second, third)] == [["A", "B"], ["C", "D"], ["E"]]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]


async def test_a_changed_contract_comes_again_at_the_end(client: Client, simulator: Simulator) -> None:
    contracts = [a_contract(simulator, reference) for reference in "ABC"]
    seen = await _page(client)
    simulator.fill_student(contracts[0].contract_id)

    news = await _page(client, after=str(seen["next_cursor"]))
    everything = await _page(client)

    assert _references(news) == ["A"]
    assert news["items"][0]["status"] == "in_progress"
    assert _references(everything) == ["B", "C", "A"]


async def test_a_change_during_the_reading_is_not_missed(client: Client, simulator: Simulator) -> None:
    contracts = [a_contract(simulator, reference) for reference in "ABC"]
    first = await _page(client, limit=2)
    simulator.fill_student(contracts[2].contract_id)
    simulator.fill_student(contracts[0].contract_id)

    rest = await _page(client, after=str(first["next_cursor"]))

    assert _references(rest) == ["C", "A"]


async def test_asking_again_with_the_last_cursor_gives_nothing_and_keeps_the_place(
    client: Client, simulator: Simulator
) -> None:
    a_contract(simulator, "A")
    cursor = str((await _page(client))["next_cursor"])

    again = await _page(client, after=cursor)

    assert again == {"items": [], "next_cursor": cursor, "has_more": False}


async def test_a_forgotten_contract_leaves_the_feed_and_its_reference(client: Client, simulator: Simulator) -> None:
    forgotten = a_contract(simulator, "A")
    a_contract(simulator, "B")

    simulator.forget(forgotten.contract_id)

    assert _references(await _page(client)) == ["B"]
    assert (await client.get(f"/contracts/{forgotten.contract_id}")).status_code == 404
    assert a_contract(simulator, "A").contract_id != forgotten.contract_id


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "bm9uZTowOjA"], ids=["short", "binary", "accent", "another"])
async def test_a_cursor_that_the_feed_does_not_know_says_start_over(client: Client, cursor: str) -> None:
    response = await client.get("/contracts", params={"after": cursor})

    assert response.status_code == 410
    assert response.json()["type"] == "cursor-expired"


async def test_an_expired_cursor_says_start_over(client: Client, simulator: Simulator) -> None:
    cursor = str((await _page(client))["next_cursor"])
    simulator.expire_cursors()

    response = await client.get("/contracts", params={"after": cursor})

    assert response.status_code == 410


def test_a_cursor_from_before_a_restart_is_unknown() -> None:
    before, after = Simulator(TickingClock(throws=[0.1])), Simulator(TickingClock(throws=[0.2]))
    cursor = before.changes(None, limit=1).next_cursor

    with pytest.raises(Problem, match="Cursor expired"):
        after.changes(cursor, limit=1)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "²"])
async def test_a_limit_that_is_no_sensible_number_is_a_bad_request(client: Client, limit: str) -> None:
    response = await client.get("/contracts", params={"limit": limit})

    assert response.status_code == 400
