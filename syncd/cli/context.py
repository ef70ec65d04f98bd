"""What every command is told by the root: where the configuration is and how to speak."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import click

from syncd.cli.output import fail
from syncd.errors import SyncdError
from syncd.settings import Settings, load_settings

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of the command line; the root group makes it, commands get it by `@click.pass_obj`."""

    config_file: Path | None = None
    as_json: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def load_settings(self) -> Settings:
        """Return the settings; raises `SettingsRefused`, which ends the command with exit 78."""
        return load_settings(self.config_file, self.environ)


class SyncdCommand(click.Command):
    """A command whose `SyncdError` is told as `fail` tells it, with its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SyncdError as error:
            invocation = ctx.find_object(Invocation)
            fail(error, as_json=invocation is not None and invocation.as_json)


class SyncdGroup(click.Group):
    """A group whose commands and groups are of these kinds."""

    command_class = SyncdCommand
    group_class = type


def _speak_json(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    invocation = ctx.find_object(Invocation)
    if wanted and invocation is not None:
        ctx.obj = replace(invocation, as_json=True)


def json_option(command: Decorated) -> Decorated:
    """Add `--json` to a reading command: its invocation then has `as_json`."""
    option = click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_speak_json, help="One JSON document."
    )
    return option(command)
