"""The settings as they were loaded: the tables, where each value came from, and what follows from them."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.model import Policy
from syncd.settings.keys import KeyPath, all_secrets, file_name
from syncd.settings.layers import Readings
from syncd.settings.policy import policy_of
from syncd.settings.problems import Problem, SettingsRefused
from syncd.settings.requirements import missing_for_run
from syncd.settings.secrets import Secret, is_open_to_everybody
from syncd.settings.sources import Found, Layer, Origin
from syncd.settings.tables import Tables


class Settings(BaseSettings, Tables):
    """Every setting of syncd, frozen; `load_settings` makes one.

    What depends on another setting is filled in: `database.url`, `documents.folder` and `mail.folder` are never `None`
    in loaded settings.
    """

    model_config = SettingsConfigDict(validate_default=False)

    _config_file: Path | None = PrivateAttr(default=None)
    _found: Layer = PrivateAttr(default_factory=dict)
    _secret_files: Mapping[KeyPath, Path] = PrivateAttr(default_factory=dict)

    def __init__(self, readings: Readings) -> None:
        """Take what the layers say.

        Raises:
            pydantic.ValidationError: with every value that cannot be.
        """
        super().__init__(readings=readings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return our own layers alone: the library's sources see this process's variables and miss unknown names."""
        readings: Readings = init_settings()["readings"]
        return readings.sources(settings_cls)

    def remember(self, *, config_file: Path | None, found: Layer, secret_files: Mapping[KeyPath, Path]) -> None:
        """Keep where the values came from; for `load_settings` alone."""
        self._config_file = config_file
        self._found = found
        self._secret_files = secret_files

    @property
    def config_file(self) -> Path | None:
        """The configuration file that was read, if any."""
        return self._config_file

    def source_of(self, path: KeyPath) -> Found | None:
        """Return who set the value at this path, `None` when nobody did."""
        return next((found for place, found in self._found.items() if place[: len(path)] == path), None)

    def origin_of(self, path: KeyPath) -> Origin:
        """Return where the value at this path came from."""
        source = self.source_of(path)
        return source.origin if source is not None else Origin.DEFAULT

    def secret(self, name: str) -> Secret | None:
        """Return a secret by its name (`cactus.client_secret`), to be asked each time it is used; `None` when unset."""
        path = tuple(name.split("."))
        value: object = self
        for part in path:
            value = getattr(value, part)
        if value is None:
            return None
        if not isinstance(value, SecretStr):
            raise TypeError(f"{name} is no secret")
        return Secret(name=name, first=value, file=self._secret_files.get(path))

    def require_for_run(self) -> None:
        """Return when the daemon may run.

        Raises:
            SettingsRefused: something that has no default is missing; every such setting is named with its reason.
        """
        problems = self.missing_for_run()
        if problems:
            raise SettingsRefused(problems)

    def missing_for_run(self) -> list[Problem]:
        """Return what only `syncd run` needs and nobody set."""
        return missing_for_run(self)

    def exposed_secrets(self) -> list[Problem]:
        """Return the secrets that stand in a configuration file which others can read."""
        if self._config_file is None or not is_open_to_everybody(self._config_file):
            return []
        there = [path for path in all_secrets() if self.origin_of(path) is Origin.FILE]
        advice = "is a secret in a file that everybody can read; close the file, or move it to one of its own"
        return [Problem(key=file_name(path), message=advice) for path in there]

    def policy(self) -> Policy:
        """Return what the department decided, for the procedure."""
        return policy_of(
            campaigns=self.campaigns,
            admission=self.admission,
            reminders=self.reminders,
            recipients=self.recipients,
            since=self.missions.since,
            cactus=self.cactus,
            retry=self.retry,
        )

    @property
    def greylist_delay(self) -> timedelta:
        """How long a letter waits that the server refused for now."""
        return self._bounded(self.mail.greylist_delay_s)

    @property
    def unknown_resend_delay(self) -> timedelta:
        """How long a letter waits whose acceptance is unknown, before it is sent once more."""
        return self._bounded(self.mail.unknown_resend_s)

    def _bounded(self, seconds: float) -> timedelta:
        return timedelta(seconds=min(seconds, self.retry.longest_delay_s))
