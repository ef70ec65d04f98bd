"""Letters on their way to a real mail server that greylists, refuses, does not know us, or hangs up."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from syncd.jobs.once import PassReport, run_once
from syncd.jobs.works import Works
from syncd.model import MissionId, NotificationState, Step
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works
from tests.adapters.mail.post_office import HANG_UP, PostOffice, serve
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import Missions, mission

THE_FIRST = MissionId("FVMA-2025-0001")


@dataclass
class Sorting(PostOffice):
    """Notes every letter whose content came in, and hangs up after the first so many."""

    cuts: int = 0
    contents: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: object, envelope: Any) -> str:  # noqa: N802 (the library's name)
        """Take the letter in, or hang up after its last dot."""
        self.contents.append(str(message_from_bytes(envelope.original_content)["Message-ID"]))
        usual = self.on_data
        if self.cuts > 0:
            self.cuts, self.on_data = self.cuts - 1, HANG_UP
        try:
            return await super().handle_DATA(server, session, envelope)
        finally:
            self.on_data = usual


@asynccontextmanager
async def installation(folder: Path, port: int, clock: FixedClock, **environment: str) -> AsyncIterator[Works]:
    """Open an installation that writes to a mail server on this port."""
    environ = {
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_MISSIONS__URL": f"sqlite:///{folder / 'fvma.sqlite3'}",
        "SYNCD_CACTUS__ADAPTER": "mock",
        "SYNCD_MAIL__ADAPTER": "smtp",
        "SYNCD_MAIL__HOST": "127.0.0.1",
        "SYNCD_MAIL__PORT": str(port),
        "SYNCD_MAIL__SECURITY": "none",
        "SYNCD_MAIL__SENDER": "alternance@example.org",
        **environment,
    }
    settings = load_settings(None, environ, places=Places(config_files=()))
    async with open_works(settings, clock=clock) as works:
        yield works


async def pass_later(works: Works, clock: FixedClock, after: timedelta = timedelta()) -> PassReport:
    """Let time pass, then make one pass."""
    clock.advance(after)
    return await run_once(works)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that only the test moves."""
    return FixedClock(NOW)


@pytest.fixture
def missions(tmp_path: Path) -> Missions:
    """Three missions in the store, the letters of which go to six people."""
    store = Missions(tmp_path / "fvma.sqlite3")
    store.put(*(mission(number) for number in range(1, 4)))
    return store


EVERYBODY = {f"zoe{number}@example.org": 1 for number in range(1, 4)} | {
    f"rh{number}@example.com": 1 for number in range(1, 4)
}


async def test_m01_a_greylisting_server_gets_every_letter_once(
    tmp_path: Path, clock: FixedClock, missions: Missions
) -> None:
    known: set[str] = set()

    def greylist(address: str) -> str:
        if address in known:
            return "250 OK"
        known.add(address)
        return "451 4.7.1 greylisted, come back later"

    office = Sorting(on_recipient=greylist)
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        first = await pass_later(works, clock)
        early = await pass_later(works, clock, timedelta(minutes=4))
        late = await pass_later(works, clock, timedelta(minutes=2))

        assert [report.delivered for report in (first, early, late)] == [0, 0, 6]
        assert [report.retrying for report in (first, early, late)] == [6, 6, 0]
        assert Counter(office.recipients) == EVERYBODY


async def test_m02_one_recipient_who_is_refused_for_ever_is_a_person_s_business_and_the_others_get_theirs(
    tmp_path: Path, clock: FixedClock, missions: Missions
) -> None:
    office = Sorting(on_recipient=lambda a: "550 5.1.1 no such user" if a == "zoe1@example.org" else "250 OK")
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        await pass_later(works, clock)
        await pass_later(works, clock, timedelta(days=1))

        assert [row.mission_id for row in await works.ledger.needs_person()] == [THE_FIRST]
        assert {a: n for a, n in Counter(office.recipients).items() if a in EVERYBODY} == {
            a: 1 for a in EVERYBODY if a != "zoe1@example.org"
        }
        view = await works.ledger.view(THE_FIRST)
        assert view is not None
        assert view.row.step is Step.AWAITING_STUDENT
        assert "zoe1" not in " ".join(letter.last_error or "" for letter in view.letters)


async def test_m07_a_wrong_login_pauses_mail_until_it_is_right(
    tmp_path: Path, clock: FixedClock, missions: Missions
) -> None:
    office = Sorting(password=b"right")
    login = {"SYNCD_MAIL__USERNAME": "syncd"}
    async with serve(office) as port:
        async with installation(tmp_path, port, clock, SYNCD_MAIL__PASSWORD="wrong", **login) as works:
            await pass_later(works, clock)
            refused, letters = await works.ledger.gate("mail"), await works.ledger.letters()
            steps = await works.ledger.count_by_step()
        async with installation(tmp_path, port, clock, SYNCD_MAIL__PASSWORD="right", **login) as works:
            await pass_later(works, clock)
            await pass_later(works, clock, timedelta(minutes=1))

            assert refused.is_credentials
            assert {(letter.state, letter.attempts) for letter in letters} == {(NotificationState.QUEUED, 0)}
            assert steps == {Step.AWAITING_STUDENT: 3}  # mail's trouble is mail's
            assert Counter(office.recipients) == EVERYBODY


@pytest.mark.parametrize(("cuts", "arrived"), [(1, 6), (2, 5)], ids=["once", "twice"])
async def test_m04_a_server_that_hangs_up_after_the_dot_gets_the_letter_once_more_at_most(
    tmp_path: Path, clock: FixedClock, missions: Missions, cuts: int, arrived: int
) -> None:
    office = Sorting(cuts=1)
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        await pass_later(works, clock)
        (cut,) = [letter for letter in await works.ledger.letters() if letter.state is NotificationState.UNKNOWN]
        early = len(office.contents)
        await pass_later(works, clock, timedelta(minutes=29))
        too_early = len(office.contents) - early

        office.cuts = cuts - 1
        await pass_later(works, clock, timedelta(minutes=2))
        await pass_later(works, clock, timedelta(days=2))

        assert too_early == 0
        assert Counter(office.contents)[cut.message_id] == 2
        assert sum(count > 1 for count in Counter(office.contents).values()) == 1
        states = Counter(letter.state for letter in await works.ledger.letters() if letter.mission_id is not None)
        assert states[NotificationState.SENT] == arrived
        needs_person = {row.mission_id for row in await works.ledger.needs_person()}
        assert needs_person == (set() if cuts == 1 else {cut.mission_id})
