"""`syncd hold`, `release`, `cancel`, `adopt`: what an admin decides about one contract."""

from dataclasses import replace

import click

from syncd.cli.asking import find, ledger_of, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import CommandFailed, Exit, print_json, print_table
from syncd.cli.shown import explain, show_document
from syncd.clock import SystemClock
from syncd.errors import RefusalCode, Refused
from syncd.jobs.settle import Settler
from syncd.jobs.works import Works
from syncd.model import ContractId, Facts, HoldCode, Mission, MissionId, RemoteContract, Step, Track, changed_fields
from syncd.ports.ledger import Amend, Amendment, CreationLimit, Ledger, TimelineEntry
from syncd.ports.reading import ContractView
from syncd.standing import has_been_sent
from syncd.transitions import hold as held
from syncd.transitions import is_same_contract, link, want_cancellation
from syncd.transitions import release as let_go
from syncd.wiring.works import open_works


def _tell(invocation: Invocation, view: ContractView, sentence: str, **more: object) -> None:
    if invocation.as_json:
        print_json({**show_document(view), **more})
        return
    click.echo(sentence)


# ----------------------------------------------------------------------------------------------------- hold, release


@click.command(cls=SyncdCommand)
@click.argument("mission")
@click.option("--reason", required=True, help="Why; kept in the timeline and shown.")
@json_option
@click.pass_obj
def hold(invocation: Invocation, mission: str, reason: str) -> None:
    """Stop one mission: no letter, no registration, no initialisation, until `syncd release`."""
    view = run_async(_hold(invocation, mission, reason))
    _tell(invocation, view, f"{view.row.mission_id} is held.")


async def _hold(invocation: Invocation, mission: str, reason: str) -> ContractView:
    def stop(facts: Facts) -> Amendment:
        entry = TimelineEntry(event="contract.suspended", detail={"reason": reason})
        return Amendment(facts=held(facts, reason), entries=(entry,))

    async with ledger_of(invocation) as ledger:
        return await _decide(invocation, ledger, mission, stop)


@click.command(cls=SyncdCommand)
@click.argument("mission")
@click.option("--reason", help="Why; kept in the timeline.")
@json_option
@click.pass_obj
def release(invocation: Invocation, mission: str, reason: str | None) -> None:
    """Let one mission go on: its row as it is now becomes the baseline, failed letters are queued again."""
    before, view = run_async(_release(invocation, mission, reason))
    differences = _differences(before.facts)
    if invocation.as_json:
        print_json({**show_document(view), "to_correct_in_cactus": differences})
        return
    click.echo(f"{view.row.mission_id} is released: {explain(view)}")
    if differences:
        click.echo("CACTUS was sent other values; correct them there:")
        print_table(("field", "sent", "now"), [(d["field"], d["sent"], d["now"]) for d in differences])


async def _release(invocation: Invocation, mission: str, reason: str | None) -> tuple[ContractView, ContractView]:
    def free(facts: Facts) -> Amendment:
        is_absent = facts.contract_id is None and HoldCode.REMOTE_OUTCOME_UNKNOWN in before.row.hold_codes
        entry = TimelineEntry(event="contract.released", detail={"reason": reason} if reason else {})
        return Amendment(facts=let_go(facts, is_known_absent=is_absent), entries=(entry,))

    async with ledger_of(invocation) as ledger:
        before = await find(ledger, mission)
        view = await _decide(invocation, ledger, mission, free)
        await ledger.requeue_failed([view.row.mission_id], now=SystemClock().now())
        return before, view


def _differences(facts: Facts) -> list[dict[str, object]]:
    """Return what CACTUS was sent and what the row says now, field by field; whoever releases must see both."""
    sent = facts.sent
    if sent is None or facts.contract_id is None:
        return []
    now = _with_sent_dates(facts.mission, sent)
    return [
        {"field": name, "sent": getattr(sent, name), "now": getattr(now, name)} for name in changed_fields(sent, now)
    ]


def _with_sent_dates(now: Mission, sent: Mission) -> Mission:
    """A training date that the row leaves to the campaign was filled in when it was sent."""
    return replace(
        now,
        training_starts_on=now.training_starts_on or sent.training_starts_on,
        training_ends_on=now.training_ends_on or sent.training_ends_on,
    )


async def _decide(invocation: Invocation, ledger: Ledger, mission: str, change: Amend) -> ContractView:
    """Apply a decision and show at once what it comes to; the daemon does the rest."""
    mission_id = (await find(ledger, mission)).row.mission_id
    clock = SystemClock()
    await ledger.amend([mission_id], change, now=clock.now())
    return await settle_now(invocation, ledger, mission_id)


async def settle_now(invocation: Invocation, ledger: Ledger, mission_id: MissionId) -> ContractView:
    """Have the procedure look at one contract, effects left to the daemon, and return what it comes to."""
    clock = SystemClock()
    settle = Settler(policy=invocation.load_settings().policy(), clock=clock, acts=False)
    await ledger.claim(limit=1, now=clock.now(), settle=settle, creations=CreationLimit(limit=0), only=[mission_id])
    return await find(ledger, mission_id)


# ----------------------------------------------------------------------------------------------------- cancel, adopt


@click.command(cls=SyncdCommand)
@click.argument("mission")
@click.option("--reason", required=True, help="Why; CACTUS is told, and the timeline keeps it.")
@json_option
@click.pass_obj
def cancel(invocation: Invocation, mission: str, reason: str) -> None:
    """Ask CACTUS to cancel the contract, then close it."""
    view = run_async(_cancel(invocation, mission, reason))
    _tell(invocation, view, f"{view.row.mission_id} is cancelled and closed.")


