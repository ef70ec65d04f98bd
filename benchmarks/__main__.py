"""Measure side by side and write the table: `make bench`.

python -m benchmarks [NAME ...] [--missions N] [--known N] [--lives N] [--waiting N]
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import discovery, engines, initialise, known, lifecycle, promptness, replicas
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
    """Print each figure when it is known; write them all at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[[], *BENCHES], help="these alone (all)")
    parser.add_argument("--missions", type=int, default=5000, help="new ones, where these are initialised")
    parser.add_argument("--known", type=int, default=1_000_000, help="contracts, where these are at rest")
    parser.add_argument("--lives", type=int, default=500, help="new ones, where these are followed to their end")
    parser.add_argument("--waiting", type=int, default=100_000, help="contracts that wait, where some change")
    asked = parser.parse_args()
    figures: list[Figure] = []
    for name in asked.name or BENCHES:
        print(f"== {name}", file=sys.stderr, flush=True)
        for figure in BENCHES[name](asked):
            print(figure.row(), flush=True)
            figures.append(figure)
    RESULTS.write_text(_page(figures, asked), encoding="utf-8")
    return 0


def _page(figures: list[Figure], asked: argparse.Namespace) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    size = f"{asked.missions:,} new missions; {asked.known:,} contracts at rest"
    head = f"# Measured\n\n{size}; {machine}. Ratios count, absolute figures are context.\n\n"
    table = "| figure | ratio | target | context |\n| --- | --- | --- | --- |\n"
    return head + table + "".join(f"{figure.row()}\n" for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
