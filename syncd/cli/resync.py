"""`syncd resync`: ask again for everything about some missions, now."""

from datetime import datetime, timedelta

import click
from rich.progress import Progress

from syncd.cli.asking import confirm, ledger_of, mission_id_of, no_such_mission, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import CommandFailed, Exit, print_json
from syncd.clock import SystemClock
from syncd.model import Facts, MissionId, Step
from syncd.ports.ledger import Amendment, Ledger, TimelineEntry
from syncd.ports.reading import ContractFilter
from syncd.transitions import resync as looked_at_again
from syncd.workdays import start_of_paris_day

_PAGE = 500
_WAIT = timedelta(minutes=10)


@click.command(cls=SyncdCommand)
@click.argument("missions", nargs=-1)
@click.option("--step", type=click.Choice([step.value for step in Step]), help="Every contract at this step.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Every mission discovered since this day.")
@click.option("--all", "everything", is_flag=True, help="Every contract.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@click.option("--wait", is_flag=True, help="Return when the daemon has looked at all of them.")
@click.option("--reason", help="Kept in the timeline.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def resync(
    invocation: Invocation, missions: tuple[str, ...], step: str | None, since: datetime | None, everything: bool,
    dry_run: bool, wait: bool, reason: str | None, yes: bool,
) -> None:  # fmt: skip
    """Ask again for everything about these missions now, with the attempts reset; nothing sent is sent again."""
    chosen = sum([bool(missions), step is not None, since is not None, everything])
    if chosen != 1:
        raise click.UsageError("Name missions, or give one of --step, --since, --all.")
    which = ContractFilter(
        step=Step(step) if step else None,
        discovered_since=start_of_paris_day(since.date()) if since else None,
    )
    count = run_async(_resync(invocation, missions, which, dry_run=dry_run, wait=wait, reason=reason, is_sure=yes))
    if invocation.as_json:
        print_json({"resynced": 0 if dry_run else count, "matching": count, "dry_run": dry_run})
        return
    missions_are = "1 mission" if count == 1 else f"{count} missions"
    click.echo(f"{missions_are} {'would be' if dry_run else 'will be'} looked at again.")


async def _resync(
    invocation: Invocation, missions: tuple[str, ...], which: ContractFilter, *, dry_run: bool, wait: bool,
    reason: str | None, is_sure: bool,
) -> int:  # fmt: skip
    async with ledger_of(invocation) as ledger:
        ids = await _named(ledger, missions) if missions else await _matching(ledger, which)
        if not ids:
            raise CommandFailed("no mission matches", exit_code=Exit.NOTHING_MATCHES)
        if dry_run:
            if not invocation.as_json:
                click.echo("\n".join(ids))
            return len(ids)
        if not missions:
            confirm(f"Look again at {len(ids)} missions?", is_sure=is_sure)
        await _look_again(ledger, ids, reason, quiet=invocation.as_json)
        if wait:
            await _wait_for(ledger, ids)
        return len(ids)


async def _named(ledger: Ledger, missions: tuple[str, ...]) -> list[MissionId]:
    ids = list(dict.fromkeys(mission_id_of(mission) for mission in missions))
    known: set[MissionId] = set()
    for start in range(0, len(ids), _PAGE):
        known |= await ledger.known_ids(ids[start : start + _PAGE])
    unknown = [mission_id for mission_id in ids if mission_id not in known]
    if unknown:
        raise no_such_mission(", ".join(unknown))
    return ids


async def _matching(ledger: Ledger, which: ContractFilter) -> list[MissionId]:
    ids: list[MissionId] = []
    after: MissionId | None = None
    while page := await ledger.ids_of(which, after=after, limit=_PAGE):
        ids.extend(page)
        after = page[-1]
    return ids


async def _look_again(ledger: Ledger, ids: list[MissionId], reason: str | None, *, quiet: bool) -> None:
    clock = SystemClock()

    def again(facts: Facts) -> Amendment:
        entry = TimelineEntry(event="contract.resynced", detail={"reason": reason} if reason else {})
        return Amendment(facts=looked_at_again(facts), entries=(entry,))

    with Progress(transient=True, disable=quiet or len(ids) <= _PAGE) as progress:
        task = progress.add_task("resync", total=len(ids))
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            await ledger.amend(page, again, now=clock.now())
            await ledger.requeue_failed(page, now=clock.now())
            progress.advance(task, len(page))


async def _wait_for(ledger: Ledger, ids: list[MissionId]) -> None:
    """Return when every contract was looked at; a service that does not run never does."""
    clock = SystemClock()
    deadline, waiting = clock.now() + _WAIT, list(ids)
    while waiting:
        waiting = [mission_id for mission_id in waiting if await _is_due(ledger, mission_id, clock.now())]
        if not waiting:
            return
        if clock.now() > deadline:
            raise CommandFailed(
                f"{len(waiting)} missions were not looked at yet",
                exit_code=Exit.TRY_AGAIN_LATER,
                hint="Is the service running? `syncd status` tells.",
            )
        await clock.sleep(timedelta(milliseconds=300))


async def _is_due(ledger: Ledger, mission_id: MissionId, now: datetime) -> bool:
    view = await ledger.view(mission_id)
    return view is not None and (view.is_claimed or (view.row.due_at is not None and view.row.due_at <= now))
