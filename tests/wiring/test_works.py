"""From settings to a working process."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.mock import MockCactus
from syncd.adapters.mail.folder import FolderMailer
from syncd.adapters.mail.smtp import SmtpMailer
from syncd.clock import SystemClock
from syncd.errors import Misconfigured
from syncd.jobs.discover import discover
from syncd.jobs.once import run_once
from syncd.model import Step
from syncd.settings import Settings, load_settings
from syncd.settings.load import Places
from syncd.wiring.adapters import cactus_adapter, mailer, mission_store
from syncd.wiring.reading import is_embedded, ledger_file, make_state_directory, open_reading, replica_name
from syncd.wiring.works import open_works
from tests.world.missions import Missions, mission


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the least that `syncd run` needs."""
    return {
        "SYNCD_STATE_DIRECTORY": str(folder / "state"),
        "SYNCD_MISSIONS__URL": f"sqlite:///{folder / 'fvma.sqlite3'}",
        "SYNCD_CACTUS__ADAPTER": "mock",
        "SYNCD_MAIL__ADAPTER": "folder",
        **more,
    }


def settings_of(folder: Path, **more: str) -> Settings:
    """Return the settings of an installation in a folder."""
    return load(environment(folder, **more))


def load(environ: dict[str, str]) -> Settings:
    """Return settings from these variables alone, whatever files the machine has."""
    return load_settings(None, environ, places=Places(config_files=()))


async def test_an_installation_works_from_its_settings_alone(tmp_path: Path) -> None:
    Missions(tmp_path / "fvma.sqlite3").put(mission(1))

    async with open_works(settings_of(tmp_path)) as works:
        report = await run_once(works)

        assert (report.performed, report.delivered, report.retrying) == (1, 2, 0)
        assert await works.ledger.count_by_step() == {Step.AWAITING_STUDENT: 1}
    assert len(list((tmp_path / "state" / "mail").glob("*.eml"))) == 2


async def test_letters_are_looked_for_at_once_when_a_contract_has_moved(tmp_path: Path) -> None:
    Missions(tmp_path / "fvma.sqlite3").put(mission(1))

    async with open_works(settings_of(tmp_path)) as works:
        await discover(works.missions, works.ledger, works.clock)
        woken_before = works.deliverer.wake.is_set()
        await works.advancer.drain()

        assert (woken_before, works.deliverer.wake.is_set()) == (False, True)


async def test_every_patience_of_the_settings_reaches_the_jobs(tmp_path: Path) -> None:
    Missions(tmp_path / "fvma.sqlite3")
    settings = settings_of(
        tmp_path, SYNCD_JOBS__POLL_INTERVAL_S="7", SYNCD_JOBS__LEASE_S="20", SYNCD_JOBS__SWEEP_INTERVAL_H="5",
        SYNCD_DOCUMENTS__RETENTION_DAYS="30", SYNCD_RETRY__LONGEST_DELAY_S="60", SYNCD_RETRY__FIRST_DELAY_S="2",
        SYNCD_GUARD__MAX_MAILS_PER_HOUR="3", SYNCD_MISSIONS__GONE_SHARE="0.5", SYNCD_MISSIONS__GONE_MINIMUM="9",
    )  # fmt: skip

    async with open_works(settings) as works:
        rhythm, limits, patience = works.rhythm, works.sweep_limits, works.policy.patience
        mail = works.deliverer._patience

    assert {name.name: getattr(rhythm, name.name) for name in fields(rhythm)} == {
        "poll": timedelta(seconds=7), "lease": timedelta(seconds=20), "sweep": timedelta(hours=5),
        "heartbeat": timedelta(seconds=10), "documents_kept_for": timedelta(days=30),
    }  # fmt: skip
    assert (limits.gone_share, limits.gone_minimum) == (0.5, 9)
    assert (patience.first_delay, patience.longest_delay) == (timedelta(seconds=2), timedelta(seconds=60))
    assert (mail.greylist_delay, mail.unknown_resend_after, mail.most_per_hour) == (
        timedelta(seconds=60), timedelta(seconds=60), 3,
    )  # fmt: skip


@pytest.mark.parametrize("missing", ["SYNCD_MISSIONS__URL", "SYNCD_CACTUS__ADAPTER", "SYNCD_MAIL__ADAPTER"])
async def test_what_has_no_default_is_asked_for_by_name(tmp_path: Path, missing: str) -> None:
    settings = load({k: v for k, v in environment(tmp_path).items() if k != missing})

    with pytest.raises(Misconfigured, match=missing):
        async with open_works(settings):
            pass


async def test_each_remote_gets_the_adapter_that_the_settings_name(tmp_path: Path) -> None:
    plain = settings_of(tmp_path)
    real = settings_of(
        tmp_path, SYNCD_CACTUS__ADAPTER="http", SYNCD_CACTUS__BASE_URL="https://cactus.example.org/api",
        SYNCD_CACTUS__AUTH="client_credentials", SYNCD_CACTUS__TOKEN_URL="https://cactus.example.org/token",
        SYNCD_CACTUS__CLIENT_ID="syncd", SYNCD_CACTUS__CLIENT_SECRET="s3cret", SYNCD_CACTUS__IDEMPOTENT="false",
        SYNCD_MAIL__ADAPTER="smtp", SYNCD_MAIL__HOST="mail.example.org",
    )  # fmt: skip

    remote = cactus_adapter(real, SystemClock())
    await remote.aclose()

    assert isinstance(cactus_adapter(plain, SystemClock()), MockCactus)
    assert isinstance(remote, HttpCactus)
    assert remote.capabilities.idempotency_keys is False
    assert isinstance(mailer(plain), FolderMailer)
    assert isinstance(mailer(real), SmtpMailer)


def test_a_store_without_an_address_is_asked_for() -> None:
    with pytest.raises(Misconfigured) as refused:
        mission_store(load({}))

    assert refused.value.key == "SYNCD_MISSIONS__URL"


async def test_reading_prepares_an_embedded_ledger_by_itself(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    async with open_reading(settings) as ledger:
        assert await ledger.count_by_step() == {}

    assert is_embedded(settings)
    assert ledger_file(settings) == tmp_path / "state" / "syncd.sqlite3"
    assert ledger_file(settings).exists()


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured) as refused:
        make_state_directory(load({"SYNCD_STATE_DIRECTORY": str(tmp_path / "file" / "state")}))

    assert refused.value.key == "SYNCD_STATE_DIRECTORY"


def test_no_two_processes_have_one_name() -> None:
    assert len({replica_name() for _ in range(100)}) == 100
