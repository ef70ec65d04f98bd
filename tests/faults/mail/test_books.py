"""The accounting is proven: deliveries as one would write them first do not pass it, and the real one does."""

from pathlib import Path

import pytest

from syncd.model import MissionId, NotificationState
from tests.faults.mail.books import complaints
from tests.faults.mail.counter import Arrival, PostCounter, open_counter
from tests.faults.mail.ledgers import Line
from tests.faults.mail.mishaps import Dice, Mishap
from tests.faults.mail.naive import (
    Honest,
    IgnoresRefusals,
    NamesEachAttempt,
    TakesDoubtForFailure,
    TakesDoubtForSuccess,
    complaints_of,
    deliver_all,
    deliverer,
    mailer_to,
)

LETTERS = 24
SEED = 11
CAUGHT = [
    (TakesDoubtForFailure, "arrived 2 times"),
    (TakesDoubtForSuccess, "is lost"),
    (IgnoresRefusals, "is lost"),
    (NamesEachAttempt, "nobody queued it"),
]
LINE = Line(
    message_id="<1@example.org>", mission_id=MissionId("A"), recipient="a@example.org",
    state=NotificationState.SENT, doubts=0, attempts=1, waits=False,
)  # fmt: skip
ARRIVED = Arrival(number=0, recipient="a@example.org", mission="A", event="e", message_id=LINE.message_id)


async def _complaints(mailer: type[Honest], folder: Path) -> list[str]:
    counter = PostCounter(befalls=Dice(seed=SEED, share=0.5).befalls)
    async with open_counter(counter), deliverer(folder, mailer(mailer_to(counter)), LETTERS) as workshop:
        await deliver_all(workshop)
        return await complaints_of(workshop, counter, LETTERS)


@pytest.mark.parametrize(("mailer", "complaint"), CAUGHT)
async def test_i6_a_naive_delivery_does_not_balance(mailer: type[Honest], complaint: str, tmp_path: Path) -> None:
    found = await _complaints(mailer, tmp_path)

    assert any(complaint in one for one in found), f"seed {SEED}: {found}"


async def test_i6_the_real_delivery_balances_in_the_same_weather(tmp_path: Path) -> None:
    assert await _complaints(Honest, tmp_path) == []


def test_every_mishap_comes_to_pass() -> None:
    dice = Dice(seed=1)

    seen = {dice.befalls(f"student{number}@example.org", 1) for number in range(3000)}

    assert seen == set(Mishap)


@pytest.mark.parametrize(
    ("state", "arrivals", "complaint"),
    [
        (NotificationState.FAILED, [ARRIVED], "counts as failed"),
        (NotificationState.FAILED, [], "shown to nobody"),
        (NotificationState.QUEUED, [], "still waiting"),
        (NotificationState.SENDING, [], "still waiting"),
        (NotificationState.UNKNOWN, [], "unknown without a reason"),
        (NotificationState.SENT, [ARRIVED, ARRIVED], "arrived 2 times"),
    ],
)
def test_the_books_name_what_is_wrong(state: NotificationState, arrivals: list[Arrival], complaint: str) -> None:
    line = Line(
        message_id=LINE.message_id, mission_id=LINE.mission_id, recipient=LINE.recipient, state=state, doubts=0,
        attempts=1, waits=False,
    )  # fmt: skip

    found = complaints([line], {LINE.message_id: arrivals} if arrivals else {}, shown=())

    assert any(complaint in one for one in found)


def test_what_balances_is_not_complained_about() -> None:
    assert complaints([LINE], {LINE.message_id: [ARRIVED]}, shown=()) == []
