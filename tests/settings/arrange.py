"""Configurations for the tests: no file of this machine is looked at."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.settings import Places, Settings, SettingsRefused, load_settings


def load(
    folder: Path,
    *,
    toml: str | None = None,
    environ: Mapping[str, str] | None = None,
    run_secrets: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of this file, these variables and these files in a `/run/secrets`."""
    secrets = folder / "run-secrets"
    secrets.mkdir(exist_ok=True)
    for name, text in (run_secrets or {}).items():
        (secrets / name).write_text(text, encoding="utf-8")
    file = folder / "syncd.toml"
    if toml is not None:
        file.write_text(toml, encoding="utf-8")
    return load_settings(None, environ or {}, places=Places(config_files=(file,), secrets=secrets))


def refusal(folder: Path, *, toml: str | None = None, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the problems of a configuration that is refused: key and message."""
    with pytest.raises(SettingsRefused) as caught:
        load(folder, toml=toml, environ=environ)
    return {problem.key: problem.message for problem in caught.value.problems}


def closed_file(file: Path, text: str, *, mode: int = 0o600) -> Path:
    """Return a file with this text that only its owner can read."""
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file
