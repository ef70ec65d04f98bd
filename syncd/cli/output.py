"""How every command speaks: exit codes, errors, JSON, tables."""

import json
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from pathlib import PurePath
from typing import NoReturn

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.errors import CredentialsRefused, Misconfigured, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient
from syncd.workdays import PARIS


class Exit(IntEnum):
    """What a command's end means (interfaces, section 5)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    PARTLY_DONE = 3
    NOTHING_MATCHES = 4
    CHANGES_PENDING = 5
    UNHEALTHY = 6
    UNAVAILABLE = 69
    TRY_AGAIN_LATER = 75
    CREDENTIALS_REFUSED = 77
    CONFIGURATION = 78


class CommandFailed(SyncdError):
    """A command cannot do what it was asked for; it ends with this exit code."""

    def __init__(self, message: str, *, exit_code: Exit = Exit.FAILURE, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def exit_code_for(error: SyncdError) -> Exit:
    """Return how a command ends that met this error."""
    match error:
        case CommandFailed():
            return error.exit_code
        case Misconfigured():
            return Exit.CONFIGURATION
        case CredentialsRefused():
            return Exit.CREDENTIALS_REFUSED
        case Transient() | OutcomeUnknown():
            return Exit.UNAVAILABLE if error.is_general else Exit.TRY_AGAIN_LATER
        case Refused(code=RefusalCode.NOT_FOUND):
            return Exit.NOTHING_MATCHES
        case _:
            return Exit.FAILURE


def fail(error: SyncdError, as_json: bool = False) -> NoReturn:
    """Tell the error, to people on standard error or as JSON on standard output, and end the command."""
    exit_code = exit_code_for(error)
    if as_json:
        print_json({"error": error_document(error)})
    else:
        click.echo(f"syncd: {without_controls(error.message)}", err=True)
        if error.hint:
            click.echo(f"  → {without_controls(error.hint)}", err=True)
    raise click.exceptions.Exit(exit_code)


def error_document(error: SyncdError) -> dict[str, str | None]:
    """Return `{"code", "message", "hint"}`; the code is the exit code's name in small letters."""
    return {"code": exit_code_for(error).name.lower(), "message": error.message, "hint": error.hint}


def print_json(document: object) -> None:
    """Print one JSON document: dates are ISO, durations are seconds, letters are letters."""
    click.echo(json.dumps(document, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: object) -> object:
    match value:
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return str(value)
        case AbstractSet():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            raise TypeError(f"no JSON for a {type(value).__name__}")


def console() -> Console:
    """Return the terminal, or the plain file that stands for it; nothing is cut, and no text is markup."""
    is_terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout, force_terminal=is_terminal, markup=False, highlight=False, soft_wrap=not is_terminal
    )


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """Print rows: a table on a terminal, aligned lines that are never cut elsewhere."""
    cells = [[without_controls(_shown(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        console().print(_table(columns, cells, title))
        return
    if title is not None:
        click.echo(f"\n{title}")
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in (columns, *cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _table(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str | None) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    return table


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)


def local(moment: datetime | None) -> str:
    """Return an instant as people in Paris read it."""
    return moment.astimezone(PARIS).strftime("%d/%m/%Y %H:%M:%S") if moment is not None else ""


def without_controls(text: str) -> str:
    """Return the text with nothing that could move a terminal's cursor, lines and their indent kept."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
