"""One call of the command line, from its first word to its exit code."""

import gc
import sys

import click

from syncd.cli import root
from syncd.cli.output import Exit, print_json
from syncd.logs import configure_logs, log_crashes


def invoke() -> int:
    """Return the exit code of what was asked for; a wrong usage is told in JSON where JSON was asked for."""
    configure_logs("error", "auto", stream=sys.stderr)  # before any error: the default prints local variables
    log_crashes()
    try:
        code = root.main(standalone_mode=False)
    except click.ClickException as error:
        _tell(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = Exit.FAILURE
    gc.freeze()  # to look for garbage in what ends anyway takes half a second of work: many, where others work too
    return code if isinstance(code, int) else Exit.OK


def _tell(error: click.ClickException) -> None:
    if "--json" not in sys.argv:
        error.show()
        return
    print_json({"error": {"code": "usage", "message": error.format_message(), "hint": "syncd --help"}})
