"""Real processes of the service, with outputs, clocks and signals of every kind."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.environment import without_settings
from tests.world.world import World

SECONDS = 25.0


def environment_of(world: World, **more: str) -> dict[str, str]:
    """Return the environment of an installation's processes."""
    plain = without_settings()
    return plain | world.environment | more


@contextmanager
def service(world: World, redirection: str, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service with its outputs as a shell redirects them; whatever became of it, it has ended afterwards."""
    command = f'exec "$0" -m syncd {" ".join(arguments)} {redirection}'
    with subprocess.Popen(
        ["sh", "-c", command, sys.executable], env=environment_of(world, **more), cwd=world.folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def until(is_so: Callable[[], bool], *, what: str = "it never came to that") -> None:
    """Return once something is so; what takes long to find out is not asked all the time."""
    deadline = time.monotonic() + SECONDS
    while True:
        asked = time.monotonic()
        if is_so():
            return
        assert time.monotonic() < deadline, what
        time.sleep(0.02 + 3 * (time.monotonic() - asked))


def write_site(folder: Path, code: str) -> dict[str, str]:
    """Let a process begin with some code of the test's; return what its environment needs for that."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
