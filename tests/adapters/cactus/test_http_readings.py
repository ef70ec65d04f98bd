"""What the HTTP adapter believes of the answers to its readings, the change feed and cancellations."""

from datetime import timedelta

import httpx
import pytest
import respx

from syncd.adapters.cactus.notices import Notice
from syncd.errors import CursorExpired, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from syncd.model import ContractId
from tests.adapters.cactus.rigs import BASE_URL, CONTRACT, NoticeBoard, scripted_cactus, sent
from tests.conformance.examples import A_MISSION
from tests.support.clock import TickingClock

CT_1 = ContractId("CT-1")


# Readings


async def test_a_failing_reading_is_tried_three_times_with_jitter(router: respx.Router) -> None:
    clock = TickingClock(throws=(0.5, 1.0))
    route = router.get(f"{BASE_URL}/contracts/CT-1")
    route.side_effect = [httpx.Response(502), httpx.Response(500), httpx.Response(200, json=CONTRACT)]

    await scripted_cactus(router, clock=clock).read(CT_1)

    assert clock.slept == [timedelta(seconds=0.2), timedelta(seconds=0.8)]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, headers={"Retry-After": "30"}),
        httpx.Response(429),
        httpx.Response(403),
        httpx.Response(404),
        httpx.Response(400),
        httpx.Response(200, content=b"<html>"),
    ],
)
async def test_what_does_not_pass_within_seconds_is_asked_once(router: respx.Router, answer: httpx.Response) -> None:
    router.get(f"{BASE_URL}/contracts/CT-1").mock(return_value=answer)

    with pytest.raises(SyncdError):
        await scripted_cactus(router).read(CT_1)

    assert len(sent(router)) == 1


async def test_another_contract_than_the_one_asked_for_is_not_believed(router: respx.Router) -> None:
    router.get(f"{BASE_URL}/contracts/CT-1").respond(200, json=CONTRACT | {"contract_id": "CT-2"})

    with pytest.raises(Transient) as failed:
        await scripted_cactus(router).read(CT_1)

    assert not failed.value.is_general


async def test_a_web_page_that_says_404_does_not_say_that_a_contract_is_gone(router: respx.Router) -> None:
    router.get(f"{BASE_URL}/contracts/CT-1").respond(404, html="<html>Not found</html>")

    with pytest.raises(Transient) as failed:
        await scripted_cactus(router).read(CT_1)

    assert failed.value.is_general


@pytest.mark.parametrize(
    "items",
    [[CONTRACT | {"external_reference": "FVMA-1"}], [CONTRACT | {"external_reference": None}], [{}], [None]],
)
async def test_a_look_up_that_finds_other_contracts_proves_no_absence(
    router: respx.Router, items: list[object]
) -> None:
    router.get(f"{BASE_URL}/contracts").respond(200, json={"items": items, "next_cursor": None, "has_more": False})

    with pytest.raises(Transient):
        await scripted_cactus(router).find(A_MISSION.mission_id)


@pytest.mark.parametrize("answer", [{}, {"items": None}, {"items": {}}, [], None, "x"])
async def test_a_look_up_without_a_list_proves_no_absence(router: respx.Router, answer: object) -> None:
    router.get(f"{BASE_URL}/contracts").respond(200, json=answer)

    with pytest.raises(Transient):
        await scripted_cactus(router).find(A_MISSION.mission_id)


async def test_a_missing_list_is_never_an_absence(router: respx.Router) -> None:
    router.get(f"{BASE_URL}/contracts").respond(404, json={})

    with pytest.raises(Transient):
        await scripted_cactus(router).find(A_MISSION.mission_id)


# The feed


async def test_an_entry_that_cannot_be_understood_stops_no_other_and_is_noticed(router: respx.Router) -> None:
    items: list[object] = [CONTRACT, None, {"contract_id": "CT-2"}, "x", CONTRACT | {"contract_id": "CT-3"}]
    router.get(f"{BASE_URL}/contracts").respond(200, json={"items": items, "next_cursor": "c9", "has_more": True})
    board = NoticeBoard()

    page = await scripted_cactus(router, notify=board).changes(None, limit=10)

    assert [contract.contract_id for contract in page.items] == ["CT-1", "CT-3"]
    assert (page.cursor, page.has_more) == ("c9", True)
    assert board.seen == [(Notice.ENTRY_SKIPPED, 3)]


@pytest.mark.parametrize("cursor", ["same", None, "", 5, "a\x00b"])
async def test_a_cursor_that_does_not_move_is_not_followed_for_ever(router: respx.Router, cursor: object) -> None:
    router.get(f"{BASE_URL}/contracts").respond(200, json={"items": [], "next_cursor": cursor, "has_more": True})

    page = await scripted_cactus(router).changes("same", limit=10)

    assert not page.has_more


async def test_a_cursor_that_is_too_old_has_its_own_error(router: respx.Router) -> None:
    router.get(f"{BASE_URL}/contracts").respond(410)

    with pytest.raises(CursorExpired):
        await scripted_cactus(router).changes("old", limit=10)


# Cancelling


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, RefusalCode.NOT_FOUND), (409, RefusalCode.PAST_CANCELLING), (422, RefusalCode.INVALID)],
)
async def test_a_cancellation_can_be_refused(router: respx.Router, status: int, code: RefusalCode) -> None:
    router.post(f"{BASE_URL}/contracts/CT-1/cancellation").respond(status, json={"errors": [{"field": "reason"}]})

    with pytest.raises(Refused) as refused:
        await scripted_cactus(router).cancel(CT_1, "Retrait")

    assert refused.value.code is code


async def test_a_cancellation_that_fails_is_unknown_and_sent_once(router: respx.Router) -> None:
    router.post(f"{BASE_URL}/contracts/CT-1/cancellation").respond(503)

    with pytest.raises(OutcomeUnknown):
        await scripted_cactus(router).cancel(CT_1, "Retrait")

    assert len(sent(router)) == 1
