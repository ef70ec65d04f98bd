"""`syncd plan`: what the next pass would do, without doing it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import click

from syncd.cli.asking import find, ledger_of, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import Exit, print_json, print_table
from syncd.clock import SystemClock
from syncd.errors import Transient
from syncd.jobs.discover import FLOW
from syncd.jobs.settle import Settler, name_of
from syncd.model import Facts, Mission, MissionId, Step
from syncd.ports.clock import Clock
from syncd.ports.ledger import Ledger
from syncd.ports.missions import MissionStore
from syncd.ports.reading import ContractFilter
from syncd.wiring.adapters import mission_store

_PAGE = 500
_SYMBOLS = {"initialise": "+", "cancel": "-", "hold": "!", "announce": "*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What the next pass would do for one mission: outside effects, letters, or a new hold."""

    mission_id: MissionId
    step: Step
    actions: tuple[str, ...]
    holds: tuple[str, ...]


@click.command(cls=SyncdCommand)
@click.argument("missions", nargs=-1)
@click.option("--exit-code", "with_exit_code", is_flag=True, help="End with 5 when there is something to do.")
@json_option
@click.pass_obj
def plan(invocation: Invocation, missions: tuple[str, ...], with_exit_code: bool) -> None:
    """Show what the next pass would do for these missions (all that are due or new in the store), and do nothing."""
    planned = run_async(_plan(invocation, missions))
    if invocation.as_json:
        print_json({"plan": planned, "count": len(planned)})
    elif planned:
        rows = [(_symbol(p), p.mission_id, ", ".join(p.actions), p.step, ", ".join(p.holds)) for p in planned]
        print_table(("", "mission", "would do", "step then", "holds"), rows)
    else:
        click.echo("Nothing to do.")
    if with_exit_code and planned:
        raise click.exceptions.Exit(Exit.CHANGES_PENDING)


def _symbol(planned: Planned) -> str:
    """Return `+` for a creation, `-` for a cancellation, `*` for letters, `!` for a hold, `=` for a mere look."""
    words = [action.partition(" ")[0] for action in planned.actions]
    return next((symbol for word, symbol in _SYMBOLS.items() if word in words), "=")


async def _plan(invocation: Invocation, missions: tuple[str, ...]) -> list[Planned]:
    settings = invocation.load_settings()
    clock = SystemClock()
    settle = Settler(policy=settings.policy(), clock=clock)
    async with ledger_of(invocation) as ledger:
        if missions:
            candidates = [(await find(ledger, mission)).facts for mission in missions]
        else:
            candidates = [facts async for facts in _due(ledger, clock)]
            if settings.missions.url is not None:
                candidates = await _with_the_store(candidates, mission_store(settings), ledger, clock)
    planned = [_planned(facts, settle) for facts in candidates]
    return [each for each in planned if each is not None]


async def _due(ledger: Ledger, clock: Clock) -> AsyncIterator[Facts]:
    after: MissionId | None = None
    which = ContractFilter(due_before=clock.now())
    while page := await ledger.ids_of(which, after=after, limit=_PAGE):
        for mission_id in page:
            view = await ledger.view(mission_id)
            if view is not None:
                yield view.facts
        after = page[-1]


async def _with_the_store(due: list[Facts], missions: MissionStore, ledger: Ledger, clock: Clock) -> list[Facts]:
    """Add what the store has and the ledger has not read yet; an unreachable store adds nothing, and that is said."""
    facts = {each.mission_id: each for each in due}
    try:
        cursor = await ledger.cursor(FLOW)
        while True:
            page = await missions.changed_since(cursor, limit=_PAGE)
            for mission in page.missions:
                if (changed := await _if_changed(mission, ledger, clock)) is not None:
                    facts[mission.mission_id] = changed
            cursor = page.cursor
            if not page.has_more:
                break
    except Transient as error:
        click.echo(
            f"syncd: the mission store is not reachable, only known missions are shown ({error.message})", err=True
        )
    finally:
        await missions.aclose()
    return list(facts.values())


async def _if_changed(mission: Mission, ledger: Ledger, clock: Clock) -> Facts | None:
    view = await ledger.view(mission.mission_id)
    if view is None:
        return Facts(mission_id=mission.mission_id, mission=mission, discovered_at=clock.now())
    return replace(view.facts, mission=mission) if view.facts.mission != mission else None


def _planned(facts: Facts, settle: Settler) -> Planned | None:
    settled = settle(facts, may_create=True)
    letters = settled.facts.notifications[len(facts.notifications) :]
    actions = [f"announce {letter.event} to {letter.role}" for letter in letters]
    if settled.effect is not None:
        actions.append(name_of(settled.effect) or "look")
    if settled.facts.step is Step.HELD and facts.step is not Step.HELD:
        actions.append("hold")
    if not actions and settled.facts.step is facts.step:
        return None
    holds = tuple(dict.fromkeys(str(hold.code) for hold in settled.holds))
    moves = tuple(actions) or (f"move to {settled.facts.step}",)
    return Planned(mission_id=facts.mission_id, step=settled.facts.step, actions=moves, holds=holds)
