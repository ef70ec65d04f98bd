"""M01 to M08, each row's whole expectation: the wired product, a real socket, and the ledger at the end."""

import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from syncd.adapters.mail.smtp import SmtpMailer
from syncd.jobs.works import Works
from syncd.model import NotificationState
from syncd.ports.reading import LetterRow
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.adapters import mailer
from tests.adapters.mail.post_office import HANG_UP, PostOffice, serve
from tests.faults.mail.rounds import settings_of
from tests.integration.test_mail_server import EVERYBODY, Sorting, installation, pass_later
from tests.support.clock import FixedClock
from tests.support.facts import NOW
from tests.world.missions import Missions, mission

A_MINUTE = timedelta(minutes=1)
QUEUED, SENT, FAILED, UNKNOWN = (
    NotificationState.QUEUED, NotificationState.SENT, NotificationState.FAILED, NotificationState.UNKNOWN,
)  # fmt: skip
DELAYS = [({}, None), ({"SYNCD_RETRY__LONGEST_DELAY_S": "60"}, A_MINUTE)]
"""As configured by default, and bounded by a longest delay of a minute."""


@pytest.fixture
def clock() -> FixedClock:
    """A clock that only the test moves."""
    return FixedClock(NOW)


@pytest.fixture(autouse=True)
def missions(tmp_path: Path) -> Missions:
    """Three missions in the store, the letters of which go to six people."""
    store = Missions(tmp_path / "fvma.sqlite3")
    store.put(*(mission(number) for number in range(1, 4)))
    return store


async def letters_of(works: Works) -> list[LetterRow]:
    """Return every letter about a mission."""
    return [letter for letter in await works.ledger.letters() if letter.mission_id is not None]


async def states(works: Works) -> Counter[NotificationState]:
    """Count the letters by their state."""
    return Counter(letter.state for letter in await letters_of(works))


def self_signed() -> ssl.SSLContext:
    """Return what a server has whose authority nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def names(office: PostOffice) -> Counter[str]:
    """Count what arrived about a mission by Message-ID."""
    return Counter(str(m["Message-ID"]) for m in office.letters if str(m["To"]) in EVERYBODY)


@pytest.mark.parametrize(("environment", "bound"), DELAYS, ids=["by default", "bounded"])
async def test_m01_m05_what_is_put_off_leaves_after_five_minutes_at_most_the_longest_delay_under_the_same_name(
    tmp_path: Path, clock: FixedClock, environment: dict[str, str], bound: timedelta | None
) -> None:
    wait = bound or 5 * A_MINUTE
    refusals = {"zoe1@example.org": "451 4.7.1 greylisted", "rh2@example.com": "450 4.2.0 busy"}
    office = Sorting(on_recipient=lambda to: refusals.get(to, "250 OK"), on_data="452 4.3.1 no space")
    async with serve(office) as port, installation(tmp_path, port, clock, **environment) as works:
        await pass_later(works, clock)
        waiting = await letters_of(works)
        office.on_data, office.on_recipient = "250 OK", lambda _to: "250 OK"
        await pass_later(works, clock, wait - timedelta(seconds=1))
        too_early = len(names(office))
        await pass_later(works, clock, timedelta(seconds=2))

        assert {(letter.state, letter.attempts) for letter in waiting} == {(QUEUED, 1)}
        assert too_early == 0
        assert names(office) == {letter.message_id: 1 for letter in waiting}
        assert await states(works) == {SENT: 6}


async def test_m02_m03_when_all_are_refused_each_is_judged_by_its_own_answer(tmp_path: Path, clock: FixedClock) -> None:
    office = Sorting(on_recipient=lambda to: "550 5.1.1 unknown" if to.startswith("zoe") else "451 4.7.1 later")
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        await pass_later(works, clock)
        after_one, shown = await states(works), await works.ledger.needs_person()
        office.on_recipient = lambda _to: "250 OK"
        await pass_later(works, clock, 6 * A_MINUTE)
        await pass_later(works, clock, timedelta(days=1))

        assert after_one == {FAILED: 3, QUEUED: 3}
        assert len(shown) == 3
        assert await states(works) == {FAILED: 3, SENT: 3}
        assert sorted(to for to in office.recipients if to in EVERYBODY) == [f"rh{n}@example.com" for n in (1, 2, 3)]


@pytest.mark.parametrize(("environment", "bound"), DELAYS, ids=["by default", "bounded"])
async def test_m04_a_reply_that_comes_too_late_is_unknown_and_its_letter_is_resent_once_under_the_same_name(
    tmp_path: Path, clock: FixedClock, environment: dict[str, str], bound: timedelta | None
) -> None:
    wait = bound or 30 * A_MINUTE
    late = {"SYNCD_MAIL__FINAL_REPLY_TIMEOUT_S": "0.1", **environment}
    office = Sorting(thinks_for_s=0.4)
    async with serve(office) as port, installation(tmp_path, port, clock, **late) as works:
        await pass_later(works, clock)
        doubtful = await letters_of(works)
        await pass_later(works, clock, wait - timedelta(seconds=1))
        too_early = Counter(office.contents)
        office.thinks_for_s = 0.0
        await pass_later(works, clock, timedelta(seconds=2))
        await pass_later(works, clock, timedelta(days=2))

        ours = {letter.message_id for letter in doubtful}
        assert {(letter.state, letter.attempts) for letter in doubtful} == {(UNKNOWN, 1)}
        assert {name: too_early[name] for name in ours} == dict.fromkeys(ours, 1)
        assert {name: Counter(office.contents)[name] for name in ours} == dict.fromkeys(ours, 2)
        assert await states(works) == {SENT: 6}
        assert await works.ledger.needs_person() == ()


async def test_m04_what_is_lost_after_the_dot_twice_is_shown_and_never_sent_a_third_time(
    tmp_path: Path, clock: FixedClock
) -> None:
    office = Sorting(on_data=HANG_UP)
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        for hour in range(5):
            await pass_later(works, clock, timedelta(hours=hour))

        ours = {letter.message_id for letter in await letters_of(works)}
        assert await states(works) == {UNKNOWN: 6}
        assert {Counter(office.contents)[name] for name in ours} == {2}
        assert len(await works.ledger.needs_person()) == 3


async def test_m04_the_last_word_is_waited_for_ten_minutes_and_no_lease_ends_before(
    tmp_path: Path, clock: FixedClock
) -> None:
    settings = load_settings(None, settings_of("sqlite://", tmp_path, 25), places=Places(config_files=()))

    post = mailer(settings)

    assert isinstance(post, SmtpMailer)
    assert post._final_reply_timeout_s == 600
    async with installation(tmp_path, 25, clock) as works:
        lease = works.ledger._identity.letter_lease  # type: ignore[attr-defined]  # of this ledger, not of every one
        patience = works.deliverer._patience
        longest = patience.sets_out_within + timedelta(seconds=post._handover_timeout_s + post._final_reply_timeout_s)
        assert lease > longest
    await post.aclose()


@dataclass
class Overheard(PostOffice):
    """Notes what a listener on the line would hear of us and of others."""

    overheard: list[str] = field(default_factory=list)
    logins: int = 0

    async def handle_MAIL(  # noqa: N802 (the library's name)
        self, server: SMTP, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Note who sends."""
        self.overheard.append(address)
        return await super().handle_MAIL(server, session, envelope, address, options)

    def authenticate(self, server: SMTP, session: object, envelope: object, mechanism: str, login: Any) -> AuthResult:
        """Count, then judge."""
        self.logins += 1
        return super().authenticate(server, session, envelope, mechanism, login)


