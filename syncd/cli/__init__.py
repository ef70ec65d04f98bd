"""The command line: parse, call, print. Each command's module is loaded when the command is used."""

import sys
from importlib import import_module
from pathlib import Path

import click

from syncd import __version__
from syncd.cli.context import Invocation, SyncdGroup
from syncd.logs import configure_logs
from syncd.settings import process_environment

_COMMANDS = {
    "run": "syncd.cli.run:run",
    "status": "syncd.cli.status:status",
    "list": "syncd.cli.contracts:list_contracts",
    "show": "syncd.cli.contracts:show",
    "plan": "syncd.cli.plan:plan",
    "resync": "syncd.cli.resync:resync",
    "hold": "syncd.cli.decisions:hold",
    "release": "syncd.cli.decisions:release",
    "cancel": "syncd.cli.decisions:cancel",
    "adopt": "syncd.cli.decisions:adopt",
    "reconcile": "syncd.cli.reconcile:reconcile",
    "documents": "syncd.cli.documents:documents",
    "mail": "syncd.cli.mail:mail",
    "guard": "syncd.cli.guard:guard",
    "config": "syncd.cli.config:config",
    "doctor": "syncd.cli.upkeep:doctor",
    "migrate": "syncd.cli.upkeep:migrate",
    "purge": "syncd.cli.upkeep:purge",
    "simulator": "syncd.cli.simulator:simulator",
    "demo": "syncd.cli.demo:demo",
}
"""In the order in which the help shows them."""


class _LazyGroup(SyncdGroup):
    """Knows its commands by name and imports only the one that is asked for: `syncd status` starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The configuration file (TOML).")
@click.version_option(__version__, message="syncd %(version)s")
@click.pass_context
def root(ctx: click.Context, config_file: Path | None) -> None:
    """Turn validated work-study missions into contracts in CACTUS, once, and say what happens to each."""
    configure_logs("error", "auto", stream=sys.stderr)  # `syncd run` says where its own lines go
    ctx.obj = Invocation(config_file=config_file, environ=process_environment())
