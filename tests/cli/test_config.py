"""`syncd config`: what people and scripts see of the configuration."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result

from syncd.cli.config import config
from syncd.cli.context import Invocation
from syncd.cli.output import Exit

KEY = "SYNCD_CACTUS__TIMEOUT_S"


def call(
    *arguments: str, file: Path | None = None, environ: Mapping[str, str] | None = None, toml: str | None = None
) -> Result:
    """Call a command with a configuration file of its own; without one, with an empty file."""
    with TemporaryDirectory() as folder:
        if file is None:
            file = Path(folder) / "test.toml"
            file.write_text(toml or "", encoding="utf-8")
        return CliRunner().invoke(config, arguments, obj=Invocation(config_file=file, environ=environ or {}))


def test_show_prints_every_setting_with_its_origin() -> None:
    toml = '[cactus]\nconcurrency = 7\nstatus_words = { en_cours = "in_progress" }\n'

    result = call("show", environ={KEY: "3"}, toml=toml)

    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == Exit.OK
    assert ["cactus.timeout_s", "environment", "3.0"] in lines
    assert ["cactus.concurrency", "file", "7"] in lines
    assert ["cactus.idempotent", "default", "true"] in lines
    assert ["cactus.adapter", "default", "(not", "set)"] in lines
    assert ["cactus.status_words", "file", "en_cours", "=", "in_progress"] in lines
    assert ["admission.programmes", "default", "(none)"] in lines
    assert ["reminders.after_days", "default", "5,", "10,", "15"] in lines


def test_show_masks_every_secret_and_keeps_the_rest_of_a_database_address() -> None:
    environ = {
        "SYNCD_DATABASE__URL": "postgresql://syncd:hush@db.example.org/syncd?sslpassword=hush&sslmode=require",
        "SYNCD_CACTUS__TOKEN": "hush",
        "SYNCD_MAIL__PASSWORD": "hush",
        "SYNCD_DOCUMENTS__KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }

    for options in ([], ["--json"]):
        result = call("show", *options, environ=environ)
        assert "hush" not in result.output
        assert "MDEy" not in result.output
        assert "postgresql://syncd:••••@db.example.org/syncd?sslpassword=••••&sslmode=require" in result.output


def test_show_as_json_is_one_document() -> None:
    toml = "[campaigns.2025-2026]\nlatest_start = 2025-11-15\n"

    result = call("show", "--json", environ={"SYNCD_CACTUS__TOKEN": "hush"}, toml=toml)

    settings = json.loads(result.stdout)["settings"]
    assert settings["cactus.token"] == {"value": "••••", "origin": "environment"}
    assert settings["cactus.client_secret"] == {"value": None, "origin": "default"}
    assert settings["cactus.timeout_s"] == {"value": 30, "origin": "default"}
    assert settings["campaigns.2025-2026.latest_start"] == {"value": "2025-11-15", "origin": "file"}
    assert settings["recipients"]["value"][0]["to"] == ["student", "hr_contact"]


def test_check_says_that_no_configuration_is_right_and_what_run_still_needs() -> None:
    result = call("check")

    assert result.exit_code == Exit.OK
    assert "The configuration is right." in result.stdout
    assert "SYNCD_CACTUS__ADAPTER" in result.stdout


def test_check_for_run_refuses_what_cannot_run() -> None:
    result = call("check", "--for-run")

    assert result.exit_code == Exit.CONFIGURATION
    assert "SYNCD_MAIL__ADAPTER" in result.stderr


def test_o04_check_names_every_wrong_key_and_no_value() -> None:
    result = call("check", environ={KEY: "Xq7"}, toml='[cactus]\nconcurrency = "Xq8"\n')

    assert result.exit_code == Exit.CONFIGURATION
    assert KEY in result.stderr
    assert "[cactus] concurrency" in result.stderr
    assert "Xq" not in result.output


def test_o04_check_as_json_lists_the_problems_beside_the_error() -> None:
    result = call("check", "--json", environ={KEY: "Xq7"})

    document = json.loads(result.stdout)
    assert result.exit_code == Exit.CONFIGURATION
    assert document["ok"] is False
    assert [problem["key"] for problem in document["problems"]] == [KEY]
    assert document["error"]["code"] == "configuration"
    assert "Xq7" not in result.output


def test_check_as_json_says_what_run_still_needs_and_which_secrets_are_exposed(tmp_path: Path) -> None:
    file = tmp_path / "open.toml"
    file.write_text('[ops]\ntoken = "hush"\n', encoding="utf-8")
    file.chmod(0o644)

    document = json.loads(call("check", "--json", file=file).stdout)

    assert document["ok"] is True
    assert [problem["key"] for problem in document["warnings"]] == ["[ops] token"]
    assert "SYNCD_MISSIONS__URL" in [problem["key"] for problem in document["missing_for_run"]]


@pytest.mark.parametrize("command", ["show", "check"])
def test_an_error_under_json_is_a_json_document_on_standard_output(command: str) -> None:
    result = call(command, "--json", environ={"SYNCD_CACTUS__TIMEOUT": "3"})

    error = json.loads(result.stdout)["error"]
    assert result.exit_code == Exit.CONFIGURATION
    assert set(error) == {"code", "message", "hint"}
    assert "SYNCD_CACTUS__TIMEOUT_S" in error["message"]
    assert result.stderr == ""


def test_init_writes_a_file_that_check_accepts(tmp_path: Path) -> None:
    file = tmp_path / "new" / "syncd.toml"

    assert call("init", "--output", str(file)).exit_code == Exit.OK
    assert call("check", file=file).exit_code == Exit.OK


def test_init_overwrites_nothing_unless_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "syncd.toml"
    file.write_text("mine", encoding="utf-8")

    refused = call("init", "--output", str(file))
    assert (refused.exit_code, file.read_text(encoding="utf-8")) == (Exit.FAILURE, "mine")
    assert "--force" in refused.stderr

    assert call("init", "--output", str(file), "--force").exit_code == Exit.OK
    assert file.read_text(encoding="utf-8").startswith("# The configuration of syncd.")


def test_init_prints_the_file_when_asked() -> None:
    result = call("init", "--output", "-")

    assert result.stdout.startswith("# The configuration of syncd.")


def test_init_without_a_place_writes_where_the_configuration_is_looked_for(tmp_path: Path) -> None:
    assert call("init", file=tmp_path / "named.toml").exit_code == Exit.OK
    assert (tmp_path / "named.toml").exists()
