"""An admin in another terminal, played by the program itself: `syncd documents add` as a process of its own."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from syncd.demo.stage import HandOver
from syncd.model import DocumentKind, MissionId


def admin_with(config: Path, environ: Mapping[str, str]) -> HandOver:
    """Return an admin who uses this configuration, whatever syncd's variables say here."""
    own = {name: value for name, value in environ.items() if not name.startswith("SYNCD_")}

    async def hand_over(mission_id: MissionId, kind: DocumentKind, file: Path) -> bool:
        command = ("--config", str(config), "documents", "add", mission_id, "--kind", kind, str(file))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "syncd", *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=own,
            start_new_session=True,  # Ctrl-C is for the demo, which ends this process itself
        )  # fmt: skip
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    return hand_over