async def _cancel(invocation: Invocation, mission: str, reason: str) -> ContractView:
    def ask(facts: Facts) -> Amendment:
        entry = TimelineEntry(event="contract.cancellation_wanted", detail={"reason": reason})
        return Amendment(facts=want_cancellation(facts, reason), entries=(entry,))

    settings = invocation.load_settings()
    async with open_works(settings) as works:
        mission_id = (await find(works.ledger, mission)).row.mission_id
        await works.ledger.amend([mission_id], ask, now=works.clock.now())
        await works.advancer.drive([mission_id])
        view = await find(works.ledger, mission_id)
        if view.row.step is Step.CLOSED:
            return view
        raise _not_cancelled(view, works)


def _not_cancelled(view: ContractView, works: Works) -> CommandFailed:
    if view.is_claimed:
        return CommandFailed("the service works on this contract right now", exit_code=Exit.TRY_AGAIN_LATER)
    if view.facts.contract_id is not None and not works.cactus.capabilities.cancellation:
        return CommandFailed(
            "this CACTUS takes no cancellations", hint="Cancel it in CACTUS; syncd closes it when it reads that."
        )
    if view.facts.cancel_wanted is None:
        return CommandFailed(
            "CACTUS refuses: the contract is past cancelling", hint="Ask the CFA; `syncd show` has its state."
        )
    return CommandFailed(
        f"not cancelled yet: {view.row.last_error or 'CACTUS has not answered'}",
        exit_code=Exit.UNAVAILABLE,
        hint="The cancellation is written down; the service asks again until CACTUS answers.",
    )


@click.command(cls=SyncdCommand)
@click.argument("mission")
@click.argument("contract_id")
@click.option("--yes", is_flag=True, help="Link although CACTUS does not tell whose contract it is.")
@click.option("--reason", help="Why; kept in the timeline.")
@json_option
@click.pass_obj
def adopt(invocation: Invocation, mission: str, contract_id: str, yes: bool, reason: str | None) -> None:
    """Link a contract that exists in CACTUS already (typed by hand before) to its mission; nothing is created."""
    view = run_async(_adopt(invocation, mission, ContractId(contract_id.strip()), is_sure=yes, reason=reason))
    _tell(invocation, view, f"{view.row.mission_id} is linked to contract {contract_id}: {explain(view)}")


async def _adopt(
    invocation: Invocation, mission: str, contract_id: ContractId, *, is_sure: bool, reason: str | None
) -> ContractView:
    async with open_works(invocation.load_settings()) as works:
        view = await find(works.ledger, mission)
        contract = await _read(works, contract_id)
        await _compare(works.ledger, view, contract, is_sure=is_sure)
        now = works.clock.now()

        def connect(facts: Facts) -> Amendment:
            detail = {"contract_id": contract_id, "reason": reason} if reason else {"contract_id": contract_id}
            entry = TimelineEntry(event="contract.adopted", detail=detail)
            return Amendment(facts=link(facts, contract, now=now, adopted=True), entries=(entry,))

        await works.ledger.amend([view.row.mission_id], connect, now=now)
        return await settle_now(invocation, works.ledger, view.row.mission_id)


async def _read(works: Works, contract_id: ContractId) -> RemoteContract:
    try:
        contract = await works.cactus.read(contract_id)
    except Refused as refusal:
        if refusal.code is not RefusalCode.NOT_FOUND:
            raise
        raise CommandFailed(
            f"CACTUS has no contract {contract_id}", exit_code=Exit.NOTHING_MATCHES, hint="Check the id in CACTUS."
        ) from refusal
    assert contract is not None  # noqa: S101 - no etag was given, so an answer has a body
    return contract


async def _compare(ledger: Ledger, view: ContractView, contract: RemoteContract, *, is_sure: bool) -> None:
    """Refuse what is certainly another contract; ask where CACTUS does not tell."""
    facts = view.facts
    if facts.mission.track is Track.PROFESSIONNALISATION and facts.decided_at is not None:
        raise CommandFailed(
            f"{facts.mission_id} is a professionalisation contract: its papers do not come from CACTUS",
            hint="`syncd documents add` takes them.",
        )
    if facts.contract_id is not None and facts.contract_id != contract.contract_id:
        raise CommandFailed(
            f"{facts.mission_id} is linked to contract {facts.contract_id} already",
            hint="Cancel that one first: a mission has one contract.",
        )
    owners = await ledger.missions_of(contract_ids=[contract.contract_id], references=[])
    if owners.get(contract.contract_id, facts.mission_id) != facts.mission_id:
        raise CommandFailed(f"contract {contract.contract_id} belongs to {owners[contract.contract_id]}")
    if contract.external_reference not in (None, facts.mission_id):
        raise CommandFailed(f"contract {contract.contract_id} has the reference {contract.external_reference}")
    if contract.student_number is None and contract.company_siret is None:
        if not is_sure:
            raise CommandFailed(
                "CACTUS does not tell whose contract this is",
                exit_code=Exit.USAGE,
                hint="Compare student and company in CACTUS, then say --yes.",
            )
        return
    if not is_same_contract(contract, facts.sent if has_been_sent(facts) and facts.sent else facts.mission):
        raise CommandFailed(
            f"contract {contract.contract_id} is about another student or company", hint="Check the id in CACTUS."
        )
