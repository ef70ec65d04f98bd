"""The commented configuration file: every setting with its documentation and its default, made from the code."""

import json
from collections.abc import Iterator
from datetime import date
from enum import Enum
from inspect import cleandoc
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.model import DEFAULT_RECIPIENTS, CampaignPattern, RecipientRule
from syncd.model.policy import follow_pattern
from syncd.settings.business import CampaignYear, RecipientRow
from syncd.settings.keys import KeyPath, child_of, environment_name, is_mapping, is_secret, secret_name, table_name
from syncd.settings.section import Section
from syncd.settings.tables import Tables

EXAMPLE_YEAR = "2025-2026"

HEADER = """
The configuration of syncd.

Every setting stands here with its default: take the # away from a line to change it. An empty text means "not set".
A name that ends in _s, _h or _days is a duration in seconds, hours or days.

Each setting can also be given as an environment variable, which wins over this file: [cactus] timeout_s is
SYNCD_CACTUS__TIMEOUT_S, [mail.addresses] supervisor is SYNCD_MAIL__ADDRESSES__SUPERVISOR. Lists are separated by
commas, or written as JSON; tables are JSON.

What is marked as a secret is better kept out of this file. It may come from a file of its own, closed to others:
named by a variable that ends in _FILE (SYNCD_CACTUS__TOKEN_FILE) or by the same key here with _file (token_file), or
found under the given name among systemd's credentials or in /run/secrets.

`syncd config check` finds what is wrong, `syncd config show` prints what holds and where it comes from.
"""


def render_template() -> str:
    """Return the whole file; prose begins with `# `, a setting to uncomment with `#` alone."""
    lines = [*_prose(HEADER), "", *_settings(Tables, ()), *_recipients()]
    return "\n".join(lines) + "\n"


def _prose(text: str | None) -> list[str]:
    return [f"# {line}".rstrip() for line in cleandoc(text).splitlines()] if text else []


def _settings(section: type[Section], path: KeyPath) -> Iterator[str]:
    inner: list[tuple[KeyPath, type[Section]]] = []
    for name in section.model_fields:
        child = child_of(section, name)
        if isinstance(child, FieldInfo):
            yield from _setting((*path, name), child)
        elif child is not None:
            inner.append(((*path, name), child))
    for there, table in inner:
        yield from ("", "", *_prose(table.__doc__)) if len(there) == 1 else ("", *_prose(table.__doc__))
        yield table_name(there)
        yield from _settings(table, there)
    if path == ("campaigns",):
        yield from _example_year()


def _setting(path: KeyPath, field: FieldInfo) -> Iterator[str]:
    if path == ("recipients",):
        return
    if field.description:
        yield ""
        yield from _prose(field.description)
    if is_secret(field):
        yield f"# Secret: {environment_name(path)}_FILE, or a credential named {secret_name(path)}."
    shown = "" if path == ("state_directory",) else {} if is_mapping(field) else field.get_default()
    yield f"#{path[-1]} = {toml(shown)}"


def _example_year() -> Iterator[str]:
    usual = follow_pattern(CampaignPattern(), EXAMPLE_YEAR, int(EXAMPLE_YEAR[:4]))
    days = {
        "validation_opens": usual.validation_opens_on,
        "earliest_start": usual.earliest_start,
        "latest_start": usual.latest_start,
        "training_starts": usual.training_starts_on,
        "training_ends": usual.training_ends_on,
        "end_margin_months": usual.end_margin_months,
        "training_ends_per_programme": {},
    }
    yield from ("", *_prose(CampaignYear.__doc__))
    yield from _prose('Example of the last line: { "M2 MIAGE ID2I" = 2026-09-30 }')
    yield f"#{table_name(('campaigns', EXAMPLE_YEAR))}"
    yield from (f"#{name} = {toml(days[name])}" for name in CampaignYear.model_fields)


def _recipients() -> Iterator[str]:
    yield from ("", "", *_prose(Tables.model_fields["recipients"].description))
    yield from _prose(
        "An empty or absent column means any; `moment` (validation, documents) is for registration letters."
    )
    for rule in DEFAULT_RECIPIENTS:
        yield "#[[recipients]]"
        yield from (f"#{name} = {toml(value)}" for name, value in _row(rule).items())


def _row(rule: RecipientRule) -> dict[str, object]:
    return RecipientRow.model_validate(rule, from_attributes=True).model_dump(exclude_defaults=True)


def toml(value: object) -> str:
    """Return a value as TOML writes it; nothing is an empty text."""
    match value:
        case None | SecretStr():
            return '""'
        case Enum() | Path():
            return toml(value.value if isinstance(value, Enum) else str(value))
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case date():
            return value.isoformat()
        case tuple() | list():
            return f"[{', '.join(toml(each) for each in value)}]"
        case dict() | BaseModel():
            return "{}"
        case _:
            return str(value)