@pytest.mark.parametrize("security", ["starttls", "tls", "stripped"])
async def test_m06_a_line_that_cannot_be_trusted_hears_no_name_and_no_password(
    tmp_path: Path, clock: FixedClock, security: str
) -> None:
    office = Overheard(password=b"right")
    protection = {} if security == "stripped" else {security: self_signed()}
    asked = {"SYNCD_MAIL__SECURITY": "starttls" if security == "stripped" else security}
    login = {"SYNCD_MAIL__USERNAME": "syncd", "SYNCD_MAIL__PASSWORD": "right"}
    async with serve(office, **protection) as port:
        async with installation(tmp_path, port, clock, **asked, **login) as works:
            for _ in range(3):
                await pass_later(works, clock, timedelta(minutes=10))
            waiting = await letters_of(works)
        heard = (office.overheard[:], office.logins, office.letters[:])

    assert heard == ([], 0, [])
    assert {letter.state for letter in waiting} == {QUEUED}
    reasons = {letter.last_error for letter in waiting if letter.last_error}
    assert all("TLS" in reason or "certificate does not hold" in reason for reason in reasons)
    assert reasons


async def test_m07_a_refused_login_is_asked_again_once_in_a_while_not_for_every_letter(
    tmp_path: Path, clock: FixedClock, missions: Missions
) -> None:
    missions.put(*(mission(number) for number in range(4, 41)))
    office = Overheard(password=b"right")
    login = {"SYNCD_MAIL__USERNAME": "syncd", "SYNCD_MAIL__PASSWORD": "wrong"}
    async with serve(office) as port, installation(tmp_path, port, clock, **login) as works:
        await pass_later(works, clock)
        at_once = len(office.visits)
        for _ in range(4):
            await pass_later(works, clock, timedelta(seconds=31))

        waiting = await letters_of(works)
        assert len(waiting) == 80
        assert {(letter.state, letter.attempts) for letter in waiting} == {(QUEUED, 0)}
        assert at_once <= 4  # what was under way together
        assert len(office.visits) - at_once == 4  # one for each half minute
        assert (await works.ledger.gate("mail")).is_credentials


async def test_m08_a_bounce_that_comes_later_goes_to_the_sender_and_a_sent_letter_claims_no_more_than_that(
    tmp_path: Path, clock: FixedClock
) -> None:
    """The documented limit: whether a mailbox exists behind the server that took the letter, only its bounce says."""
    office = Overheard()
    async with serve(office) as port, installation(tmp_path, port, clock) as works:
        await pass_later(works, clock)
        bounce_goes_to = set(office.overheard)
        await pass_later(works, clock, timedelta(days=1))

        view = await works.ledger.view(mission(1)["mission_id"])
        assert view is not None
        assert bounce_goes_to == {"alternance@example.org"}
        assert {letter.state for letter in view.letters} == {SENT}
        assert not [entry.event for entry in view.timeline if "delivered" in entry.event or "read" in entry.event]
        assert "are not read" in (Path(__file__).parents[3] / "README.md").read_text().partition("Bounces")[2][:80]
