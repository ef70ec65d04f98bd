"""What every section of the configuration has in common, and the kinds of values that are checked alike."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A table of the configuration file: frozen, strict about its keys, and silent about its values.

    The text below each setting is its documentation: `syncd config init` writes it into the commented file.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    @classmethod
    def other_table(cls, name: str) -> "type[Section] | None":  # noqa: ARG003  # most sections have none
        """Return the kind of a table that is no field and may be there all the same (an academic year)."""
        return None

    def __str__(self) -> str:
        """Show no value here either."""
        return repr(self)

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        """Show no value: a configuration has addresses and passwords."""
        return []


_BARE_ADDRESS = re.compile(r"[!#-'*+/-9=?A-Z^_`a-z{|}~.-]+@[^\W_](?:[\w.-]*[^\W_])?")
_NAMED_ADDRESS = re.compile(r"[^<>@]*[^<>@\s] ?<([^<>]+)>")


def _mail_address(text: str) -> str:
    """Take the addresses of closed networks too (`@localhost`, `@mail.local`): the admin knows his own."""
    if _BARE_ADDRESS.fullmatch(text) is None or ".." in text:
        raise ValueError("is not a mail address")
    return text


def _mailbox(text: str) -> str:
    named = _NAMED_ADDRESS.fullmatch(text)
    if not text.isprintable() or "=?" in text:
        raise ValueError("should be one line of plain text")
    _mail_address(named[1] if named is not None else text)
    return text


def _month_and_day(text: str) -> str:
    try:
        month_and_day(text)
    except ValueError:
        raise ValueError('should be a month and a day of every year, as "05-15"') from None
    return text


def month_and_day(text: str) -> tuple[int, int]:
    """Return (5, 15) for `05-15`; raises ValueError for what is not a day of every year."""
    if re.fullmatch(r"\d\d-\d\d", text, re.ASCII) is None:
        raise ValueError(text)
    a_common_year = 2001
    day = date.fromisoformat(f"{a_common_year}-{text}")
    return day.month, day.day


def _iso_day(value: object) -> object:
    """Refuse numbers: pydantic takes them for seconds since 1970."""
    is_text_but_no_day = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) is None
    if is_text_but_no_day or isinstance(value, int | float):
        raise ValueError("should be a day, as 2025-09-01")
    return value


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
        parts = urlsplit("")
    if not is_right:
        raise ValueError("should be an address, as https://cactus.example.org/api")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should have no login, no query and no fragment")
    return text.rstrip("/")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should be one line without control characters")
    return text


def check_database_url(url: SecretStr, schemes: frozenset[str]) -> SecretStr:
    """Return the address of a database when its kind is one of `schemes`; syncd picks the driver by itself."""
    scheme, mark, _ = url.get_secret_value().partition("://")
    if not mark or scheme.partition("+")[0] not in schemes:
        raise ValueError(f"should begin with {' or '.join(f'{each}://' for each in sorted(schemes))}")
    if "+" in scheme:
        raise ValueError(f"should name no driver: write {scheme.partition('+')[0]}://, syncd picks the driver")
    return url


MailAddress = Annotated[str, AfterValidator(_mail_address)]
"""An address alone."""
Mailbox = Annotated[str, AfterValidator(_mailbox)]
"""An address, alone or after a name."""
MonthDay = Annotated[str, AfterValidator(_month_and_day)]
Day = Annotated[date, BeforeValidator(_iso_day)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Line = Annotated[str, AfterValidator(_one_line)]
Folder = Path
Seconds = Annotated[float, Field(gt=0, le=10 * 365 * 86_400)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Hour = Annotated[int, Field(ge=0, le=23)]
