"""The owner's side of a zygote."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.faults.crash.orders import End, Order
from tests.support.environment import without_settings

_ROOT = Path(__file__).parents[3]


class Zygote:
    """Forks processes on order, each in a fraction of the time that it takes to start one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._answers = process.stdin, process.stdout
        self.rehearsed: set[str] = set()
        """What it did itself already, so that its forks know how."""

    def fork(self, order: Order) -> End:
        """Return how the process ended that was to do this."""
        self._orders.write(json.dumps(asdict(order)) + "\n")
        self._orders.flush()
        answer = self._answers.readline()
        assert answer, "the zygote died"
        return End(**json.loads(answer))


@contextmanager
def start_zygote() -> Iterator[Zygote]:
    """Start a zygote, and end it."""
    command = [sys.executable, "-m", "tests.faults.crash.zygote"]
    environment = without_settings()
    nobody = {"SSL_CERT_FILE": os.devnull}  # reading the world's authorities takes a tenth of a short life
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment | nobody, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Zygote(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
