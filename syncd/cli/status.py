"""`syncd status`: what an admin looks at first in the morning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import click

from syncd.cli.asking import ledger_of, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import local, print_json, print_table
from syncd.clock import SystemClock
from syncd.model import MissionId, Step
from syncd.ports.ledger import GateState, GuardState, Ledger
from syncd.ports.reading import Backlog, ContractRow, FlowRow, ReplicaRow

_GATES = ("cactus", "mail")
_GUARDS = ("contracts", "mails", "sweep")
_SHOWN = 20
_SILENT_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that `syncd status` tells."""

    now: datetime
    steps: Mapping[Step, int]
    flows: Sequence[FlowRow]
    backlog: Backlog
    gates: Mapping[str, GateState]
    guards: Mapping[str, GuardState]
    needs_person: Sequence[ContractRow]
    left_alone: Sequence[MissionId]
    replicas: Sequence[ReplicaRow]


@click.command(cls=SyncdCommand)
@json_option
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Contracts per step, freshness of each flow, what needs a person, replicas."""
    state = run_async(_read(invocation))
    if invocation.as_json:
        print_json(_document(state))
        return
    _print_troubles(state)
    print_table(("step", "contracts"), [(step, state.steps.get(step, 0)) for step in Step], title="Contracts")
    print_table(
        ("flow", "last success", "age", "last change", "last error"),
        [
            (f.flow, local(f.last_success_at), _age(f.last_success_at, state.now), local(f.last_change_at), _error(f))
            for f in state.flows
        ],
        title="Flows",
    )
    _print_people(state)


async def _read(invocation: Invocation) -> Status:
    async with ledger_of(invocation) as ledger:
        return await read_status(ledger, SystemClock().now())


async def read_status(ledger: Ledger, now: datetime) -> Status:
    """Return the state of everything."""
    return Status(
        now=now,
        steps=await ledger.count_by_step(),
        flows=await ledger.flows(),
        backlog=await ledger.backlog(now=now),
        gates={name: await ledger.gate(name) for name in _GATES},
        guards={name: await ledger.guard(name) for name in _GUARDS},
        needs_person=await ledger.needs_person(limit=_SHOWN + 1),
        left_alone=await ledger.left_alone(limit=_SHOWN),
        replicas=await ledger.replicas(),
    )


def _document(state: Status) -> dict[str, object]:
    return {
        "at": state.now,
        "steps": {step: state.steps.get(step, 0) for step in Step},
        "flows": {
            flow.flow: {
                "last_success_at": flow.last_success_at,
                "last_failure_at": flow.last_failure_at,
                "last_error": flow.last_error,
                "last_row_at": flow.last_row_at,
                "last_change_at": flow.last_change_at,
            }
            for flow in state.flows
        },
        "backlog": state.backlog,
        "gates": {
            name: {**_plain_gate(gate), "closed": _is_closed(gate, state.now)} for name, gate in state.gates.items()
        },
        "guards": {name: {"tripped": g.tripped_at is not None, "detail": g.detail} for name, g in state.guards.items()},
        "needs_person": [
            {"mission_id": row.mission_id, "step": row.step, "holds": list(dict.fromkeys(row.hold_codes))}
            for row in state.needs_person[:_SHOWN]
        ],
        "left_alone": state.left_alone,
        "replicas": [_plain_replica(replica, state.now) for replica in state.replicas],
    }


def _plain_replica(replica: ReplicaRow, now: datetime) -> dict[str, object]:
    return {
        "replica": replica.replica,
        "version": replica.version,
        "started_at": replica.started_at,
        "heartbeat_at": replica.heartbeat_at,
        "silent": _is_silent(replica, now),
    }


def _plain_gate(gate: GateState) -> dict[str, object]:
    return {
        "closed_until": gate.closed_until, "reason": gate.reason, "credentials": gate.is_credentials,
        "failures": gate.failures,
    }  # fmt: skip


def _is_closed(gate: GateState, now: datetime) -> bool:
    return gate.closed_until is not None and gate.closed_until > now


def _print_troubles(state: Status) -> None:
    for name, gate in state.gates.items():
        if gate.closed_until is not None and gate.is_credentials:
            click.echo(f"! {name} refuses our credentials: {gate.reason}. Put right ones into the configuration.")
        elif _is_closed(gate, state.now):
            click.echo(f"! {name} rests until {local(gate.closed_until)}: {gate.reason}. It is tried again by itself.")
    for name, guard in state.guards.items():
        if guard.tripped_at is not None:
            click.echo(f"! brake `{name}` is on: {guard.detail}. Look, then: syncd guard approve {name}")
    if state.left_alone:
        missions = ", ".join(state.left_alone)
        click.echo(f"! a newer version of syncd wrote {missions}, and only it goes on with them: upgrade every syncd.")
    if all(_is_silent(replica, state.now) for replica in state.replicas):
        click.echo("! no service is running: start it (systemctl start syncd, or syncd run).")


def _print_people(state: Status) -> None:
    backlog = state.backlog
    if state.needs_person:
        rows = [
            (r.mission_id, r.step, ", ".join(dict.fromkeys(r.hold_codes)), r.last_error) for r in state.needs_person
        ]
        print_table(("mission", "step", "why", "error"), rows[:_SHOWN], title="Needs a person")
        if len(rows) > _SHOWN:
            click.echo("… and more: syncd list --held")
    click.echo(
        f"Letters: {backlog.letters_queued} queued, {backlog.letters_failed} failed, {backlog.letters_unknown} unknown."
    )
    retrying = f"{backlog.contracts_retrying} contracts, {backlog.letters_retrying} letters"
    click.echo(f"Contracts due: {backlog.contracts_due}. Waiting for another attempt: {retrying}.")
    for replica in state.replicas:
        seen = _age(replica.heartbeat_at, state.now)
        mark = "!" if _is_silent(replica, state.now) else " "
        click.echo(f"{mark} Replica {replica.replica} ({replica.version}), last seen {seen} ago.")


def _is_silent(replica: ReplicaRow, now: datetime) -> bool:
    return now - replica.heartbeat_at > _SILENT_AFTER


def _error(flow: FlowRow) -> str:
    failed, passed = flow.last_failure_at, flow.last_success_at
    is_current = failed is not None and (passed is None or failed > passed)
    return f"{local(failed)} {flow.last_error}" if is_current else ""


def _age(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    seconds = max(int((now - moment).total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
