"""A process that delivers letters until none waits any more: started by tests, and killed by them in the middle."""

import asyncio
import os
import sys
from datetime import timedelta

from syncd.jobs.keep import kept_house
from syncd.jobs.works import Works
from syncd.logs import configure_logs
from syncd.model import NotificationState
from syncd.ports.ledger import Ledger
from syncd.settings import load_settings
from syncd.settings.load import Places
from syncd.wiring.works import open_works

_A_LOOK = timedelta(seconds=0.1)


async def carry(works: Works) -> None:
    """Deliver as the daemon does, until nothing is queued, deferred or under way."""
    await works.mail_gate.load()
    async with kept_house(works):
        delivering = asyncio.create_task(works.deliverer.run())
        while await anything_waits(works.ledger):
            await works.clock.sleep(_A_LOOK)
        works.deliverer.stop()
        await delivering
    await works.ledger.sign_off()


async def anything_waits(ledger: Ledger) -> bool:
    """Whether any letter will still be sent, or is under way."""
    if await ledger.next_letter_at() is not None:
        return True
    return bool(await ledger.letters(state=NotificationState.SENDING, limit=1))


async def _main() -> None:
    configure_logs("info", "json", sys.stderr)
    settings = load_settings(None, dict(os.environ), places=Places(config_files=()))
    async with open_works(settings) as works:
        await carry(works)


if __name__ == "__main__":
    asyncio.run(_main())
