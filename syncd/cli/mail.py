"""`syncd mail`: list, preview, resend."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import click

from syncd.actions import Letter
from syncd.cli.asking import confirm, find, ledger_of, mission_id_of, run_async
from syncd.cli.context import Invocation, SyncdGroup, json_option
from syncd.cli.output import CommandFailed, Exit, local, print_json, print_table
from syncd.cli.shown import letter_document
from syncd.clock import SystemClock
from syncd.model import Event, Facts, MissionId, NotificationState, Role
from syncd.ports.ledger import Ledger, QueuedLetter, TimelineEntry
from syncd.ports.reading import LetterRow
from syncd.wiring.letters import letter_writer


@click.group(cls=SyncdGroup)
def mail() -> None:
    """The letters: what left, what would leave, once more."""


@mail.command("list")
@click.argument("mission", required=False)
@click.option("--state", type=click.Choice([s.value for s in NotificationState]), help="Only these.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True)
@json_option
@click.pass_obj
def list_letters(invocation: Invocation, mission: str | None, state: str | None, limit: int) -> None:
    """List letters, the newest first."""
    rows = run_async(_rows(invocation, mission, NotificationState(state) if state else None, limit))
    if invocation.as_json:
        print_json({"letters": [{"mission_id": row.mission_id, **letter_document(row)} for row in rows]})
        return
    cells = [
        (r.letter_id, r.mission_id or "-", r.event, r.role, r.state, r.attempts, local(r.sent_at), r.last_error)
        for r in rows
    ]
    print_table(("id", "mission", "letter", "to", "state", "attempts", "sent", "error"), cells)


async def _rows(
    invocation: Invocation, mission: str | None, state: NotificationState | None, limit: int
) -> tuple[LetterRow, ...]:
    async with ledger_of(invocation) as ledger:
        mission_id = (await find(ledger, mission)).row.mission_id if mission else None
        return await ledger.letters(mission_id=mission_id, state=state, limit=limit)


@mail.command()
@click.argument("mission")
@click.option("--event", required=True, type=click.Choice([event.value for event in Event]))
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Default: the first who would get it.")
@click.option("--html", is_flag=True, help="The HTML part instead of the text.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the whole message (.eml) to this file.")
@json_option
@click.pass_obj
def preview(
    invocation: Invocation, mission: str, event: str, role: str | None, html: bool, output: Path | None
) -> None:
    """Show a letter as it would leave now; nothing is sent."""
    message = run_async(_compose(invocation, mission, Event(event), Role(role) if role else None))
    if output is not None:
        output.write_bytes(message.as_bytes(policy=SMTP))
        click.echo(f"Wrote {output}.")
        return
    part = message.get_body(("html",) if html else ("plain",))
    body = part.get_content() if part is not None else ""
    if invocation.as_json:
        print_json({"to": str(message["To"]), "subject": str(message["Subject"]), "body": body})
        return
    click.echo(f"To: {message['To']}\nSubject: {message['Subject']}\n\n{body}")


async def _compose(invocation: Invocation, mission: str, event: Event, role: Role | None) -> EmailMessage:
    settings, clock = invocation.load_settings(), SystemClock()
    policy = settings.policy()
    async with ledger_of(invocation) as ledger:
        facts = (await find(ledger, mission)).facts
        roles = policy.recipients_of(event, facts.mission)
        if role is None and not roles:
            raise CommandFailed(f"nobody gets {event} for this mission", exit_code=Exit.NOTHING_MATCHES)
        letter = Letter(event=event, role=role or roles[0])
        write = letter_writer(settings, policy, ledger, clock)
        return await write(_as_queued(letter, facts, clock.now()))


def _as_queued(letter: Letter, facts: Facts, now: datetime) -> QueuedLetter:
    return QueuedLetter(
        letter_id=0, token=0, mission_id=facts.mission_id if letter.event is not Event.DIGEST_DAILY else None,
        event=letter.event, role=letter.role, cause=letter.cause, message_id="<preview@syncd.invalid>", attempts=0,
        queued_at=now, is_repeat=False, facts=facts if letter.event is not Event.DIGEST_DAILY else None,
    )  # fmt: skip


@mail.command()
@click.argument("letter_ids", nargs=-1, type=int)
@click.option("--mission", help="Every letter of this mission …")
@click.option("--event", type=click.Choice([event.value for event in Event]), help="… of this event.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def resend(
    invocation: Invocation, letter_ids: tuple[int, ...], mission: str | None, event: str | None, yes: bool
) -> None:
    """Queue letters once more, as new letters with a Message-ID of their own."""
    if bool(letter_ids) == bool(mission):
        raise click.UsageError("Name letters by their id (syncd mail list), or give --mission.")
    chosen = Event(event) if event else None
    new_ids = run_async(_resend(invocation, letter_ids, mission, chosen, is_sure=yes or bool(letter_ids)))
    if invocation.as_json:
        print_json({"queued": new_ids})
        return
    click.echo(f"{len(new_ids)} letters are queued again.")


async def _resend(
    invocation: Invocation, letter_ids: tuple[int, ...], mission: str | None, event: Event | None, *, is_sure: bool
) -> list[int]:
    async with ledger_of(invocation) as ledger:
        rows = await _chosen(ledger, letter_ids, mission_id_of(mission) if mission else None, event)
        confirm(f"Send {len(rows)} letters once more?", is_sure=is_sure)
        now = SystemClock().now()
        new_ids = []
        for row in rows:
            new_ids.append(await ledger.resend(row.letter_id, now=now))
            if row.mission_id is not None:
                detail = {"event": row.event, "role": row.role}
                await ledger.note(row.mission_id, TimelineEntry(event="letter.resent", detail=detail), now=now)
        return new_ids


async def _chosen(
    ledger: Ledger, letter_ids: tuple[int, ...], mission_id: MissionId | None, event: Event | None
) -> list[LetterRow]:
    if mission_id is not None:
        await find(ledger, mission_id)
        rows = [row for row in await ledger.letters(mission_id=mission_id) if event in (None, row.event)]
    else:
        found = [(letter_id, await ledger.letter(letter_id)) for letter_id in letter_ids]
        if unknown := [str(letter_id) for letter_id, row in found if row is None]:
            raise CommandFailed(f"no such letter: {', '.join(unknown)}", exit_code=Exit.NOTHING_MATCHES)
        rows = [row for _, row in found if row is not None]
    if not rows:
        raise CommandFailed("no letter matches", exit_code=Exit.NOTHING_MATCHES)
    return rows
