"""The layers as pydantic-settings takes them: nothing of its own looks at this process, and nothing is shown."""

import logging
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from syncd.settings import Origin
from tests.settings.arrange import load


def test_the_settings_are_those_of_pydantic_settings(tmp_path: Path) -> None:
    assert isinstance(load(tmp_path), BaseSettings)


def test_nothing_but_the_given_environment_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_CACTUS__CONCURRENCY", "99")
    monkeypatch.setenv("CACTUS", '{"concurrency": 99}')
    monkeypatch.setenv("CACTUS__CONCURRENCY", "99")
    monkeypatch.setenv("STATE_DIRECTORY", "/elsewhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SYNCD_CACTUS__CONCURRENCY=99\nCACTUS__CONCURRENCY=99\n", encoding="utf-8")

    settings = load(tmp_path, environ={"SYNCD_CACTUS__TIMEOUT_S": "7"})

    assert settings == load(tmp_path, environ={"SYNCD_CACTUS__TIMEOUT_S": "7"})
    assert settings.cactus.concurrency != 99
    assert settings.state_directory == Path("var")
    assert settings.origin_of(("cactus", "concurrency")) is Origin.DEFAULT


def test_o05_the_debug_log_of_the_library_has_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")

    with caplog.at_level(logging.DEBUG):
        load(
            tmp_path,
            toml='[mail]\npassword = "hush-file"\nusername = "someone"\n',
            environ={"SYNCD_CACTUS__TOKEN": "hush-environment"},
            run_secrets={"ops_token": "hush-secret"},
        )

    assert "EnvironmentSource" in caplog.text
    assert "hush" not in caplog.text
    assert "someone" not in caplog.text


def test_the_state_directory_of_any_layer_moves_what_lives_in_it(tmp_path: Path) -> None:
    settings = load(tmp_path, toml='state_directory = "/srv/a"\n', environ={"SYNCD_STATE_DIRECTORY": "/srv/b"})

    assert settings.documents.folder == Path("/srv/b/documents")
