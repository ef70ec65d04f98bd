"""Where values come from: the configuration file and the environment, read into flat layers with their origin."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic.fields import FieldInfo

from syncd.settings.keys import (
    PREFIX,
    KeyPath,
    child_of,
    file_name,
    find_setting,
    is_list,
    is_mapping,
    is_secret,
    is_section,
    nearest_in_file,
    nearest_variable,
    path_of_variable,
    table_name,
)
from syncd.settings.problems import Problem
from syncd.settings.section import Section
from syncd.settings.tables import Tables

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_SUFFIX = "_FILE"

KUBERNETES_LINK = re.compile(r"SYNCD_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
"""What Kubernetes adds to every pod beside a service called "syncd": not ours, and not the admin's either."""


class Origin(StrEnum):
    """Who set a value; a later one here loses against an earlier one."""

    ENVIRONMENT = "environment"
    SECRET = "secret"  # noqa: S105  # the name of an origin
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value that somebody set; `key` is its name as they wrote it."""

    value: object = field(repr=False)
    origin: Origin
    key: str


Layer = Mapping[KeyPath, Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """A secret is said to be in this file."""

    path: KeyPath
    key: str
    file: Path = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Reading:
    """What one source said. An empty text means "not set", everywhere: TOML has no other word for it."""

    values: dict[KeyPath, Found] = field(default_factory=dict)
    secrets: list[SecretReference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, path: KeyPath, value: object, *, origin: Origin, key: str) -> None:
        """Keep a value, unless it is empty."""
        if value != "":
            self.values[path] = Found(value=value, origin=origin, key=key)

    def complain(self, key: str, message: str) -> None:
        """Keep a problem."""
        self.problems.append(Problem(key=key, message=message))


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Return what the variables `SYNCD_…` say; lists are comma-separated or JSON, tables are JSON."""
    reading = Reading()
    for variable, text in sorted(environ.items()):
        is_ours = variable.startswith(PREFIX) and variable != CONFIG_VARIABLE
        if is_ours and text and not KUBERNETES_LINK.fullmatch(variable):
            _read_variable(variable, text, reading)
    return reading


def _read_variable(variable: str, text: str, reading: Reading) -> None:
    path = path_of_variable(variable)
    setting = find_setting(path) if variable.isupper() else None
    owner = path_of_variable(variable.removesuffix(FILE_SUFFIX))
    if setting is not None:
        _read_value(path, setting, variable, text, reading)
    elif variable.endswith(FILE_SUFFIX) and _is_secret(owner):
        reading.secrets.append(SecretReference(path=owner, key=variable, file=Path(text)))
    elif is_section(path):
        reading.complain(variable, f"is a group of settings; write {variable}__ and a name")
    else:
        reading.complain(variable, "is not a setting" + _suggest(nearest_variable(variable)))


def _read_value(path: KeyPath, setting: FieldInfo, variable: str, text: str, reading: Reading) -> None:
    is_whole = find_setting(path[:-1]) is None
    value: object = text
    try:
        if is_whole and (is_mapping(setting) or (is_list(setting) and text.lstrip().startswith("["))):
            value = json.loads(text)
        elif is_whole and is_list(setting):
            value = [part.strip() for part in text.split(",") if part.strip()]
    except ValueError:
        reading.complain(variable, "should be JSON")
        return
    for place, part in _parts(path, setting, value):
        reading.note(place, part, origin=Origin.ENVIRONMENT, key=variable)


def _parts(path: KeyPath, setting: FieldInfo, value: object) -> Iterator[tuple[KeyPath, object]]:
    """Yield the entries of a table one by one, so that another source can set one of them."""
    if is_mapping(setting) and isinstance(value, dict):
        yield from (((*path, str(name)), part) for name, part in value.items())
    else:
        yield path, value


def read_file(file: Path) -> Reading:
    """Return what the configuration file says."""
    reading = Reading()
    try:
        document = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        reading.complain(str(file), f"the configuration file cannot be read ({error.strerror})")
    except UnicodeDecodeError:
        reading.complain(str(file), "the configuration file is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        reading.complain(str(file), f"the configuration file is not TOML{_place_of(error)}")
    else:
        _read_table(document, Tables, (), reading)
    return reading


def _place_of(error: tomllib.TOMLDecodeError) -> str:
    """Return the line alone: the parser's sentence may repeat a character of a value."""
    found = re.search(r"line (\d+), column (\d+)", str(error))
    return f" (line {found[1]}, column {found[2]})" if found else ""


def _read_table(table: Mapping[str, object], section: type[Section], path: KeyPath, reading: Reading) -> None:
    for name, value in table.items():
        _read_entry((*path, name), child_of(section, name), value, reading)


def _read_entry(path: KeyPath, child: type[Section] | FieldInfo | None, value: object, reading: Reading) -> None:
    if isinstance(child, FieldInfo):
        for place, part in _parts(path, child, value):
            reading.note(place, part, origin=Origin.FILE, key=file_name(place))
    elif child is not None:
        if isinstance(value, dict):
            _read_table(value, child, path, reading)
        else:
            reading.complain(file_name(path), f"is a table: write {table_name(path)}")
    else:
        _read_unknown(path, value, reading)


def _read_unknown(path: KeyPath, value: object, reading: Reading) -> None:
    owner = (*path[:-1], path[-1].removesuffix(FILE_SUFFIX.lower()))
    if owner != path and isinstance(value, str) and _is_secret(owner):
        if value:
            reading.secrets.append(SecretReference(path=owner, key=file_name(path), file=Path(value)))
        return
    name = table_name(path) if isinstance(value, dict) else file_name(path)
    reading.complain(name, "is not a setting" + _suggest(nearest_in_file(path)))


def _is_secret(path: KeyPath) -> bool:
    setting = find_setting(path)
    return setting is not None and is_secret(setting)


def _suggest(nearest: str | None) -> str:
    return f"; the nearest one is {nearest}" if nearest else ""
