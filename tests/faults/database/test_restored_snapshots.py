"""B07: the ledger is restored from an older snapshot, CACTUS keeps what it has. No contract comes twice.

What a failover with lost commits does to the ledger is the same: it is set back, and the world is not.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.settings import Settings
from tests.faults.database.crashing_server import postgres_binaries
from tests.faults.database.judgement import judge
from tests.faults.database.looking import rows
from tests.faults.database.site import Site, a_site, eventually, name_of
from tests.faults.database.snapshots import Restorable, RestorableFile, RestorableServer
from tests.support.scale import Amount, Figures
from tests.world.remote import Answer, Remote, Request

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(params=BACKENDS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Restorable:
    if request.param == "sqlite":
        return RestorableFile(tmp_path)
    server, url = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_url")
    return RestorableServer(tmp_path, server, url, postgres_binaries())


@dataclass
class Forgetful:
    """A CACTUS that creates one more contract at every request, whatever the key and the reference."""

    remote: Remote
    is_busy: bool = False
    """It does nothing, and says so."""

    def __post_init__(self) -> None:
        self.remote.trap = self.answer

    def answer(self, request: Request, honest: Callable[[], Answer]) -> Answer:
        """Create, always; answer the rest as it should be."""
        if (request.method, request.path) != ("POST", "/contracts"):
            return honest()
        if self.is_busy:
            return Answer.of(429, {"type": "rate"}, **{"Retry-After": "1"})
        body = json.loads(request.body)
        with self.remote.lock:
            return Answer.of(201, self.remote._create(body, body["student"]["number"], body["company"]["siret"]))


@pytest.mark.parametrize("is_idempotent", [True, False], ids=["with keys", "without keys"])
async def test_b07_a_ledger_restored_fifty_times_doubles_no_contract(
    ledger: Restorable, is_idempotent: bool, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """Every time in the middle of the work; what left since then leaves once more, under the same name, and no more."""
    times, dice, lost = amount(quick=1, deep=25), random.Random(7), 0  # noqa: S311 - repeatable on purpose
    async with a_site(tmp_path) as site:
        if not is_idempotent:
            Forgetful(site.remote)
        settings = _settings(site, ledger, is_idempotent=is_idempotent)
        for _ in range(times):
            async with site.replicas(settings, 1 if ledger.url.startswith("sqlite") else 2):
                await site.validate(8)
                await site.work_for(dice.uniform(0.2, 2.0))
                await asyncio.to_thread(ledger.take)
                await site.work_for(dice.uniform(0.2, 2.0))
            await asyncio.to_thread(ledger.restore)
            lost += await asyncio.to_thread(_lost_sendings, site, ledger.url)
            async with site.replicas(settings, 1 if ledger.url.startswith("sqlite") else 2):
                await site.everybody_works(ledger.url)
        found = judge(site, ledger.url)

        assert not found.violations
        assert found.repeated <= lost
        assert all(len(names) == 1 for names in _names_of_letters(site).values())
    figures.note(
        "ledger restored from an older snapshot", database=ledger.url.partition(":")[0], times=times,
        remote="with keys" if is_idempotent else "without keys", missions=len(site.numbers), doubled=0,
        posts=found.posts, mails=found.mails, repeated=found.repeated, lost_sendings=lost,
    )  # fmt: skip


async def test_b07_what_was_absent_before_the_snapshot_is_looked_for_again(tmp_path: Path) -> None:
    """The snapshot knows "looked up: absent", and that CACTUS was too busy to create; afterwards it did."""
    ledger = RestorableFile(tmp_path)
    async with a_site(tmp_path) as site:
        cactus = Forgetful(site.remote, is_busy=True)
        settings = _settings(site, ledger, is_idempotent=False)
        async with site.replicas(settings, 1):
            await site.validate(3)
            await eventually(
                lambda: rows(ledger.url, _REFUSED_FOR_NOW) not in ([], [(0,)]), within_s=60, what="too busy"
            )
            await asyncio.to_thread(ledger.take)
            cactus.is_busy = False
            await site.everybody_works(ledger.url)
        ledger.restore()
        async with site.replicas(settings, 1):
            await site.everybody_works(ledger.url)

        assert not judge(site, ledger.url).violations


_REFUSED_FOR_NOW = "SELECT count(*) FROM contracts WHERE asked = 'not_applied'"


async def test_b07_a_remote_that_is_believed_to_know_keys_is_caught(tmp_path: Path) -> None:
    """The harness sees a contract that comes twice: nothing but the look-up or the key prevents it."""
    ledger = RestorableFile(tmp_path)
    async with a_site(tmp_path) as site:
        Forgetful(site.remote)
        settings = _settings(site, ledger, is_idempotent=True)
        async with site.replicas(settings, 1):
            await asyncio.to_thread(ledger.take)
            await site.validate(3)
            await site.everybody_works(ledger.url)
        ledger.restore()
        async with site.replicas(settings, 1):
            await eventually(lambda: site.remote.creations() == 6, within_s=20, what="every contract twice")

        assert judge(site, ledger.url).doubled == {name_of(number): 2 for number in (1, 2, 3)}


def _settings(site: Site, ledger: Restorable, *, is_idempotent: bool) -> Settings:
    return site.settings(
        ledger.url, SYNCD_CACTUS__IDEMPOTENT=str(is_idempotent).lower(), SYNCD_CACTUS__PROCESSING_TIME_S="0.3"
    )


def _lost_sendings(site: Site, url: str) -> int:
    """Return how many letters that the mail server has are not sent in what the ledger knows now."""
    known = {str(message_id) for (message_id,) in rows(url, "SELECT message_id FROM letters WHERE state = 'sent'")}
    return len({str(letter["Message-ID"]) for letter in site.office.letters} - known)


def _names_of_letters(site: Site) -> dict[tuple[str, ...], set[str]]:
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for letter in site.office.letters:
        names[str(letter["X-Syncd-Mission"]), str(letter["X-Syncd-Event"]), str(letter["To"])].add(
            str(letter["Message-ID"])
        )
    return names
