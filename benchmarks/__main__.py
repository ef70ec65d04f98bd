"""Measure side by side and write the table: `make bench`.

python -m benchmarks [NAME ...] [--missions N] [--known N] [--lives N] [--waiting N]
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import discovery, engines, initialise, known, lifecycle, promptness, replicas
from benchmarks.page import page_of, section, sections_of
from benchmarks.table import Figure

RESULTS = Path(__file__).parent / "RESULTS.md"
BENCHES: dict[str, Callable[[argparse.Namespace], Iterator[Figure]]] = {
    "initialise": lambda asked: initialise.measure(asked.missions),
    "engines": lambda asked: engines.measure(asked.missions),
    "known": lambda asked: known.measure(asked.known),
    "lifecycle": lambda asked: lifecycle.measure(asked.lives),
    "replicas": lambda asked: replicas.measure(asked.missions),
    "promptness": lambda asked: promptness.measure(asked.waiting),
    "discovery": lambda asked: discovery.measure(asked.known),
}


def main() -> int:
    """Print each figure when it is known; write each benchmark's section of the page at its end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[[], *BENCHES], help="these alone (all); the page keeps the others")
    parser.add_argument("--missions", type=int, default=5000, help="new ones, where these are initialised")
    parser.add_argument("--known", type=int, default=1_000_000, help="contracts, where these are at rest")
    parser.add_argument("--lives", type=int, default=500, help="new ones, where these are followed to their end")
    parser.add_argument("--waiting", type=int, default=100_000, help="contracts that wait, where some change")
    asked = parser.parse_args()
    for name in asked.name or BENCHES:
        print(f"== {name}", file=sys.stderr, flush=True)
        figures = []
        for figure in BENCHES[name](asked):
            print(figure.row(), flush=True)
            figures.append(figure)
        sections = sections_of(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        sections[name] = section(_conditions(asked), figures)
        RESULTS.write_text(page_of(sections, tuple(BENCHES)), encoding="utf-8")
    return 0


def _conditions(asked: argparse.Namespace) -> str:
    sizes = f"{asked.missions:,} new missions; {asked.lives:,} lives; {asked.known:,} known; {asked.waiting:,} waiting"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%d %B %Y}; {machine}; {sizes}."


if __name__ == "__main__":
    sys.exit(main())
