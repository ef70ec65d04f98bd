"""What the readers found, handed over to pydantic-settings: one source for each layer, the strongest first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from syncd.settings.problems import Problem
from syncd.settings.sources import Layer, Reading
from syncd.settings.tables import Tables

Table = dict[str, object]


class Document(Table):
    """Tables in tables, as TOML has them; shows no value, for pydantic-settings writes it into its debug log."""

    def __repr__(self) -> str:
        """Say what is there, not what it says."""
        return f"<{len(self)} tables>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What each layer said; `state_directory` is where the state is when none of them says it."""

    environment: Reading = field(default_factory=Reading)
    secrets: Reading = field(default_factory=Reading)
    file: Reading = field(default_factory=Reading)
    state_directory: Path = Tables.model_fields["state_directory"].default

    def found(self) -> Layer:
        """Return the strongest layer's word on each setting that any of them speaks of."""
        return {**self.file.values, **self.secrets.values, **self.environment.values}

    def problems(self) -> Iterator[Problem]:
        """Yield what could not even be read."""
        for reading in (self.environment, self.secrets, self.file):
            yield from reading.problems

    def sources(self, settings: type[BaseSettings]) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return a source for each layer, the strongest first."""
        found = self.found()
        return (
            EnvironmentSource(settings, _document(self.environment, found)),
            SecretFilesSource(settings, _document(self.secrets, found)),
            TomlFileSource(settings, _document(self.file, found)),
            StateSource(settings, self.state_directory),
        )


class LayerSource(PydanticBaseSettingsSource):
    """Hands over what is known already; reads nothing by itself."""

    def __init__(self, settings: type[BaseSettings], document: Document) -> None:
        super().__init__(settings)
        self._document = document

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:  # noqa: ARG002
        """Return one table or setting of this layer; `False`: it is no JSON that is still to be read."""
        return self._document.get(field_name), field_name, False

    def __call__(self) -> Document:
        """Return everything that this layer says."""
        return self._document


class EnvironmentSource(LayerSource):
    """The variables `SYNCD_…` of the environment that `load_settings` was given."""


class SecretFilesSource(LayerSource):
    """The secrets that have files of their own."""


class TomlFileSource(LayerSource):
    """The configuration file."""


class StateSource(LayerSource):
    """The defaults that depend on where the state is, which a stronger layer may have said."""

    def __init__(self, settings: type[BaseSettings], usual: Path) -> None:
        super().__init__(settings, Document())
        self._usual = usual

    def __call__(self) -> Document:
        """Return the places of what lives in the state directory."""
        state = Path(str(self.current_state.get("state_directory", self._usual)))
        return Document(
            state_directory=state,
            database={"url": f"sqlite:///{state / 'syncd.sqlite3'}"},
            documents={"folder": state / "documents"},
            mail={"folder": state / "mail"},
        )


def _document(reading: Reading, found: Layer) -> Document:
    """Return a layer's values, tables in tables.

    An entry of what some layer says is no table is left out: the value that stands there is refused, not overlooked.
    """
    document = Document()
    for path, each in reading.values.items():
        if any(path[:length] in found for length in range(1, len(path))):
            continue
        table: Table = document
        for name in path[:-1]:
            table = cast("Table", table.setdefault(name, {}))
        table[path[-1]] = each.value
    return document
