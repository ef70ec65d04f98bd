"""A copy of the checkout in which bugs are planted and tests are run. The checkout itself is never touched."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.faults.seeded_bugs.bug import Bug

ROOT = Path(__file__).parents[3]
_COPIED = ("syncd", "tests", "config", "docs", "pyproject.toml", "README.md", "Makefile")
_LONGEST_TEST_S = 60
_LONGEST_RUN_S = 300


class Ending(StrEnum):
    """How the catchers ended."""

    PASSED = "passed"
    FAILED = "failed"
    BROKE = "broke"
    """Something else than an assertion ended them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of tests in the copy. `by` is the test that ended it, with its error when that is no assertion."""

    ending: Ending
    by: str
    took_s: float


class Nursery:
    """The copy."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def planted(self, bug: Bug) -> Iterator[None]:
        """Have a bug in the copy for a while.

        Raises:
            DoesNotApplyError: the product is no longer what the bug was written for.
        """
        changed = bug.applied(self._root)
        former = {path: path.read_text(encoding="utf-8") for path in changed}
        try:
            _write(changed)
            yield
        finally:
            _write(former)

    def run(self, catchers: Sequence[str]) -> Run:
        """Run tests until one fails."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            witness = Path(folder) / "witness"
            says = self._pytest(catchers, witness)
            lines = [json.loads(line) for line in witness.read_text().splitlines()] if witness.exists() else []
        ending, by = self._judge(lines, says)
        return Run(ending=ending, by=by, took_s=round(time.monotonic() - begun, 1))

    def _judge(self, lines: list[dict[str, Any]], says: str) -> tuple[Ending, str]:
        if not lines or "product" not in lines[-1]:
            return Ending.BROKE, f"pytest did not come to its end: {says[-2000:]}"
        if Path(lines[-1]["product"]) != self._root / "syncd":
            return Ending.BROKE, f"what was tested is {lines[-1]['product']}"
        for line in lines[:-1]:
            if line["is_assertion"]:
                return Ending.FAILED, line["test"]
            return Ending.BROKE, f"{line['error']} in {line['test']} ({line['phase']})"
        return (Ending.PASSED, "") if lines[-1]["passed"] else (Ending.BROKE, f"no test was run: {says[-2000:]}")

    def _pytest(self, catchers: Sequence[str], witness: Path) -> str:
        command = [
            sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider",
            "-p", "tests.faults.seeded_bugs.witness", f"--witness={witness}", f"--timeout={_LONGEST_TEST_S}", *catchers,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=self._root, env=self._environment(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            return process.communicate(timeout=_LONGEST_RUN_S)[0]
        except subprocess.TimeoutExpired:
            return "it hangs"
        finally:
            with suppress(ProcessLookupError):  # a hanging test may have left children
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def _environment(self) -> dict[str, str]:
        """Return an environment in which `syncd` is the copy, and no outer pytest is heard of."""
        plain = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST", "SYNCD_", "COV_", "COVERAGE"))}
        return plain | {"PYTHONPATH": str(self._root)}


def _write(texts: Mapping[Path, str]) -> None:
    """Write files and forget what was compiled of them: to Python, two texts of one second and one length are alike."""
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    """Give a copy of the checkout as it is now; it is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="syncd-bugs-") as folder:
        root = Path(folder).resolve()
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, root / name)
        yield Nursery(root)
