"""The encrypted folder: durable, ours alone, and nothing left behind."""
# ruff: noqa: ASYNC240 - a test looks into its folder while nothing else runs

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.adapters.documents.disk import UNFINISHED, Disk
from syncd.adapters.documents.vault import FolderVault
from syncd.errors import RefusalCode, Refused, Transient
from tests.adapters.documents import killed_stores
from tests.adapters.documents.disks import NO_SPACE, READ_ONLY, STEPS, FailingDisk, FullDisk, WatchedDisk
from tests.adapters.documents.killed_stores import CONTENT, KEY, NAME

PROJECT = Path(__file__).parents[3]
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "documents"


def open_vault(
    folder: Path,
    *,
    key: bytes = KEY,
    new_id: Callable[[], str] = lambda: uuid4().hex,
    old_keys: tuple[bytes, ...] = (),
    disk: Disk | None = None,
) -> FolderVault:
    return FolderVault(folder, key, new_id=new_id, old_keys=old_keys, disk=disk)


async def test_p08_a_file_is_synced_before_it_is_named_and_its_folder_before_it_is_returned(folder: Path) -> None:
    folder.mkdir(parents=True)
    disk = WatchedDisk()

    await open_vault(folder, disk=disk).store(NAME, CONTENT)

    assert disk.steps == ["create", "write", "sync", "close", "rename", "sync_folder"]


async def test_p08_the_folder_that_is_created_is_durable_too(folder: Path) -> None:
    disk = WatchedDisk()

    await open_vault(folder, disk=disk).store(NAME, CONTENT)

    assert disk.steps[:2] == ["sync_folder", "create"]


def run_killed_stores(folder: Path) -> dict[str, str]:
    """Return the file ids that were returned, by the step at which their process was to be killed."""
    command = [sys.executable, "-m", killed_stores.__name__, str(folder)]
    path = os.pathsep.join([str(PROJECT), *filter(None, sys.path)])
    output = subprocess.run(command, env={"PYTHONPATH": path}, check=True, capture_output=True, text=True).stdout
    return dict(line.split() for line in output.splitlines())


async def test_p08_a_kill_at_any_step_leaves_whole_files_or_unfinished_ones_that_the_sweep_removes(
    folder: Path,
) -> None:
    folder.parent.mkdir()

    returned = run_killed_stores(folder)
    vault = open_vault(folder)
    file_ids = await vault.file_ids()
    removed = await vault.remove_unfinished(before=FAR_FUTURE)

    assert returned.keys() == {killed_stores.NEVER}
    assert set(returned.values()) < file_ids
    assert [await vault.load(NAME, file_id) for file_id in file_ids] == [
        CONTENT
    ] * 2  # killed at sync_folder, and never
    assert removed == 4  # killed at write, sync, close and rename
    assert {path.name for path in folder.iterdir()} == file_ids


@pytest.mark.parametrize("code", [NO_SPACE, READ_ONLY])
@pytest.mark.parametrize("step", STEPS)
async def test_p10_a_step_that_fails_leaves_nothing_and_may_be_tried_again(folder: Path, step: str, code: int) -> None:
    folder.mkdir(parents=True)

    with pytest.raises(Transient, match=os.strerror(code)):
        await open_vault(folder, disk=FailingDisk(step, code)).store(NAME, CONTENT)

    assert list(folder.iterdir()) == []
    file_id = await open_vault(folder).store(NAME, CONTENT)
    assert await open_vault(folder).load(NAME, file_id) == CONTENT


async def test_p10_a_full_disk_is_waited_for(folder: Path) -> None:
    with pytest.raises(Transient, match="No space left"):
        await open_vault(folder, disk=FullDisk()).store(NAME, CONTENT)


async def test_p10_a_folder_that_cannot_be_created_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    vault = open_vault(tmp_path / "file" / "documents")

    with pytest.raises(Transient, match="written"):
        await vault.store(NAME, CONTENT)


async def test_p10_a_folder_that_is_gone_has_lost_nothing_for_good(folder: Path) -> None:
    vault = open_vault(folder)

    with pytest.raises(Transient, match="removed"):
        await vault.remove("0" * 32 + ".bin")


async def test_a_file_that_cannot_be_read_is_waited_for(folder: Path) -> None:
    file_id = "0" * 32 + ".bin"
    (folder / file_id).mkdir(parents=True)

    with pytest.raises(Transient, match="read"):
        await open_vault(folder).load(NAME, file_id)


