"""Runs every test with branch coverage and judges it: all of what must not be wrong, and nearly all of the rest.

python -m tests.deep.coverage [--figures FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

WHOLLY = (
    "syncd/procedure.py",
    "syncd/admission.py",
    "syncd/wellformed.py",
    "syncd/standing.py",
    "syncd/transitions.py",
    "syncd/jobs/settle.py",
    "syncd/store/",
    "syncd/adapters/cactus/outcomes.py",
)
"""Every line and every branch: the procedure, the ledger with its outbox, and what answers of CACTUS mean."""
LEAST_PERCENT = 95.0


def main() -> int:
    """Run the tests; return 0 when enough of the code was run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        code = _run_tests(Path(folder), report)
        if not report.exists():
            return code or 1
        measured = json.loads(report.read_text())
    faults = list(judge(measured))
    percent = round(float(measured["totals"]["percent_covered"]), 2)
    print(*(faults or [f"branch coverage: {percent} % of all, 100 % of {', '.join(WHOLLY)}"]), sep="\n")
    if asked.figures is not None:
        line = {"test": "coverage", "what": "branch coverage", "percent": percent, "faults": len(faults)}
        with asked.figures.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    return 1 if faults else code


def _run_tests(folder: Path, report: Path) -> int:
    """Run every test, and what failed beside others once more, alone, as `make test` does; return pytest's code."""
    reports = ("--cov-report=", f"--cov-report=json:{report}")
    measure = ("--cov=syncd", "--cov-branch", *reports, "-o", f"cache_dir={folder}")
    code = _run_pytest(folder, *measure, "--numprocesses=3", "--dist=worksteal", "tests")
    if code == pytest.ExitCode.TESTS_FAILED:
        print("what failed, once more and alone", flush=True)
        code = _run_pytest(folder, *measure, "--cov-append", "--last-failed", "--last-failed-no-failures=none", "tests")
    return code


def _run_pytest(folder: Path, *options: str) -> int:
    environment = {**os.environ, "COVERAGE_FILE": str(folder / "measured")}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *options], env=environment, check=False).returncode


def judge(measured: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not covered as it must be; `measured` is the JSON report of coverage.py.

    A file that must be covered wholly and was not measured at all is a fault too.
    """
    for name in WHOLLY:
        files = {file: said for file, said in measured["files"].items() if _is_of(file, name)}
        if not files:
            yield f"{name}: not measured"
        for file, said in files.items():
            branches = [f"{start}->{end}" for start, end in said["missing_branches"]]
            missed = [*map(str, said["missing_lines"]), *branches]
            if missed:
                yield f"{file}: not covered: {', '.join(missed)}"
    percent = float(measured["totals"]["percent_covered"])
    if percent < LEAST_PERCENT:
        yield f"{percent:.2f} % of the branches are covered, {LEAST_PERCENT} % are wanted"


def _is_of(file: str, name: str) -> bool:
    is_history = "/migrations/" in file
    return file.startswith(name) and not is_history


if __name__ == "__main__":
    sys.exit(main())
