"""What only `syncd run` needs."""

from pathlib import Path

import pytest

from syncd.settings import SettingsRefused
from tests.settings.arrange import load

ENOUGH = {
    "SYNCD_MISSIONS__URL": "sqlite:///missions.sqlite3",
    "SYNCD_CACTUS__ADAPTER": "mock",
    "SYNCD_MAIL__ADAPTER": "folder",
}
HTTP = ENOUGH | {"SYNCD_CACTUS__ADAPTER": "http", "SYNCD_CACTUS__BASE_URL": "https://cactus.example.org"}
SMTP = ENOUGH | {"SYNCD_MAIL__ADAPTER": "smtp"}
OAUTH = HTTP | {"SYNCD_CACTUS__AUTH": "client_credentials"}


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, ["SYNCD_MISSIONS__URL", "SYNCD_CACTUS__ADAPTER", "SYNCD_MAIL__ADAPTER"]),
        (ENOUGH | {"SYNCD_CACTUS__ADAPTER": "http"}, ["SYNCD_CACTUS__BASE_URL"]),
        (HTTP | {"SYNCD_CACTUS__AUTH": "bearer"}, ["SYNCD_CACTUS__TOKEN"]),
        (HTTP | {"SYNCD_CACTUS__AUTH": "api_key"}, ["SYNCD_CACTUS__TOKEN"]),
        (OAUTH, ["SYNCD_CACTUS__TOKEN_URL", "SYNCD_CACTUS__CLIENT_ID", "SYNCD_CACTUS__CLIENT_SECRET"]),
        (SMTP, ["SYNCD_MAIL__HOST"]),
        (SMTP | {"SYNCD_MAIL__HOST": "relay.example.org"}, ["SYNCD_MAIL__SENDER"]),
        (SMTP | {"SYNCD_MAIL__HOST": "127.0.0.1", "SYNCD_MAIL__USERNAME": "syncd"}, ["SYNCD_MAIL__PASSWORD"]),
    ],
)
def test_running_without_what_has_no_default_is_refused(
    tmp_path: Path, environ: dict[str, str], missing: list[str]
) -> None:
    settings = load(tmp_path, environ=environ)

    with pytest.raises(SettingsRefused) as caught:
        settings.require_for_run()

    assert [problem.key for problem in caught.value.problems] == missing


@pytest.mark.parametrize(
    "environ",
    [
        ENOUGH,
        HTTP,
        SMTP | {"SYNCD_MAIL__HOST": "127.0.0.1"},
        SMTP | {"SYNCD_MAIL__HOST": "relay.example.org", "SYNCD_MAIL__SENDER": "MIAGE <miage@example.org>"},
    ],
)
def test_a_complete_configuration_may_run(tmp_path: Path, environ: dict[str, str]) -> None:
    load(tmp_path, environ=environ).require_for_run()
