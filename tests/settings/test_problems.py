"""What is refused: every problem at once, by its key, never by its value."""

import traceback
from pathlib import Path

import pytest

from syncd.settings import Places, SettingsRefused, load_settings
from syncd.settings.keys import all_settings, environment_name
from tests.settings.arrange import load, refusal

MARK = "Xq7-hush"


def test_o04_every_problem_is_listed_with_its_key_as_people_wrote_it(tmp_path: Path) -> None:
    toml = '[cactus]\nconcurrency = "many"\n[mail.addresses]\nsupervisor = "nobody"\n'
    environ = {"SYNCD_CACTUS__TIMEOUT_S": "soon", "SYNCD_OPS__BIND": "everywhere"}

    found = refusal(tmp_path, toml=toml, environ=environ)

    assert set(found) == {
        "[cactus] concurrency", "[mail.addresses] supervisor", "SYNCD_CACTUS__TIMEOUT_S", "SYNCD_OPS__BIND",
    }  # fmt: skip


def test_o04_the_error_is_a_misconfiguration_that_names_the_first_key_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as caught:
        load(tmp_path, environ={"SYNCD_CACTUS__TIMEOUT_S": "soon"})

    assert caught.value.key == "SYNCD_CACTUS__TIMEOUT_S"
    assert caught.value.message.startswith("SYNCD_CACTUS__TIMEOUT_S: ")
    assert "syncd config check" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("SYNCD_CACTUS__TIMEOUT", "SYNCD_CACTUS__TIMEOUT_S"),
        ("SYNCD_CACTUS_TOKEN", "SYNCD_CACTUS__TOKEN"),
        ("SYNCD_MAIL__ADRESSES__SUPERVISOR", "SYNCD_MAIL__ADDRESSES__SUPERVISOR"),
        ("SYNCD_CACTUS__CLIENT_SECRETFILE", "SYNCD_CACTUS__CLIENT_SECRET_FILE"),
        ("SYNCD_cactus__token", "SYNCD_CACTUS__TOKEN"),
        ("SYNCD_CONFG", "SYNCD_CONFIG"),
        ("SYNCD_MISSIONS__COLUMNS__MISSIONID", "SYNCD_MISSIONS__COLUMNS__MISSION_ID"),
        ("SYNCD_CAMPAIGNS__DEFAULT__LATEST_STAR", "SYNCD_CAMPAIGNS__DEFAULT__LATEST_START"),
    ],
)
def test_an_unknown_variable_suggests_the_nearest_one(tmp_path: Path, variable: str, nearest: str) -> None:
    found = refusal(tmp_path, environ={variable: MARK})

    assert found == {variable: f"is not a setting; the nearest one is {nearest}"}


@pytest.mark.parametrize(
    ("toml", "key", "nearest"),
    [
        ("[cactus]\ntimeout = 3", "[cactus] timeout", "[cactus] timeout_s"),
        ("[cactsu]\ntimeout_s = 3", "[cactsu]", "[cactus]"),
        ('[mail.addresses]\nsupervisr = "x"', "[mail.addresses] supervisr", "[mail.addresses] supervisor"),
        ('timeout_s = "x"', "timeout_s", "[cactus] timeout_s"),
        ('[missions.columns]\nmissionid = "x"', "[missions.columns] missionid", "[missions.columns] mission_id"),
        ("[campaigns.defualt]\n", "[campaigns.defualt]", "[campaigns.default]"),
        (
            "[campaigns.2025-2026]\nlatest_strat = 2025-11-01",
            "[campaigns.2025-2026] latest_strat",
            "[campaigns.2025-2026] latest_start",
        ),
    ],
)
def test_an_unknown_key_in_the_file_suggests_the_nearest_one(tmp_path: Path, toml: str, key: str, nearest: str) -> None:
    found = refusal(tmp_path, toml=toml)

    assert found == {key: f"is not a setting; the nearest one is {nearest}"}


def test_an_unknown_column_of_the_recipients_table_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    toml = '[[recipients]]\nevent = "digest.daily"\nto = ["supervisor"]\nlevel = ["M1"]\n'

    [(key, message)] = refusal(tmp_path, toml=toml).items()

    assert key == "recipients, number 1, level"
    assert "levels" in message


def test_two_years_that_do_not_follow_each_other_are_no_campaign(tmp_path: Path) -> None:
    assert list(refusal(tmp_path, toml="[campaigns.2025-2027]\n")) == ["[campaigns.2025-2027]"]


