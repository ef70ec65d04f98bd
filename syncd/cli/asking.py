"""What several commands do: run a coroutine, open the ledger, find a mission, ask for a confirmation."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar
from unicodedata import normalize

import click

from syncd.cli.context import Invocation
from syncd.cli.output import CommandFailed, Exit
from syncd.model import MissionId
from syncd.ports.ledger import Ledger
from syncd.ports.reading import ContractView
from syncd.wiring.reading import open_reading

Answer = TypeVar("Answer")


def run_async(work: Coroutine[None, None, Answer]) -> Answer:
    """Run one command's work to its end."""
    return asyncio.run(work)


@asynccontextmanager
async def ledger_of(invocation: Invocation) -> AsyncIterator[Ledger]:
    """Yield the ledger that the configuration names."""
    async with open_reading(invocation.load_settings()) as ledger:
        yield ledger


async def find(ledger: Ledger, mission: str) -> ContractView:
    """Return one contract.

    Raises:
        CommandFailed: no such mission (exit 4), or one that only a newer version understands (exit 1).
    """
    mission_id = mission_id_of(mission)
    view = await ledger.view(mission_id)
    if view is None and await ledger.known_ids([mission_id]):
        raise CommandFailed(
            f"only a newer version of syncd understands what it wrote about {mission_id}",
            hint="Upgrade this program; nothing of the mission was changed.",
        )
    if view is None:
        raise no_such_mission(mission)
    return view


def no_such_mission(mission: str) -> CommandFailed:
    """Return the error for a mission that the ledger does not have."""
    return CommandFailed(
        f"no such mission: {mission}",
        exit_code=Exit.NOTHING_MATCHES,
        hint="`syncd list` prints the missions that are known; a new one appears with the next pass.",
    )


def mission_id_of(text: str) -> MissionId:
    """Return a mission's id as the ledger writes it: NFC, trimmed."""
    return MissionId(normalize("NFC", text).strip())


def confirm(question: str, *, is_sure: bool) -> None:
    """Ask before much is done; without a terminal, `--yes` must have been given.

    Raises:
        CommandFailed: nobody said yes (exit 2).
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(f"{question} Nobody can answer here.", exit_code=Exit.USAGE, hint="Add --yes to say yes.")
    if not click.confirm(question):
        raise CommandFailed("nothing was done", exit_code=Exit.FAILURE)
