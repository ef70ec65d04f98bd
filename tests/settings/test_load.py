"""Where values come from, and which one wins."""

import base64
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from syncd.model import RemoteStatus
from syncd.settings import Origin, Places, SettingsRefused, load_settings
from tests.settings.arrange import closed_file, load, refusal


def revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def test_no_file_and_no_variable_is_a_valid_configuration(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert settings.config_file is None
    assert settings.cactus.adapter is None
    assert settings.guard.max_new_contracts == 200


def test_the_environment_wins_over_a_secret_file_and_that_over_the_configuration_file(tmp_path: Path) -> None:
    toml = '[cactus]\ntoken = "from-file"\nclient_secret = "from-file"\n[ops]\ntoken = "from-file"\n'
    environ = {"SYNCD_CACTUS__TOKEN": "from-environment"}
    run_secrets = {"cactus_token": "from-secret", "cactus_client_secret": "from-secret"}

    settings = load(tmp_path, toml=toml, environ=environ, run_secrets=run_secrets)

    assert revealed(settings.cactus.token) == "from-environment"
    assert revealed(settings.cactus.client_secret) == "from-secret"
    assert revealed(settings.ops.token) == "from-file"


def test_every_value_knows_where_it_came_from(tmp_path: Path) -> None:
    toml = "[cactus]\nconcurrency = 7\n"
    environ = {"SYNCD_CACTUS__TIMEOUT_S": "3.5"}

    settings = load(tmp_path, toml=toml, environ=environ, run_secrets={"cactus_token": "t"})

    assert settings.origin_of(("cactus", "concurrency")) is Origin.FILE
    assert settings.origin_of(("cactus", "timeout_s")) is Origin.ENVIRONMENT
    assert settings.origin_of(("cactus", "token")) is Origin.SECRET
    assert settings.origin_of(("cactus", "auth")) is Origin.DEFAULT


def test_a_named_file_wins_over_the_variable_and_that_over_the_usual_places(tmp_path: Path) -> None:
    usual, by_variable, by_option = (tmp_path / name for name in ("usual.toml", "variable.toml", "option.toml"))
    for number, file in enumerate((usual, by_variable, by_option), start=1):
        file.write_text(f"[cactus]\nconcurrency = {number}\n", encoding="utf-8")
    places = Places(config_files=(tmp_path / "none.toml", usual), secrets=tmp_path)
    environ = {"SYNCD_CONFIG": str(by_variable)}

    assert load_settings(None, {}, places=places).cactus.concurrency == 1
    assert load_settings(None, environ, places=places).cactus.concurrency == 2
    assert load_settings(by_option, environ, places=places).cactus.concurrency == 3


def test_o04_a_named_configuration_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"

    with pytest.raises(SettingsRefused, match="cannot be read"):
        load_settings(missing, {}, places=Places(config_files=(), secrets=tmp_path))


def test_a_list_in_the_environment_is_separated_by_commas_or_written_as_json(tmp_path: Path) -> None:
    environ = {
        "SYNCD_ADMISSION__CAMPUSES": "aix, marseille ,gap",
        "SYNCD_ADMISSION__PROGRAMMES": '["M2 MIAGE, ID2I", "L3 MIAGE"]',
        "SYNCD_REMINDERS__AFTER_DAYS": "1,2",
    }

    settings = load(tmp_path, environ=environ)

    assert settings.admission.campuses == ("aix", "marseille", "gap")
    assert settings.admission.programmes == ("M2 MIAGE, ID2I", "L3 MIAGE")
    assert settings.reminders.after_days == (1, 2)


def test_the_entries_of_a_table_come_from_the_file_and_from_the_environment_together(tmp_path: Path) -> None:
    toml = '[cactus.status_words]\nbrouillon = "initialised"\n"signé" = "filed"\n[missions.columns]\ncampus = "site"\n'
    environ = {
        "SYNCD_CACTUS__STATUS_WORDS": '{"signé": "signed"}',
        "SYNCD_MISSIONS__COLUMNS__MISSION_ID": "id",
    }

    settings = load(tmp_path, toml=toml, environ=environ)

    assert settings.cactus.status_words == {"brouillon": RemoteStatus.INITIALISED, "signé": RemoteStatus.SIGNED}
    assert (settings.missions.columns.mission_id, settings.missions.columns.campus) == ("id", "site")
    assert settings.missions.columns.status == "status"


def test_an_empty_text_means_not_set_in_the_file_and_in_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path, toml='[mail]\nhost = ""\nreply_to = ""\n', environ={"SYNCD_CACTUS__ADAPTER": ""})

    assert settings.mail.host is None
    assert settings.mail.reply_to is None
    assert settings.cactus.adapter is None


