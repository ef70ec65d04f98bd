"""Secrets in files of their own."""

from pathlib import Path

import pytest

from syncd.settings import SettingsRefused
from tests.settings.arrange import closed_file, load, refusal


def asked(folder: Path, environ: dict[str, str], name: str = "cactus.token") -> str:
    secret = load(folder, environ=environ).secret(name)
    assert secret is not None
    return secret()


def test_a_secret_comes_from_the_file_that_its_variable_names(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "token", "hush\n")

    assert asked(tmp_path, {"SYNCD_CACTUS__TOKEN_FILE": str(file)}) == "hush"


def test_a_secret_comes_from_the_file_that_the_configuration_names(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "password", "hush")

    secret = load(tmp_path, toml=f'[mail]\npassword_file = "{file}"\n').secret("mail.password")

    assert secret is not None
    assert secret() == "hush"


def test_a_secret_comes_from_the_credentials_of_systemd_before_run_secrets(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    closed_file(credentials / "database_url", "postgresql://syncd:hush@db/syncd", mode=0o644)

    settings = load(
        tmp_path,
        environ={"CREDENTIALS_DIRECTORY": str(credentials)},
        run_secrets={"database_url": "sqlite:///other", "ops_token": "ours"},
    )

    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://syncd:hush@db/syncd"
    assert settings.ops.token is not None


def test_the_file_that_was_named_wins_over_the_one_that_was_found(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "token", "named")

    settings = load(tmp_path, environ={"SYNCD_CACTUS__TOKEN_FILE": str(file)}, run_secrets={"cactus_token": "found"})

    assert settings.cactus.token is not None
    assert settings.cactus.token.get_secret_value() == "named"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_o04_a_secret_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = closed_file(tmp_path / "token", "hush", mode=mode)

    found = refusal(tmp_path, environ={"SYNCD_CACTUS__TOKEN_FILE": str(file)})

    assert found == {"SYNCD_CACTUS__TOKEN_FILE": "the file is readable by others; close it (chmod 600)"}


def test_o04_a_secret_file_that_is_missing_is_refused_without_telling_its_name(tmp_path: Path) -> None:
    """People have put the secret itself where the file's name belongs."""
    with pytest.raises(SettingsRefused) as caught:
        load(tmp_path, environ={"SYNCD_CACTUS__TOKEN_FILE": "Xq7-hush"})

    assert caught.value.key == "SYNCD_CACTUS__TOKEN_FILE"
    assert "Xq7" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_o04_a_file_without_a_usable_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = closed_file(tmp_path / "token", "")
    file.write_bytes(content)

    assert list(refusal(tmp_path, environ={"SYNCD_OPS__TOKEN_FILE": str(file)})) == ["SYNCD_OPS__TOKEN_FILE"]


def test_o04_a_secret_file_with_a_wrong_key_names_the_variable_of_the_file(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "key", "not a key")

    assert list(refusal(tmp_path, environ={"SYNCD_DOCUMENTS__KEY_FILE": str(file)})) == ["SYNCD_DOCUMENTS__KEY_FILE"]


def test_only_secrets_have_files(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "host", "mail.example.org")

    assert list(refusal(tmp_path, environ={"SYNCD_MAIL__HOST_FILE": str(file)})) == ["SYNCD_MAIL__HOST_FILE"]


def test_r20_a_rotated_secret_is_read_again_each_time_it_is_asked_for(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "token", "old")
    secret = load(tmp_path, environ={"SYNCD_CACTUS__TOKEN_FILE": str(file)}).secret("cactus.token")
    assert secret is not None
    assert secret() == "old"

    file.write_text("new\n", encoding="utf-8")

    assert secret() == "new"


@pytest.mark.parametrize("leave", ["gone", "empty"])
def test_r20_in_the_middle_of_a_rotation_the_secret_of_the_start_still_holds(tmp_path: Path, leave: str) -> None:
    file = closed_file(tmp_path / "token", "old")
    secret = load(tmp_path, environ={"SYNCD_CACTUS__TOKEN_FILE": str(file)}).secret("cactus.token")
    assert secret is not None

    file.unlink() if leave == "gone" else file.write_text("", encoding="utf-8")

    assert secret() == "old"


def test_a_secret_from_the_environment_does_not_change(tmp_path: Path) -> None:
    file = closed_file(tmp_path / "token", "from-file")

    assert asked(tmp_path, {"SYNCD_CACTUS__TOKEN": "plain", "SYNCD_CACTUS__TOKEN_FILE": str(file)}) == "plain"


def test_a_secret_that_nobody_set_is_none(tmp_path: Path) -> None:
    assert load(tmp_path).secret("cactus.token") is None


def test_what_is_no_secret_is_not_given_as_one(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no secret"):
        load(tmp_path).secret("ops.bind")
