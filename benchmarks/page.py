"""The page of results: a section for each benchmark, replaced when that one is measured again."""

import re
from collections.abc import Mapping, Sequence

from benchmarks.table import Figure

_HEAD = """# Measured

By `make bench`, or one by one with `.venv/bin/python -m benchmarks NAME`. What is compared was measured side by side in
one run, so the ratios count; absolute figures are context. Both sides use the same HTTP client and the same server.
"""
_TABLE = "| figure | ratio | target | context |\n| --- | --- | --- | --- |\n"


def section(conditions: str, figures: Sequence[Figure]) -> str:
    """Return what stands below a benchmark's name: under which conditions, and its table."""
    return f"{conditions}\n\n{_TABLE}" + "".join(f"{figure.row()}\n" for figure in figures)


def sections_of(page: str) -> dict[str, str]:
    """Return the sections of a page by the names of their benchmarks."""
    _, *parts = re.split(r"^## (\w+)\n\n", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], (part.strip("\n") + "\n" for part in parts[1::2]), strict=True))


def page_of(sections: Mapping[str, str], order: Sequence[str]) -> str:
    """Return the page, its sections in this order."""
    return _HEAD + "".join(f"\n## {name}\n\n{sections[name]}" for name in order if name in sections)
