"""The key of the documents: made once, whole, for us alone, and never silently another one."""

import asyncio
import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncd.errors import Misconfigured
from syncd.settings import Settings, load_settings
from syncd.settings.load import Places
from syncd.wiring.reading import open_reading
from syncd.wiring.works import _own_key, check_pdf, open_vault
from tests.world.world import paper


def settings_of(folder: Path, **environment: str) -> Settings:
    """Return the settings of an installation in a folder."""
    environ = {"SYNCD_STATE_DIRECTORY": str(folder), **environment}
    return load_settings(None, environ, places=Places(config_files=()))


async def key_id_of(settings: Settings) -> str:
    """Open the vault and return the fingerprint of its key."""
    async with open_reading(settings) as ledger:
        return (await open_vault(settings, ledger)).key_id


def a_key(byte: int) -> str:
    """Return a key as the configuration has it."""
    return base64.b64encode(bytes([byte] * 32)).decode()


def test_without_a_configured_key_one_is_made_and_kept_closed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    first, again = [asyncio.run(key_id_of(settings)) for _ in range(2)]

    (file,) = tmp_path.glob("*.key")
    assert first == again
    assert (file.name, len(file.read_bytes())) == ("documents.key", 32)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".*.key")) == []


def test_processes_that_start_together_make_one_key(tmp_path: Path) -> None:
    file = tmp_path / "documents.key"

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: _own_key(file), range(32)))

    assert keys == {file.read_bytes()}


async def test_another_key_than_the_documents_were_encrypted_with_is_refused(tmp_path: Path) -> None:
    await key_id_of(settings_of(tmp_path, SYNCD_DOCUMENTS__KEY=a_key(1)))

    with pytest.raises(Misconfigured) as refused:
        await key_id_of(settings_of(tmp_path, SYNCD_DOCUMENTS__KEY=a_key(2)))

    assert refused.value.key == "SYNCD_DOCUMENTS__KEY"
    assert a_key(2) not in str(refused.value)


async def test_a_pdf_can_be_checked_by_itself() -> None:
    assert await check_pdf(paper("bonjour")) is None
    assert await check_pdf(b"<html>") is not None
