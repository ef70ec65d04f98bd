"""What is shown of a secret."""

import pytest
from pydantic import SecretStr

from syncd.settings.shown import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/syncd/syncd.sqlite3", "sqlite:////var/lib/syncd/syncd.sqlite3"),
        ("postgresql://db.example.org:5432/syncd", "postgresql://db.example.org:5432/syncd"),
        ("postgresql://syncd@db/syncd", "postgresql://syncd@db/syncd"),
        ("postgresql://syncd:hush@db:5432/syncd", "postgresql://syncd:••••@db:5432/syncd"),
        ("postgresql://:hush@db/syncd", "postgresql://:••••@db/syncd"),
        (
            "postgresql:///syncd?host=/run/postgresql&password=hush",
            "postgresql:///syncd?host=/run/postgresql&password=••••",
        ),
    ],
)
def test_a_database_address_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert masked(SecretStr(url)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://syncd:hu/sh@db/syncd",
        "postgresql://syncd:hush@hush@db/syncd",
        "postgresql://syncd:hush?key=1@db/syncd",
        "postgresql:///syncd?password=hu@sh",
        "postgresql://syncd:hush",
        "postgresql://syncd:hush/syncd",
        "token://hush",
        "hush",
    ],
)
def test_what_is_no_well_written_address_is_hidden_whole(text: str) -> None:
    assert masked(SecretStr(text)) == "••••"


def test_nothing_is_shown_of_what_is_not_set() -> None:
    assert masked(None) is None