def test_a_group_of_settings_is_not_given_one_value(tmp_path: Path) -> None:
    found = refusal(tmp_path, toml="mail = 3\n", environ={"SYNCD_CACTUS": "http"})

    assert set(found) == {"mail", "SYNCD_CACTUS"}


@pytest.mark.parametrize("text", ["[cactus\n", 'token = "Xq7-hush', "a = 1\na = 2\n", "\udcff"])
def test_o04_a_file_that_is_not_toml_is_named_with_the_place_of_the_mistake(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(SettingsRefused) as caught:
        load_settings(file, {}, places=Places(config_files=(), secrets=tmp_path))

    assert caught.value.key == str(file)
    assert MARK not in str(caught.value)


@pytest.mark.parametrize("path", list(all_settings()), ids=".".join)
def test_o04_a_refused_value_is_never_repeated(tmp_path: Path, path: tuple[str, ...]) -> None:
    variable = environment_name(path)
    try:
        load(tmp_path, environ={variable: f"{MARK}\x07@"})
    except SettingsRefused as refused:
        told = "".join(traceback.format_exception(refused)) + (refused.hint or "")
        assert variable in told
        assert MARK not in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SYNCD_MISSIONS__SINCE", "20250901"),
        ("SYNCD_MISSIONS__SINCE", "1756684800"),
        ("SYNCD_CAMPAIGNS__DEFAULT__LATEST_START", "02-29"),
        ("SYNCD_CAMPAIGNS__DEFAULT__LATEST_START", "11-31"),
        ("SYNCD_DATABASE__URL", "mysql://db/syncd"),
        ("SYNCD_DATABASE__URL", "postgresql+psycopg://db/syncd"),
        ("SYNCD_CACTUS__BASE_URL", "cactus.example.org"),
        ("SYNCD_CACTUS__BASE_URL", "https://user:pw@cactus.example.org"),
        ("SYNCD_CACTUS__TIMEOUT_S", "nan"),
        ("SYNCD_CACTUS__TIMEOUT_S", "0"),
        ("SYNCD_CACTUS__CONCURRENCY", "0"),
        ("SYNCD_MAIL__SENDER", "syncd@example.org\r\nBcc: all@example.org"),
        ("SYNCD_MAIL__SENDER", "MIAGE"),
        ("SYNCD_MAIL__SENDER", "=?UTF-8?Q?=0A?= <a@example.org>"),
        ("SYNCD_MAIL__SENDER", "Aix <a@example.org>, b@example.org"),
        ("SYNCD_MAIL__ADDRESSES__SUPERVISOR", "Aix <a@example.org>"),
        ("SYNCD_MAIL__ADDRESSES__SUPERVISOR", "é@example.org"),
        ("SYNCD_OPS__BIND", "127.0.0.1:99999"),
        ("SYNCD_DOCUMENTS__KEY", "c2hvcnQ="),
        ("SYNCD_DOCUMENTS__KEY", "-_" * 21 + "-="),
        ("SYNCD_DOCUMENTS__KEY", "MDEyMzQ1Njc4OTAxMjM0 NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("SYNCD_RECIPIENTS", '[{"event": "digest.weekly", "to": []}]'),
        ("SYNCD_CACTUS__STATUS_WORDS", "{"),
    ],
)
def test_a_value_that_cannot_work_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    [key] = refusal(tmp_path, environ={variable: value})

    assert key.startswith(variable)


def test_a_refusal_says_what_the_value_should_be(tmp_path: Path) -> None:
    found = refusal(tmp_path, environ={"SYNCD_CACTUS__TIMEOUT_S": "0", "SYNCD_LOGS__LEVEL": "loud"})

    assert found == {
        "SYNCD_CACTUS__TIMEOUT_S": "should be greater than 0",
        "SYNCD_LOGS__LEVEL": "should be 'debug', 'info', 'warning' or 'error'",
    }


def test_a_campaign_whose_days_contradict_each_other_is_refused(tmp_path: Path) -> None:
    toml = '[campaigns.2025-2026]\nlatest_start = 2025-01-01\n[campaigns.default]\nearliest_start = "12-01"\n'

    found = refusal(tmp_path, toml=toml)

    assert set(found) == {"[campaigns.2025-2026]", "[campaigns.default]"}