async def test_i8_an_error_of_the_disk_tells_neither_path_nor_mission(folder: Path) -> None:
    with pytest.raises(Transient) as error:
        await open_vault(folder, disk=FullDisk()).store(NAME, CONTENT)

    told = f"{error.value} {error.value.hint}"
    assert str(folder) not in told
    assert NAME.mission_id not in told


async def test_i8_files_and_folder_are_readable_by_the_service_alone_and_encrypted(folder: Path) -> None:
    file_id = await open_vault(folder).store(NAME, CONTENT)

    stored = folder / file_id
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert b"PDF" not in stored.read_bytes()
    assert NAME.mission_id.encode() not in stored.read_bytes()


async def test_p09_a_file_has_a_name_of_ours(folder: Path) -> None:
    file_id = await open_vault(folder, new_id=lambda: "0123456789abcdef" * 2).store(NAME, CONTENT)

    assert file_id == "0123456789abcdef" * 2 + ".bin"
    assert [path.name for path in folder.iterdir()] == [file_id]


@pytest.mark.parametrize("name", ["../escape", "", "0" * 31, "0" * 32 + "/x", "A" * 32])
async def test_p09_a_name_of_another_form_is_never_used(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        await open_vault(folder, new_id=lambda: name).store(NAME, CONTENT)

    assert not folder.exists()


async def test_p09_removing_what_is_no_name_of_ours_removes_nothing(folder: Path) -> None:
    neighbour = folder.parent / "syncd.sqlite"
    folder.mkdir(parents=True)
    neighbour.touch()

    await open_vault(folder).remove("../syncd.sqlite")

    assert neighbour.exists()


async def test_p07_a_name_that_comes_twice_overwrites_nothing(folder: Path) -> None:
    vault = open_vault(folder, new_id=lambda: "0" * 32)
    file_id = await vault.store(NAME, b"first")

    with pytest.raises(Transient):
        await vault.store(NAME, b"second")

    assert await vault.load(NAME, file_id) == b"first"
    assert {path.name for path in folder.iterdir()} == {file_id}


async def test_a_name_that_is_being_written_is_left_to_its_writer(folder: Path) -> None:
    unfinished = folder / f"{'0' * 32}.bin{UNFINISHED}"
    folder.mkdir(parents=True)
    unfinished.touch()

    with pytest.raises(Transient):
        await open_vault(folder, new_id=lambda: "0" * 32).store(NAME, CONTENT)

    assert list(folder.iterdir()) == [unfinished]


async def test_a_damaged_file_is_refused(folder: Path) -> None:
    file_id = await open_vault(folder).store(NAME, CONTENT)
    stored = folder / file_id
    stored.write_bytes(stored.read_bytes()[:-1])

    with pytest.raises(Refused) as refusal:
        await open_vault(folder).load(NAME, file_id)

    assert refusal.value.code is RefusalCode.CONTENT


async def test_a_document_outlives_a_change_of_key(folder: Path) -> None:
    new_key = bytes(31) + b"1"
    file_id = await open_vault(folder).store(NAME, CONTENT)

    rotated = open_vault(folder, key=new_key, old_keys=(KEY,))

    assert await rotated.load(NAME, file_id) == CONTENT
    with pytest.raises(Refused):
        await open_vault(folder, key=new_key).load(NAME, file_id)


async def test_files_of_others_are_neither_listed_nor_swept(folder: Path) -> None:
    file_id = await open_vault(folder).store(NAME, CONTENT)
    (folder / ".lock").touch()
    (folder / "notes.bin").touch()

    assert await open_vault(folder).file_ids() == {file_id}
    assert await open_vault(folder).remove_unfinished(before=FAR_FUTURE) == 0


async def test_the_sweep_leaves_stores_alone_that_may_still_run(folder: Path) -> None:
    unfinished = folder / f"{'0' * 32}.bin{UNFINISHED}"
    folder.mkdir(parents=True)
    unfinished.touch()
    written_at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    os.utime(unfinished, (written_at.timestamp(), written_at.timestamp()))

    assert await open_vault(folder).remove_unfinished(before=written_at) == 0
    assert await open_vault(folder).remove_unfinished(before=written_at + timedelta(seconds=1)) == 1


async def test_a_sweep_before_the_first_document_finds_nothing(folder: Path) -> None:
    assert await open_vault(folder).remove_unfinished(before=FAR_FUTURE) == 0
