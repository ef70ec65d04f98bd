"""`syncd reconcile`: the full comparison of mission store, ledger and CACTUS."""

import sys

import click
from rich.progress import Progress, TextColumn

from syncd.cli.asking import run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import CommandFailed, Exit, print_json, print_table
from syncd.jobs.compare import Comparison, compare
from syncd.wiring.works import open_works


@click.command(cls=SyncdCommand)
@json_option
@click.pass_obj
def reconcile(invocation: Invocation) -> None:
    """Compare store, ledger and CACTUS, print the differences, and have each looked at by the next pass."""
    found = run_async(_compare(invocation))
    if invocation.as_json:
        print_json(_document(found))
    else:
        _print(found)
    if found.store.stopped is not None:
        raise CommandFailed(
            f"the store is not believed: {found.store.stopped}; nothing was changed",
            exit_code=Exit.UNHEALTHY,
            hint="Look into the store. When it is right: syncd guard approve sweep, then syncd reconcile.",
        )


async def _compare(invocation: Invocation) -> Comparison:
    columns = TextColumn("reading {task.description}: {task.completed}")
    async with open_works(invocation.load_settings()) as works:
        with Progress(columns, transient=True, disable=invocation.as_json or not sys.stdout.isatty()) as progress:
            tasks = {name: progress.add_task(name, total=None) for name in ("store", "cactus")}
            return await compare(works, tell=lambda what, count: progress.update(tasks[what], completed=count))


def _document(found: Comparison) -> dict[str, object]:
    rows = found.store.rows
    return {
        "store": {
            "known": found.store.known, "new": rows.new, "changed": rows.changed, "missing": list(found.store.missing),
            "stopped": found.store.stopped,
        },
        "cactus": {"read": found.remote_read},
        "differences": found.differences,
    }  # fmt: skip


def _print(found: Comparison) -> None:
    rows = found.store.rows
    read, missing, differences = found.remote_read, len(found.store.missing), len(found.differences)
    click.echo(f"Store: {rows.new} new, {rows.changed} changed, {rows.unchanged} as known, {missing} missing.")
    click.echo(f"CACTUS: {read} contracts read, {differences} differences.")
    for mission_id in found.store.missing:
        click.echo(f"- {mission_id}: not in the store any more")
    if found.differences:
        cells = [(d.kind, d.mission_id, d.contract_id, d.ledger, d.cactus) for d in found.differences]
        print_table(("difference", "mission", "contract", "ledger", "CACTUS"), cells)
