"""`syncd config`: show what holds, check it, write the commented file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from syncd.cli.context import Invocation, SyncdGroup, json_option
from syncd.cli.output import CommandFailed, Exit, error_document, print_json, print_table
from syncd.settings import Problem, SettingsRefused
from syncd.settings.shown import ShownSetting, shown_settings
from syncd.settings.template import render_template

USUAL_FILE = Path("config/syncd.toml")


@click.group(cls=SyncdGroup)
def config() -> None:
    """The configuration: what holds, what is wrong, a file to start from."""


@config.command()
@json_option
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Print every setting, its value, and where it comes from; secrets are masked."""
    settings = invocation.load_settings()
    shown = list(shown_settings(settings))
    if invocation.as_json:
        rows = {each.key: {"value": each.value, "origin": each.origin} for each in shown}
        print_json({"config_file": settings.config_file, "settings": rows})
        return
    click.echo(f"Configuration file: {settings.config_file or 'none'}")
    print_table(("setting", "origin", "value"), [(each.key, each.origin, _for_people(each)) for each in shown])


def _for_people(setting: ShownSetting) -> str:
    match setting.value:
        case None:
            return "(not set)"
        case bool():
            return "true" if setting.value else "false"
        case list() if setting.key == "recipients":
            return f"{len(setting.value)} rows (--json prints them)"
        case [] | {} if not setting.value:
            return "(none)"
        case list():
            return ", ".join(map(str, setting.value))
        case dict():
            return ", ".join(f"{name} = {value}" for name, value in setting.value.items())
        case _:
            return str(setting.value)


@config.command()
@click.option("--for-run", is_flag=True, help="What only `syncd run` needs must be there too.")
@json_option
@click.pass_obj
def check(invocation: Invocation, for_run: bool) -> None:
    """Say whether the configuration is right, or everything that is wrong with it (exit 78)."""
    try:
        settings = invocation.load_settings()
    except SettingsRefused as refusal:
        _tell_problems(refusal, invocation)
    missing = settings.missing_for_run()
    if missing and for_run:
        _tell_problems(SettingsRefused(missing), invocation)
    _tell_success(settings.exposed_secrets(), missing, invocation)


def _tell_problems(refusal: SettingsRefused, invocation: Invocation) -> NoReturn:
    if not invocation.as_json:
        raise refusal
    print_json({"ok": False, "problems": _documents(refusal.problems), "error": error_document(refusal)})
    raise click.exceptions.Exit(Exit.CONFIGURATION)


def _tell_success(exposed: Sequence[Problem], missing: Sequence[Problem], invocation: Invocation) -> None:
    if invocation.as_json:
        lists = {"problems": [], "warnings": _documents(exposed), "missing_for_run": _documents(missing)}
        print_json({"ok": True, **lists})
        return
    click.echo("The configuration is right.")
    for problem in exposed:
        click.echo(f"Warning: {problem}")
    for problem in missing:
        click.echo(f"`syncd run` still needs {problem}")


def _documents(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"key": problem.key, "message": problem.message} for problem in problems]


@config.command()
@click.option("--output", type=click.Path(path_type=Path), help="The file to write; - prints it.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
@click.pass_obj
def init(invocation: Invocation, output: Path | None, force: bool) -> None:
    """Write a configuration file with every setting explained (to --config's place, else config/syncd.toml)."""
    file = output or invocation.config_file or USUAL_FILE
    if file == Path("-"):
        click.echo(render_template(), nl=False)
        return
    _write(file, force=force)
    click.echo(f"Wrote {file}.")


def _write(file: Path, *, force: bool) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w" if force else "x", encoding="utf-8", newline="\n") as stream:
            stream.write(render_template())
    except FileExistsError:
        raise CommandFailed(f"{file} exists already", hint="--force overwrites it.") from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written ({error.strerror})") from error
