"""From a file, an environment and secret files to settings, or to a list of everything that is wrong."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from syncd.settings.layers import Readings
from syncd.settings.policy import contradictions
from syncd.settings.problems import Problem, SettingsRefused, problems_of
from syncd.settings.secrets import read_secrets
from syncd.settings.settings import Settings
from syncd.settings.sources import CONFIG_VARIABLE, Origin, Reading, read_environment, read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are looked for that nobody named."""

    config_files: tuple[Path, ...] = (Path("/etc/syncd/syncd.toml"), Path("config/syncd.toml"))
    secrets: Path = Path("/run/secrets")


USUAL_PLACES = Places()
"""The places of interfaces, section 4."""


def process_environment() -> Mapping[str, str]:
    """Return the variables of this process: nothing else in syncd looks at them."""
    return os.environ


def load_settings(config_file: Path | None, environ: Mapping[str, str], *, places: Places = USUAL_PLACES) -> Settings:
    """Return the settings: environment over secret files over the configuration file over the defaults.

    `config_file` is what `--config` named; without it `SYNCD_CONFIG`, then the usual places are looked at, and no
    file at all is right too.

    Raises:
        SettingsRefused: every problem at once, each named by its key, never by its value.
    """
    file = find_config_file(config_file, environ, places=places)
    from_file = read_file(file) if file is not None else Reading()
    from_environment = read_environment(environ)
    from_secrets = Reading()
    secret_files = read_secrets(
        [*from_environment.secrets, *from_file.secrets], folders=_secret_folders(environ, places), reading=from_secrets
    )

    readings = Readings(
        environment=from_environment, secrets=from_secrets, file=from_file, state_directory=_usual_state(environ)
    )
    settings, refused = _validate(readings)
    problems = [*readings.problems(), *refused]
    if settings is not None:
        problems += contradictions(settings.policy().campaigns)
    if problems or settings is None:
        raise SettingsRefused(problems)
    found = readings.found()
    used_files = {path: file for path, file in secret_files.items() if found[path].origin is Origin.SECRET}
    settings.remember(config_file=file, found=found, secret_files=used_files)
    return settings


def find_config_file(config_file: Path | None, environ: Mapping[str, str], *, places: Places) -> Path | None:
    """Return the file to read; one that was named is returned whether it exists or not."""
    named = environ.get(CONFIG_VARIABLE)
    if config_file is not None:
        return config_file
    if named:
        return Path(named)
    return next((file for file in places.config_files if _is_there(file)), None)


def _is_there(file: Path) -> bool:
    """Whether a usual place has a file; one that is hidden from us counts, so that its settings are not overlooked."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _secret_folders(environ: Mapping[str, str], places: Places) -> Sequence[Path]:
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return [*([Path(credentials)] if credentials else []), places.secrets]


def _usual_state(environ: Mapping[str, str]) -> Path:
    """Return where the state is when nobody configures it: systemd may name several folders, the first is ours."""
    by_systemd = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(by_systemd) if by_systemd else Readings().state_directory


def _validate(readings: Readings) -> tuple[Settings | None, list[Problem]]:
    try:
        return Settings(readings), []
    except ValidationError as error:
        return None, problems_of(error, readings.found())
