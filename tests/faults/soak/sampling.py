"""What a process takes of its machine, seen from outside: /proc, and its own count of tasks."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGES_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. `rss_kb` is the whole resident memory, `anonymous_kb` its part that no file explains (heap, stacks).

    `tasks` is `None` when the process did not tell in time.
    """

    at_s: float
    rss_kb: int
    anonymous_kb: int
    fds: int
    threads: int
    children: int
    tasks: int | None


async def look_at(pid: int, *, at_s: float, ops_port: int | None) -> Sample:
    """Return what a process takes now.

    Raises:
        OSError: there is no such process any more.
    """
    folder = Path(f"/proc/{pid}")
    status = _fields((folder / "status").read_text())
    children = [task for task in (folder / "task").iterdir() if (task / "children").exists()]
    return Sample(
        at_s=at_s,
        rss_kb=status["VmRSS"],
        anonymous_kb=status["RssAnon"],
        fds=len(list((folder / "fd").iterdir())),
        threads=status["Threads"],
        children=sum(len(_read(task / "children").split()) for task in children),
        tasks=await _count_tasks(ops_port) if ops_port is not None else None,
    )


def _fields(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, flags=re.MULTILINE)}


def _read(file: Path) -> str:
    with suppress(OSError):  # a thread may have ended since it was listed
        return file.read_text()
    return ""


async def _count_tasks(port: int) -> int | None:
    found = re.search(rb"^syncd_tasks (\d+)$", await ask_page(port, "/metrics"), flags=re.MULTILINE)
    return int(found[1]) if found else None


async def ask_page(port: int, path: str) -> bytes:
    """Return what a page answers, headers included; nothing when it does not in time."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PAGES_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                return await reader.read()
            finally:
                writer.transport.abort()
    return b""
