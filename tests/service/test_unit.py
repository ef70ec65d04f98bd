"""The systemd unit: what systemd itself thinks of it, and what the daemon promised."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from syncd.settings.keys import all_secrets, secret_name

UNIT = Path(__file__).parents[2] / "config" / "systemd" / "syncd.service"
COMMAND = "/opt/syncd/bin/syncd"


class Unit(configparser.RawConfigParser):
    """A unit file; a key that is given again adds a line."""

    def __init__(self) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None)

    def optionxform(self, optionstr: str) -> str:
        """Keep the letters' case."""
        return optionstr


@pytest.fixture(scope="module")
def service() -> dict[str, str]:
    """Return the section about the service."""
    unit = Unit()
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    return dict(unit["Service"])


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a copy whose command exists on this machine, as systemd wants to see it."""
    copy = tmp_path / "syncd.service"
    copy.write_text(UNIT.read_text(encoding="utf-8").replace(COMMAND, "/bin/true"), encoding="utf-8")
    return copy


def _systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_systemd_finds_nothing_to_say_about_the_unit(installed: Path) -> None:
    verdict = _systemd_analyze("verify", "--man=no", installed)

    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


def test_systemd_would_say_so_if_there_were_something(installed: Path) -> None:
    installed.write_text(installed.read_text().replace("WatchdogSec=60", "WatchdogSeconds=60"))

    assert "WatchdogSeconds" in _systemd_analyze("verify", "--man=no", installed).stderr


def test_systemd_rates_the_exposure_of_the_service_as_low(installed: Path) -> None:
    verdict = _systemd_analyze("security", "--offline=yes", "--no-pager", installed)

    rating = re.search(r"Overall exposure level for \S+: ([\d.]+)", verdict.stdout)
    assert rating is not None, verdict.stderr
    assert float(rating[1]) < 2.5


def test_the_daemon_tells_systemd_that_it_is_ready_and_alive(service: dict[str, str]) -> None:
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "main"
    assert service["ExecStart"] == f"{COMMAND} run"
    assert "HUP" in service["ExecReload"]


def test_c06_systemd_waits_for_an_orderly_stop_longer_than_a_driver_may_need(service: dict[str, str]) -> None:
    assert service["TimeoutStopSec"] == "45"
    assert "KillSignal" not in service  # SIGTERM


def test_c07_a_loop_that_no_longer_gets_on_is_started_again(service: dict[str, str]) -> None:
    assert service["WatchdogSec"] == "60"
    assert service["Restart"] == "on-failure"  # a missed watchdog is a failure


def test_a_wrong_configuration_is_not_tried_again(service: dict[str, str]) -> None:
    assert service["RestartPreventExitStatus"] == "78"


def test_c08_the_end_of_the_pdf_check_is_not_the_end_of_the_daemon(service: dict[str, str]) -> None:
    assert service["OOMPolicy"] == "continue"


def test_what_the_service_writes_is_nobody_elses_to_read(service: dict[str, str]) -> None:
    assert service["StateDirectory"] == "syncd"
    assert service["StateDirectoryMode"] == "0700"
    assert service["UMask"] == "0077"
    assert service["LimitCORE"] == "0"
    assert service["DynamicUser"] == "yes"


def test_every_credential_that_the_unit_offers_is_a_secret_that_the_settings_look_for() -> None:
    offered = re.findall(r"^#?LoadCredential=(\w+):/etc/syncd/secrets/(\w+)$", UNIT.read_text(), re.MULTILINE)
    known = {secret_name(path) for path in all_secrets()}

    assert len(offered) >= 5
    assert all(name == file for name, file in offered)
    assert {name for name, _ in offered} <= known
