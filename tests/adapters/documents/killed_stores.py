"""`python -m tests.adapters.documents.killed_stores FOLDER`: stores documents, and is killed in each.

Prints one line per attempt: the step at which that fork dies, and the file id if `store` had returned one.
"""

import asyncio
import os
import sys
from pathlib import Path
from uuid import uuid4

from syncd.adapters.documents.vault import FolderVault
from syncd.model import DocumentKind, MissionId
from syncd.ports.documents import DocumentName
from tests.adapters.documents.disks import STEPS, DeadlyDisk

KEY = bytes(32)
NAME = DocumentName(mission_id=MissionId("FVMA-2025-0042"), kind=DocumentKind.CERFA, version=1)
CONTENT = b"%PDF-" + bytes(100_000)
NEVER = "never"


def store_and_die(folder: Path, step: str) -> None:
    """Store one document in this process, which may not survive it."""
    vault = FolderVault(folder, KEY, new_id=lambda: uuid4().hex, disk=DeadlyDisk(step))
    file_id = asyncio.run(vault.store(NAME, CONTENT))
    print(step, file_id, flush=True)


def main() -> None:
    """Fork for each step, and once for none."""
    folder = Path(sys.argv[1])
    folder.mkdir()
    for step in (*STEPS, NEVER):
        pid = os.fork()
        if pid == 0:
            store_and_die(folder, step)
            os._exit(0)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
