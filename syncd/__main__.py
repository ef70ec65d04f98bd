"""The command `syncd`."""

import sys

import click

from syncd.cli import root
from syncd.cli.output import Exit, print_json
from syncd.logs import configure_logs, log_crashes


def main() -> None:
    """Run the command line and end with its exit code; a wrong usage is told in JSON where JSON was asked for."""
    configure_logs("error", "auto", stream=sys.stderr)  # before any error: the default prints local variables
    log_crashes()
    try:
        code = root.main(standalone_mode=False)
    except click.ClickException as error:
        _tell(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = Exit.FAILURE
    sys.exit(code if isinstance(code, int) else Exit.OK)


def _tell(error: click.ClickException) -> None:
    if "--json" not in sys.argv:
        error.show()
        return
    print_json({"error": {"code": "usage", "message": error.format_message(), "hint": "syncd --help"}})


if __name__ == "__main__":
    main()
