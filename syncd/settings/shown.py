"""The settings as a person may see them: what holds, where it comes from, and never a secret."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from syncd.settings.business import CampaignYear
from syncd.settings.keys import KeyPath, all_settings, is_secret
from syncd.settings.settings import Settings
from syncd.settings.sources import Origin

MASK = "••••"
_DATABASE_ADDRESS = re.compile(
    r"(?P<login>(sqlite|postgresql|mysql|mariadb)://([^@:/?#]*(?=[:@]))?)(?P<password>:[^@/?#]*(?=@))?"
    r"(?P<place>@?[^@?:]*(?::\d+)?(?:/[^@?:]*)?)(?P<query>\?[^@]*)?"
)
_TELLING_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """One setting: its dotted key, its value as JSON has it (a secret is masked), and who set it."""

    key: str
    value: object
    origin: Origin


def shown_settings(settings: Settings) -> Iterator[ShownSetting]:
    """Yield every setting in the order of the configuration file, and then the academic years of their own."""
    for path, field in all_settings().items():
        value = _value_at(settings, path)
        shown = masked(value) if is_secret(field) else to_jsonable_python(value)
        yield ShownSetting(key=".".join(path), value=shown, origin=settings.origin_of(path))
    for year, section in settings.campaigns.years.items():
        for name in CampaignYear.model_fields:
            path = ("campaigns", year, name)
            value = to_jsonable_python(_value_at(section, (name,)))
            yield ShownSetting(key=".".join(path), value=value, origin=settings.origin_of(path))


def _value_at(settings: object, path: KeyPath) -> object:
    if path == ("recipients",) and isinstance(settings, Settings):
        return settings.policy().recipients
    for name in path:
        settings = getattr(settings, name)
    return settings


def masked(value: object) -> str | None:
    """Return what may be shown of a secret: of a database's address everything but passwords, else nothing.

    An address that is not written quite as it should be is hidden whole: its password may be anywhere.
    """
    if not isinstance(value, SecretStr):
        return None
    found = _DATABASE_ADDRESS.fullmatch(value.get_secret_value())
    if found is None:
        return MASK
    login, password, place, query = (found[name] or "" for name in ("login", "password", "place", "query"))
    hidden = f":{MASK}" if password else ""
    return login + hidden + place + _TELLING_PARAMETER.sub(rf"\g<1>{MASK}", query)
