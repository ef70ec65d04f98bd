"""Everything that the README and its pages name exists: commands, settings, files, tests, codes, metrics, layers."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from syncd.cli import root
from syncd.cli.output import Exit
from syncd.model import Event, HoldCode, RemoteStatus, Step
from syncd.settings import SettingsRefused, load_settings
from syncd.settings.keys import all_settings, find_setting, is_secret, is_section, path_of_variable
from syncd.settings.load import Places
from syncd.web.metrics import render_metrics
from tests.web.arrange import snapshot_of, troubled_ledger

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/interfaces.md", "docs/procedure.md", "docs/performance.md")
README, INTERFACES, PROCEDURE, _ = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
ALL = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}


def spans(text: str) -> Iterator[str]:
    """Yield what stands between backticks within a line, and each line of a shell block."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (span.strip() for _, span in re.findall(r"(`+)(.+?)\1(?!`)", prose))


def block(kind: str) -> str:
    """Return the README's only block of this kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def cells(text: str, header: str) -> list[list[str]]:
    """Return the cells of the table that begins with this header, its rule left out."""
    lines = text[text.index(header) :].splitlines()
    rows = list(takewhile(lambda line: line.startswith("|"), lines))
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


# ------------------------------------------------------------------------------------------------------------ commands

COMMANDS = sorted(
    {
        span[found.end() :]
        for text in ALL.values()
        for span in spans(text)
        if (found := re.match(r"(\S*/)?syncd ", span))
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_is_shown_exists_with_its_options(line: str) -> None:
    command: click.Command = root
    context = click.Context(root)
    wants_value = False
    for word in line.replace("[", " ").replace("]", " ").split():
        if wants_value:
            wants_value = False
        elif word.startswith("-"):
            (option,) = [each for each in command.params if word in each.opts]
            wants_value = isinstance(option, click.Option) and not option.is_flag
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            assert inner is not None, f"no command {word}"
            command = inner
        else:
            assert any(isinstance(each, click.Argument) for each in command.params), f"{word} is an argument of nothing"


def test_every_command_is_shown() -> None:
    table = README[README.index("## Every day") : README.index("### Eight in the morning")]
    shown = {found for span in spans(table) for found in re.findall(r"^syncd (\w+)", span)}

    assert shown == set(root.list_commands(click.Context(root)))


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    rows = cells(README, "| exit |")

    assert [(int(row[0]), row[1].strip("`")) for row in rows] == [(code.value, code.name.lower()) for code in Exit]


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_a_setting(page: str) -> None:
    misspelt = {"SYNCD_CACTUS__TIMEOUT"}  # on purpose: the next test says so
    unknown = {
        name
        for name in re.findall(r"SYNCD_[A-Z0-9_]+", ALL[page])
        if not is_known(name) and name not in misspelt | {"SYNCD_CONFIG"}
    }

    assert unknown == set()


def is_known(variable: str) -> bool:
    """Whether this names a setting, or the file of a secret."""
    secret = find_setting(path_of_variable(variable.removesuffix("_FILE")))
    is_file = variable.endswith("_FILE") and secret is not None and is_secret(secret)
    return is_file or find_setting(path_of_variable(variable)) is not None


def test_the_misspelt_setting_is_answered_as_the_readme_says(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load_settings(None, {"SYNCD_CACTUS__TIMEOUT": "3"}, places=nowhere(tmp_path))

    assert str(refused.value.problems[0]) in README


@pytest.mark.parametrize("page", PAGES)
def test_every_table_of_settings_exists(page: str) -> None:
    names = [span.strip("[]") for span in spans(ALL[page]) if re.fullmatch(r"\[+[a-z][a-z.0-9-]+\]+", span)]

    assert [name for name in names if not is_section(tuple(name.split("."))) and find_setting((name,)) is None] == []


def test_the_configuration_example_is_complete(tmp_path: Path) -> None:
    file, secrets = tmp_path / "syncd.toml", tmp_path / "secrets"
    file.write_text(block("toml"), encoding="utf-8")
    secrets.mkdir()
    named = README[README.index("A complete production file") : README.index("```toml")]
    values = {"missions_url": "postgresql://reader@db.example.org/fvma", "documents_key": "A" * 43 + "="}
    for name in re.findall(r"`([a-z]+_[a-z_]+)`", named):
        (secrets / name).write_text(values.get(name, "a secret") + "\n", encoding="utf-8")

    settings = load_settings(file, {"CREDENTIALS_DIRECTORY": str(secrets)}, places=nowhere(tmp_path))

    assert settings.missing_for_run() == []
    assert settings.exposed_secrets() == []
    assert settings.documents.key_bytes() is not None
    assert None not in settings.mail.addresses.model_dump().values()


def nowhere(tmp_path: Path) -> Places:
    """Return places where nothing is, whatever this machine has."""
    return Places(config_files=(), secrets=tmp_path / "nothing")


def test_the_store_s_columns_are_those_that_can_be_mapped() -> None:
    shown = {name for row in cells(INTERFACES, "| column |") for name in re.findall(r"`(\w+)`", row[0])}

    assert shown == {path[2] for path in all_settings() if path[:2] == ("missions", "columns")}


# ------------------------------------------------------------------------------------------------------------ the words


def test_the_picture_has_every_step() -> None:
    shown = set(re.findall(r'\["(\w+)"\]', block("mermaid")))

    assert shown == {str(step) for step in Step}


def test_every_hold_has_its_advice() -> None:
    advised = {code for row in cells(README, "| held with |") for code in re.findall(r"`([A-Z_]+)`", row[0])}
    explained = {code for row in cells(PROCEDURE, "| when | codes |") for code in re.findall(r"`([A-Z_]+)`", row[1])}

    assert advised == {str(code) for code in HoldCode}
    assert {str(code) for code in HoldCode} <= explained | {"MISSION_NOT_VALIDATED"}


def test_every_event_and_status_is_explained() -> None:
    events = {name for row in cells(INTERFACES, "| event | to") for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", row[0])}
    statuses = {word for row in cells(PROCEDURE, "| status |") for word in re.findall(r"`(\w+)`", row[0])}

    assert events == {str(event) for event in Event}
    assert statuses == {str(status) for status in RemoteStatus}


async def test_every_metric_is_one_of_ours() -> None:
    rendered = render_metrics(await snapshot_of(troubled_ledger())).decode()
    named = {span for span in spans(README) if re.fullmatch(r"syncd_[a-z_]+", span)}

    assert named
    assert named <= set(re.findall(r"^# TYPE (\w+)", rendered, flags=re.MULTILINE))


def test_the_layers_are_those_that_are_checked() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    start = README.index("```", README.index("**Layers.**"))
    shown = [re.split(r"\s{2,}", line)[0] for line in README[start:].split("```")[1].strip().splitlines()]

    checked = [re.sub(r"[()]", "", layer) for layer in contract["layers"]]
    assert [[room.strip() for room in line.split("·")] for line in shown] == [
        [room.strip() for room in layer.split("|")] for layer in checked
    ]


# -------------------------------------------------------------------------------------------------- files, links, tests


def test_every_figure_that_is_quoted_was_measured() -> None:
    measured = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    _, _, section = README.partition("\n## How fast\n")
    quoted = re.findall(r"^\| (?!figure|---).*\|$", section.partition("\n## ")[0], flags=re.MULTILINE)

    assert quoted
    assert [row for row in quoted if row not in measured] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)]+)\)", ALL[page]):
        name, _, anchor = unquote(target).partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        if not file.is_file() or (anchor and anchor not in anchors(file)):
            lost.append(target)

    assert lost == []


def anchors(file: Path) -> set[str]:
    """Return the anchors of a page's headings, as code forges make them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    words = {word for span in spans(ALL[page]) for word in span.split()}
    files = {word for word in words if re.match(r"(config|docs|syncd|tests)/\w", word)} | {"Dockerfile", "Makefile"}

    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert {span.split()[1] for span in spans(README) if span.startswith("make ")} <= targets


def test_every_test_that_is_named_exists() -> None:
    named = {span for text in ALL.values() for span in spans(text) if re.fullmatch(r"test_\w+", span)}

    assert named
    assert named - set(functions_of_tests()) == set()


def functions_of_tests() -> Iterator[str]:
    """Yield the name of every function below tests/."""
    for file in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name
