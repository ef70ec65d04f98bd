"""The document folder that all replicas share, in memory: what is in it survives every crash and every restore."""

import asyncio
from random import Random

from syncd.errors import RefusalCode, Refused, Transient
from syncd.ports.documents import DocumentName
from tests.faults.simulation.kinds import Kind
from tests.faults.simulation.weather import Weather


class Archive:
    """A vault whose files appear whole, some turns after they were asked for."""

    key_id = "simulated"

    def __init__(self, weather: Weather, dice: Random) -> None:
        self.files: dict[str, tuple[DocumentName, bytes]] = {}
        self._weather = weather
        self._dice = dice
        self._count = 0

    async def store(self, name: DocumentName, content: bytes) -> str:
        """Return a new file id once the bytes are there."""
        if self._weather.strikes(Kind.DISK_FULL, "ARCHIVE", name.mission_id):
            raise Transient("no space")
        await asyncio.sleep(self._dice.uniform(0.001, 0.05))
        self._count += 1
        file_id = f"{self._count:08d}.bin"
        self.files[file_id] = name, content
        return file_id

    async def load(self, name: DocumentName, file_id: str) -> bytes:
        """Return the bytes as they were stored."""
        if self.files.get(file_id, (None,))[0] != name:
            raise Refused("no such file", code=RefusalCode.NOT_FOUND)
        return self.files[file_id][1]

    async def remove(self, file_id: str) -> None:
        """Make sure that the file is gone."""
        self.files.pop(file_id, None)

    async def file_ids(self) -> frozenset[str]:
        """Return the ids of all files."""
        return frozenset(self.files)


class Reader:
    """A PDF check that knows the papers of this world."""

    async def fault_of(self, content: bytes) -> str | None:
        """Return what is wrong with these bytes."""
        return None if content.startswith(b"%PDF-") and content.endswith(b"%%EOF\n") else "truncated"

    async def aclose(self) -> None:
        """There is nothing to close."""
