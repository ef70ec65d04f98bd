"""The daily digest: once a working day, at its hour, when there is something to say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.typing import EventDict

from syncd.jobs.digest import is_digest_hour, queue_digest
from syncd.model import Event
from tests.jobs.workshop import POLICY, Workshop, numbered

A_TUESDAY = datetime(2025, 6, 10, tzinfo=UTC)


async def queued(workshop: Workshop) -> bool:
    """Queue the digest if it is time."""
    return await queue_digest(workshop.ledger, workshop.clock, POLICY)


@pytest.mark.parametrize(
    ("at", "is_time"),
    [
        (datetime(2025, 6, 10, 5, 59, tzinfo=UTC), False),  # 7:59 in Paris
        (datetime(2025, 6, 10, 6, 0, tzinfo=UTC), True),
        (datetime(2025, 6, 10, 16, 59, tzinfo=UTC), True),
        (datetime(2025, 6, 10, 17, 0, tzinfo=UTC), False),  # 19:00
        (datetime(2025, 12, 9, 6, 30, tzinfo=UTC), False),  # 7:30 in winter
        (datetime(2025, 6, 14, 8, 0, tzinfo=UTC), False),  # a Saturday
        (datetime(2025, 7, 14, 8, 0, tzinfo=UTC), False),  # Bastille Day
    ],
)
def test_offices_read_it_on_working_days_between_eight_and_seven(at: datetime, is_time: bool) -> None:
    assert is_digest_hour(at, POLICY) is is_time


async def test_it_is_queued_once_a_day(workshop: Workshop, lines: list[EventDict]) -> None:
    await workshop.initialised(1)
    await workshop.discover(numbered(2, company_siret="1"))
    await workshop.works.advancer.drain()

    today = [await queued(workshop) for _ in range(3)]
    workshop.clock.advance(timedelta(days=1))
    tomorrow = [await queued(workshop) for _ in range(3)]

    assert (today, tomorrow) == ([True, False, False], [True, False, False])
    letters = [letter for letter in await workshop.ledger.letters() if letter.event is Event.DIGEST_DAILY]
    assert [(letter.cause, letter.mission_id) for letter in letters] == [("2025-06-11", None), ("2025-06-10", None)]
    assert [line["day"] for line in lines if line["event"] == "digest.queued"] == ["2025-06-10", "2025-06-11"]


async def test_there_is_nothing_to_say_of_contracts_that_go_their_way(workshop: Workshop) -> None:
    await workshop.initialised(1)

    assert await queued(workshop) is False


async def urgent(workshop: Workshop) -> None:
    """Ask for a contract nine days before it starts."""
    at = datetime(2025, 9, 6, 8, tzinfo=UTC)
    await workshop.discover(numbered(1, submitted_at=at, validated_at=at))
    await workshop.works.advancer.drain()


async def reminded(workshop: Workshop) -> None:
    """Have a student reminded."""
    await workshop.initialised(1)
    await workshop.drain_later(timedelta(days=6))


async def refused(workshop: Workshop) -> None:
    """Have a letter that no server takes."""
    from syncd.errors import Refused

    await workshop.initialised(1)
    workshop.post.for_ever["*"] = Refused("550")
    await workshop.works.deliverer.drain()


@pytest.mark.parametrize("trouble", [urgent, reminded, refused], ids=lambda trouble: trouble.__name__)
async def test_there_is_something_to_say(workshop: Workshop, trouble: Callable[[Workshop], object]) -> None:
    await trouble(workshop)  # type: ignore[misc]

    assert await queued(workshop) is True
