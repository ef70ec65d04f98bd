"""One test, two sizes: a sample in `make test`, the whole in `make deep`; and the figures that it measured.

    def test_c02_…(amount: Amount, figures: Figures) -> None:
        kills = amount(quick=40, deep=2000)
        ...
        figures.note("second kills during recovery", kills=kills, lost=0)

Figures are printed at the end of the run, and appended to `--figures FILE` as JSON lines.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

Figure = int | float | str


class Amount(Protocol):
    """How much of a thing this run takes."""

    def __call__(self, *, quick: int, deep: int) -> int:
        """Return `quick`, or `deep` when the run was asked for with `--deep`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Notes what a test measured."""

    config: pytest.Config
    test: str

    def note(self, what: str, **values: Figure) -> None:
        """Keep figures of one measured thing: `lost=0`, `p99_s=3.2`."""
        line = {"test": self.test, "what": what, **values}
        file = self.config.getoption("figures")
        report = self.config.stash.setdefault(_NOTED, [])
        report.append(line)
        if file is not None:
            with Path(file).open("a", encoding="utf-8") as out:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        worker_output = getattr(self.config, "workeroutput", None)
        if worker_output is not None:  # under pytest-xdist, what a worker prints is lost: its output is handed over
            worker_output.setdefault("figures", []).append(line)


_NOTED: pytest.StashKey[list[dict[str, Figure]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--deep` and `--figures`."""
    group = parser.getgroup("syncd")
    group.addoption("--deep", action="store_true", help="the whole of the long tests, not a sample (see make deep)")
    group.addoption("--figures", metavar="FILE", help="append what was measured to this file, as JSON lines")


@pytest.fixture(scope="session")
def amount(pytestconfig: pytest.Config) -> Amount:
    """Return how much of a thing this run takes."""
    is_deep = bool(pytestconfig.getoption("deep"))

    def choose(*, quick: int, deep: int) -> int:
        return deep if is_deep else quick

    return choose


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Return where to note what was measured."""
    return Figures(request.config, request.node.nodeid)


def pytest_testnodedown(node: object, error: object) -> None:
    """Take over what a worker measured."""
    handed_over = getattr(node, "workeroutput", {}).get("figures", [])
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist's WorkerController has no types
    config.stash.setdefault(_NOTED, []).extend(handed_over)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print every figure, a line each."""
    noted = config.stash.get(_NOTED, [])
    if not noted:
        return
    terminalreporter.section("figures")
    for line in noted:
        values = "  ".join(f"{name}={value}" for name, value in line.items() if name not in ("test", "what"))
        terminalreporter.line(f"{line['what']}: {values}")
