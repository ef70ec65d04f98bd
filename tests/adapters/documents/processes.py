"""Looks at the helper processes from outside, as the system shows them."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Return the running children of a process."""
    return [child for child, parent, state in _processes() if parent == pid and state not in "ZX"]


def _processes() -> list[tuple[int, int, str]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        found.append((int(folder.name), int(parent), state))
    return found


def helpers() -> list[int]:
    """Return the running helper processes of this test process."""
    return [child for child in children_of(os.getpid()) if b"pdf_child" in _proc_file(child, "cmdline")]


async def first_helper() -> int:
    """Return the first helper process of this test process, as soon as there is one."""
    return await _first(helpers)


async def first_child_of(pid: int) -> int:
    """Return the first child of a process, as soon as it has one."""
    return await _first(lambda: children_of(pid))


async def _first(look: Callable[[], list[int]]) -> int:
    async with asyncio.timeout(10):
        while not (found := look()):  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0)
    return found[0]


async def limited_child_of(pid: int) -> int:
    """Return the first child of a process, once it has limited itself and let go of its parent's pipes."""
    child = await first_child_of(pid)

    def is_shut_in() -> bool:
        return limits_of(child)["Max cpu time"] != "unlimited" and not open_files_of(child).keys() & {0, 1}

    return await _first(lambda: [child] if is_shut_in() else [])


def limits_of(pid: int) -> dict[str, str]:
    """Return the soft limits of a process."""
    lines = _proc_file(pid, "limits").decode().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[0] for line in lines}


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment a process was started with."""
    lines = _proc_file(pid, "environ").decode().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def open_files_of(pid: int) -> dict[int, str]:
    """Return what the descriptors of a process stand for."""
    files = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed while we look: a module that was just imported
            files[int(link.name)] = str(link.readlink())
    return files


def _proc_file(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