def test_an_academic_year_is_written_with_underscores_where_a_shell_allows_no_hyphen(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"SYNCD_CAMPAIGNS__2025_2026__LATEST_START": "2025-12-01"})

    assert settings.campaigns.years["2025-2026"].latest_start == date(2025, 12, 1)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "var"),
        ({"STATE_DIRECTORY": "/var/lib/syncd:/var/lib/other"}, "/var/lib/syncd"),
        ({"STATE_DIRECTORY": "/var/lib/syncd", "SYNCD_STATE_DIRECTORY": "/srv/syncd"}, "/srv/syncd"),
    ],
)
def test_what_is_not_placed_elsewhere_lives_in_the_state_directory(
    tmp_path: Path, environ: dict[str, str], expected: str
) -> None:
    settings = load(tmp_path, environ=environ)

    assert settings.state_directory == Path(expected)
    assert revealed(settings.database.url) == f"sqlite:///{expected}/syncd.sqlite3"
    assert settings.documents.folder == Path(expected) / "documents"
    assert settings.mail.folder == Path(expected) / "mail"


def test_what_kubernetes_adds_for_a_service_of_our_name_is_no_mistake(tmp_path: Path) -> None:
    links = ("SYNCD_SERVICE_HOST", "SYNCD_SERVICE_PORT_HTTP", "SYNCD_PORT", "SYNCD_PORT_8800_TCP_ADDR")

    assert load(tmp_path, environ=dict.fromkeys(links, "10.0.0.7")) == load(tmp_path)


def test_loaded_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(tmp_path)

    with pytest.raises(ValidationError):
        settings.cactus.concurrency = 3


def test_i08_no_repr_shows_an_address_or_a_secret(tmp_path: Path) -> None:
    environ = {"SYNCD_MAIL__ADDRESSES__SUPERVISOR": "someone@example.org", "SYNCD_OPS__TOKEN": "hush"}
    settings = load(tmp_path, environ=environ)

    texts = f"{settings!r} {settings} {settings.mail!r} {settings.ops} {settings.secret('ops.token')!r}"

    assert "someone" not in texts
    assert "hush" not in texts


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "bom.toml"
    file.write_bytes(b"\xef\xbb\xbf[cactus]\nconcurrency = 7\n")

    assert load_settings(file, {}, places=Places(config_files=(), secrets=tmp_path)).cactus.concurrency == 7


def test_a_table_entry_under_a_value_of_another_kind_is_refused_not_lost(tmp_path: Path) -> None:
    toml = '[cactus]\nstatus_words = "brouillon"\n'

    found = refusal(tmp_path, toml=toml, environ={"SYNCD_CACTUS__STATUS_WORDS__SIGNED": "signed"})

    assert list(found) == ["[cactus] status_words"]


def test_a_secret_in_a_file_that_everybody_reads_is_pointed_out(tmp_path: Path) -> None:
    toml = '[cactus]\ntoken = "hush"\n'
    settings = load(tmp_path, toml=toml)

    closed_file(tmp_path / "syncd.toml", toml, mode=0o644)
    assert [problem.key for problem in settings.exposed_secrets()] == ["[cactus] token"]

    closed_file(tmp_path / "syncd.toml", toml, mode=0o640)
    assert settings.exposed_secrets() == []


@pytest.mark.parametrize(
    "sender", ["syncd@localhost", "a.b+c@mail.local", "MIAGE d'Aix <alternance@example.org>", "a@miage.test"]
)
def test_the_addresses_of_closed_networks_are_taken(tmp_path: Path, sender: str) -> None:
    assert load(tmp_path, environ={"SYNCD_MAIL__SENDER": sender}).mail.sender == sender


def test_the_usual_port_follows_the_security_of_the_mail_server(tmp_path: Path) -> None:
    ports = [load(tmp_path, environ={"SYNCD_MAIL__SECURITY": each}).mail.smtp_port for each in ("none", "tls")]

    assert ports == [25, 465]
    assert load(tmp_path, environ={"SYNCD_MAIL__PORT": "2525"}).mail.smtp_port == 2525


def test_an_address_of_ipv6_loses_its_brackets(tmp_path: Path) -> None:
    ops = load(tmp_path, environ={"SYNCD_OPS__BIND": "[::1]:0"}).ops

    assert (ops.host, ops.port) == ("::1", 0)


def test_the_key_of_the_documents_is_given_as_bytes(tmp_path: Path) -> None:
    environ = {"SYNCD_DOCUMENTS__KEY": base64.b64encode(bytes(range(32))).decode()}

    assert load(tmp_path, environ=environ).documents.key_bytes() == bytes(range(32))
    assert load(tmp_path).documents.key_bytes() is None


def test_the_secretariats_are_named_by_their_campus(tmp_path: Path) -> None:
    environ = {"SYNCD_MAIL__ADDRESSES__SECRETARIAT_AIX": "aix@example.org"}

    assert load(tmp_path, environ=environ).mail.addresses.secretariats() == {"aix": "aix@example.org"}
