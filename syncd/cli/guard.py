"""`syncd guard`: what a brake stopped, and letting it pass once."""

import click

from syncd.cli.asking import ledger_of, run_async
from syncd.cli.context import Invocation, SyncdGroup, json_option
from syncd.cli.output import CommandFailed, Exit, local, print_json, print_table
from syncd.clock import SystemClock
from syncd.jobs.settle import BRAKE_PATIENCE
from syncd.ports.ledger import GuardState

_GUARDS = {
    "contracts": "new contracts within an hour",
    "mails": "mails within an hour",
    "sweep": "missions gone from the store",
}


@click.group(cls=SyncdGroup)
def guard() -> None:
    """The brakes: what they stopped, and letting it pass once."""


@guard.command()
@json_option
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Show every brake."""
    states = run_async(_read(invocation))
    if invocation.as_json:
        print_json({"guards": {name: _document(state) for name, state in states.items()}})
        return
    rows = [
        (name, _GUARDS[name], "on" if s.tripped_at else "off", local(s.tripped_at), s.detail)
        for name, s in states.items()
    ]
    print_table(("brake", "counts", "state", "since", "why"), rows)


async def _read(invocation: Invocation) -> dict[str, GuardState]:
    async with ledger_of(invocation) as ledger:
        return {name: await ledger.guard(name) for name in _GUARDS}


def _document(state: GuardState) -> dict[str, object]:
    return {
        "tripped": state.tripped_at is not None, "tripped_at": state.tripped_at, "detail": state.detail,
        "approved_at": state.approved_at,
    }  # fmt: skip


@guard.command()
@click.argument("names", nargs=-1, type=click.Choice(list(_GUARDS)))
@json_option
@click.pass_obj
def approve(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Take brakes off, once (all that are on, unless named): what happened until now no longer counts."""
    approved = run_async(_approve(invocation, names))
    if invocation.as_json:
        print_json({"approved": approved})
        return
    click.echo(f"Approved: {', '.join(approved)}.")


async def _approve(invocation: Invocation, names: tuple[str, ...]) -> list[str]:
    async with ledger_of(invocation) as ledger:
        states = {name: await ledger.guard(name) for name in names or _GUARDS}
        on = [name for name, state in states.items() if state.tripped_at is not None]
        if not on:
            raise CommandFailed("no brake is on", exit_code=Exit.NOTHING_MATCHES)
        now = SystemClock().now()
        for name in on:
            await ledger.approve(name, now=now)
            if name == "sweep":
                await ledger.set_mark("sweep_approved", "once")
            if name == "contracts":
                await ledger.wake_waiting("await_brake", now=now, until=now + 2 * BRAKE_PATIENCE)
        return on
