"""The names of settings: where one is found in the configuration, and how people write it."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from syncd.settings.section import Section
from syncd.settings.tables import Tables

KeyPath = tuple[str, ...]
"""Where a setting is: ("cactus", "timeout_s")."""

PREFIX = "SYNCD_"
_SEPARATOR = "__"


def child_of(section: type[Section], name: str) -> type[Section] | FieldInfo | None:
    """Return the table or the setting of this name, `None` when the section knows neither."""
    field = section.model_fields.get(name)
    if field is None:
        return section.other_table(name)
    return _as_section(field) or field


def _as_section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def find_setting(path: KeyPath) -> FieldInfo | None:
    """Return the setting at a path, or the mapping that the path is an entry of; `None` when there is none."""
    section: type[Section] = Tables
    for depth, name in enumerate(path, start=1):
        child = child_of(section, name)
        if child is None:
            return None
        if isinstance(child, FieldInfo):
            rest = len(path) - depth
            return child if rest == 0 or (rest == 1 and is_mapping(child)) else None
        section = child
    return None


def is_section(path: KeyPath) -> bool:
    """Whether a whole table, not a setting, is at this path."""
    section: type[Section] = Tables
    for name in path:
        child = child_of(section, name)
        if child is None or isinstance(child, FieldInfo):
            return False
        section = child
    return True


def is_mapping(field: FieldInfo) -> bool:
    """Whether a setting is a table with names of its own."""
    return get_origin(field.annotation) in {dict, Mapping}


def is_list(field: FieldInfo) -> bool:
    """Whether a setting has several values."""
    return get_origin(field.annotation) is tuple


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is never shown and may come from a file of its own."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


@cache
def all_settings() -> Mapping[KeyPath, FieldInfo]:
    """Return every setting that has a fixed name, in the order of the configuration file."""
    return dict(_settings_of(Tables, ()))


def _settings_of(section: type[Section], path: KeyPath) -> Iterator[tuple[KeyPath, FieldInfo]]:
    for name, field in section.model_fields.items():
        inner = _as_section(field)
        if inner is None:
            yield (*path, name), field
        else:
            yield from _settings_of(inner, (*path, name))


@cache
def all_secrets() -> tuple[KeyPath, ...]:
    """Return the settings that may come from a secret file."""
    return tuple(path for path, field in all_settings().items() if is_secret(field))


def environment_name(path: KeyPath) -> str:
    """Return `SYNCD_CACTUS__TIMEOUT_S`."""
    return PREFIX + _SEPARATOR.join(path).upper()


def path_of_variable(variable: str) -> KeyPath:
    """Return where a variable belongs. An academic year may be written 2025_2026: a shell knows no hyphen in names."""
    names = variable.removeprefix(PREFIX).lower().split(_SEPARATOR)
    if names[0] == "campaigns" and len(names) > 1:
        names[1] = names[1].replace("_", "-")
    return tuple(names)


def file_name(path: KeyPath) -> str:
    """Return `[cactus] timeout_s`, as it stands in the configuration file."""
    *tables, name = path
    return f"{table_name(tuple(tables))} {quoted(name)}" if tables else quoted(name)


def table_name(path: KeyPath) -> str:
    """Return `[mail.addresses]`."""
    return f"[{'.'.join(quoted(name) for name in path)}]"


def quoted(name: str) -> str:
    """Return a name as TOML wants it: bare when it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def secret_name(path: KeyPath) -> str:
    """Return `cactus_client_secret`: the file of a secret among systemd's credentials or in /run/secrets."""
    return "_".join(path)


def nearest_variable(variable: str) -> str | None:
    """Return the known variable that is written most like this one."""
    known = [environment_name(path) for path in all_settings()]
    known += [f"{environment_name(path)}_FILE" for path in all_secrets()]
    bare = [name.removeprefix(PREFIX) for name in (*known, f"{PREFIX}CONFIG")]
    near = _most_alike(variable.upper().removeprefix(PREFIX), bare)
    return PREFIX + near if near is not None else None


def nearest_in_file(path: KeyPath) -> str | None:
    """Return the known key or table that is written most like this one, as the file would have it."""
    *tables, name = path
    section = _section_at(tuple(tables))
    near = _most_alike(name, list(section.model_fields)) if section is not None else None
    if near is not None:
        there = (*tables, near)
        return table_name(there) if is_section(there) else file_name(there)
    dotted = {".".join(each): each for each in all_settings()}
    far = _most_alike(".".join(path), list(dotted)) or _most_alike(name, [each[-1] for each in dotted.values()])
    return next((file_name(each) for each in dotted.values() if far in {each[-1], ".".join(each)}), None)


def _section_at(path: KeyPath) -> type[Section] | None:
    section: type[Section] = Tables
    for name in path:
        child = child_of(section, name)
        if child is None or isinstance(child, FieldInfo):
            return None
        section = child
    return section


def _most_alike(word: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), None)
