"""`syncd list` and `syncd show`."""

import click

from syncd.cli.asking import find, ledger_of, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import local, print_json, print_table
from syncd.cli.shown import explain, show_document
from syncd.events import sentence
from syncd.model import MissionId, Step, Track
from syncd.ports.reading import ContractFilter, ContractRow, ContractView

_PAGE = 1000


@click.command("list", cls=SyncdCommand)
@click.option("--step", type=click.Choice([step.value for step in Step]), help="At this step.")
@click.option("--held", is_flag=True, help="Held back.")
@click.option("--late", is_flag=True, help="Asked for too shortly before the start.")
@click.option("--campus", help="Of this campus.")
@click.option("--track", type=click.Choice([track.value for track in Track]), help="Of this track.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many (default: all with --json, else 200).")
@json_option
@click.pass_obj
def list_contracts(
    invocation: Invocation, step: str | None, held: bool, late: bool, campus: str | None, track: str | None,
    limit: int | None,
) -> None:  # fmt: skip
    """List contracts, late requests first."""
    which = ContractFilter(
        step=Step(step) if step else None, held=held, late=late, campus=campus, track=Track(track) if track else None
    )
    most = limit or (None if invocation.as_json else 200)
    rows = run_async(_rows(invocation, which, most))
    if invocation.as_json:
        print_json({"contracts": [_document(row) for row in rows]})
        return
    print_table(("mission", "step", "why", "late", "track", "campus", "level", "starts", "contract"), _cells(rows))
    if most is not None and len(rows) == most:
        click.echo(f"The first {most}; --limit shows more.")


async def _rows(invocation: Invocation, which: ContractFilter, most: int | None) -> list[ContractRow]:
    rows: list[ContractRow] = []
    after: MissionId | None = None
    async with ledger_of(invocation) as ledger:
        while most is None or len(rows) < most:
            size = _PAGE if most is None else min(_PAGE, most - len(rows))
            page = await ledger.list_contracts(which, after=after, limit=size)
            rows.extend(page)
            if len(page) < size:
                break
            after = page[-1].mission_id
    return rows


def _document(row: ContractRow) -> dict[str, object]:
    return {
        "mission_id": row.mission_id,
        "track": row.track,
        "step": row.step,
        "holds": list(dict.fromkeys(row.hold_codes)),
        "late": row.is_late,
        "campus": row.campus,
        "level": row.level,
        "academic_year": row.academic_year,
        "programme": row.programme,
        "contract_id": row.contract_id,
        "contract_starts_on": row.contract_starts_on,
        "next": row.next_action,
        "attempts": row.attempts,
        "last_error": row.last_error,
        "changed_at": row.changed_at,
    }


def _cells(rows: list[ContractRow]) -> list[tuple[object, ...]]:
    return [
        (
            row.mission_id, row.step, ", ".join(dict.fromkeys(row.hold_codes)), "late" if row.is_late else "",
            row.track, row.campus, row.level, row.contract_starts_on, row.contract_id,
        )
        for row in rows
    ]  # fmt: skip


@click.command(cls=SyncdCommand)
@click.argument("mission")
@json_option
@click.pass_obj
def show(invocation: Invocation, mission: str) -> None:
    """Show one contract: step, reasons, remote state, documents, notifications, timeline."""
    view = run_async(_view(invocation, mission))
    if invocation.as_json:
        print_json(show_document(view))
        return
    _print_head(view)
    _print_parts(view)
    print_table(
        ("when", "what"),
        [(local(entry.at), sentence(entry.event, entry.detail)) for entry in view.timeline],
        title="Timeline",
    )


async def _view(invocation: Invocation, mission: str) -> ContractView:
    async with ledger_of(invocation) as ledger:
        return await find(ledger, mission)


def _print_head(view: ContractView) -> None:
    row = view.row
    click.echo(f"{row.mission_id}: {explain(view)}")
    click.echo(f"  {row.track}, {row.programme}, {row.level}, {row.campus}, {row.academic_year}")
    for hold in view.holds:
        click.echo(f"  held  {hold.code} {f'[{hold.field}] ' if hold.field else ''}{hold.message}")
    for warned in view.warnings:
        click.echo(f"  note  {warned.code} {warned.message}")
    if row.last_error:
        click.echo(f"  error {row.last_error} (attempts: {row.attempts})")
    if row.next_action:
        when = view.facts.not_before or row.due_at
        click.echo(f"  next  {row.next_action}{f', not before {local(when)}' if when else ''}")


def _print_parts(view: ContractView) -> None:
    facts = view.facts
    if facts.contract_id is not None:
        remote, read_at = facts.remote, local(facts.remote_read_at)
        status = remote.status if remote else "not read yet"
        parts = f"student {remote.student_part.state}, company {remote.company_part.state}" if remote else ""
        click.echo(f"  CACTUS contract {facts.contract_id}: {status} ({parts}; read {read_at})")
    if facts.documents:
        documents = [
            (d.kind, d.version, d.size, local(d.stored_at), "superseded" if d.superseded_at else "current")
            for d in facts.documents
        ]
        print_table(("document", "version", "bytes", "stored", "state"), documents, title="Documents")
    if view.letters:
        letters = [
            (
                n.letter_id, n.event, n.role, f"{n.state} (blocked)" if n.is_blocked else n.state, n.attempts,
                local(n.sent_at), n.last_error,
            )
            for n in view.letters
        ]  # fmt: skip
        print_table(("id", "letter", "to", "state", "attempts", "sent", "error"), letters, title="Notifications")
