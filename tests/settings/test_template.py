"""The commented file says what the code does, setting by setting."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from syncd.model import Campaigns
from syncd.settings.business import CampaignYear
from syncd.settings.keys import all_settings
from syncd.settings.template import render_template
from tests.settings.arrange import load

SHIPPED = Path(__file__).parents[2] / "config" / "syncd.toml"
WITHOUT_DOCUMENTATION = {("missions", "columns"), ("cactus", "paths")}


def uncommented() -> str:
    return re.sub(r"(?m)^#(?=[^ \n])", "", SHIPPED.read_text(encoding="utf-8"))


def keys_of(table: dict[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from keys_of(value, (*path, name))
        else:
            yield (*path, name)


def test_the_shipped_file_is_the_one_that_config_init_writes() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == render_template()


def test_as_it_is_shipped_nothing_is_set(tmp_path: Path) -> None:
    assert load(tmp_path, toml=render_template()) == load(tmp_path, toml="")


def test_every_setting_stands_in_the_file_and_nothing_else_does() -> None:
    year = {("campaigns", "2025-2026", name) for name in CampaignYear.model_fields}

    assert set(keys_of(tomllib.loads(uncommented()))) == set(all_settings()) | year


def test_every_default_in_the_file_is_the_default_of_the_code(tmp_path: Path) -> None:
    settings, defaults = load(tmp_path, toml=uncommented()), load(tmp_path, toml="")

    for path in all_settings():
        if path != ("recipients",):
            assert value_at(settings, path) == value_at(defaults, path), path


def test_the_tables_in_the_file_are_the_policy_of_the_code(tmp_path: Path) -> None:
    settings, defaults = load(tmp_path, toml=uncommented()).policy(), load(tmp_path, toml="").policy()

    assert settings.recipients == defaults.recipients
    assert settings.campaigns.configured == {"2025-2026": Campaigns().of("2025-2026")}


def test_every_setting_is_explained() -> None:
    unexplained = {path for path, field in all_settings().items() if not field.description}

    assert {path[:-1] for path in unexplained} == WITHOUT_DOCUMENTATION


def test_every_line_can_be_read_without_scrolling() -> None:
    prose = [line for line in render_template().splitlines() if line.startswith("# ")]

    assert max(map(len, prose)) <= 120


def value_at(settings: object, path: tuple[str, ...]) -> object:
    for name in path:
        settings = getattr(settings, name)
    return settings
