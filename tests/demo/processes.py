"""Commands as processes of their own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import without_settings

SYNCD = (sys.executable, "-m", "syncd")
OWN_ENVIRONMENT = without_settings()


@contextmanager
def started(*arguments: str, environ: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Yield a running command whose lines can be read; it never outlives the block."""
    process = subprocess.Popen(
        [*SYNCD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        env=OWN_ENVIRONMENT | (environ or {}), start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def lines_until(process: subprocess.Popen[str], pattern: str) -> list[str]:
    """Return the lines up to the first one that has the pattern; all of them when none has."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if re.search(pattern, line):
            break
    return lines


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([*SYNCD, *arguments], capture_output=True, text=True, env=OWN_ENVIRONMENT, timeout=60)


def processes_that_name(path: Path) -> list[str]:
    """Return the command lines of living processes that have this path in them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(path) in command:
            found.append(command)
    return found
