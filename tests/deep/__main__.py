"""Runs the deep parts one after another, and goes on where it stopped.

    python -m tests.deep [PART …] [--again] [--list]

A part that fails ends there and says why. One that passed on these very files is not run again: its result and its
figures are kept under `.deep/`. A change of the product, or of what tests share, makes every part due again; a change
of one suite's tests makes that part due.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.deep.parts import PARTS, Part

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".deep"
_ROOMS = ("syncd", "tests", "pyproject.toml", "requirements-dev.lock")
_LONGEST_TEST_S = 7200


@dataclass(frozen=True, slots=True)
class Done:
    """A part that ran to its end."""

    files: str
    """Of which state of the files: a hash."""
    passed: bool
    seconds: int


def main() -> int:
    """Run the parts that are due; return 0 when every one asked for has passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help="these alone (all)")
    parser.add_argument("--again", action="store_true", help="also what passed on these files before")
    parser.add_argument("--list", action="store_true", help="say what there is and what has passed, and run nothing")
    asked = parser.parse_args()
    unknown = set(asked.part) - {part.name for part in PARTS}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = [part for part in PARTS if part.name in asked.part or not asked.part]
    KEPT.mkdir(exist_ok=True)
    if not asked.list:
        for part in parts:
            if asked.again or not _has_passed(part):
                _run(part)
    _summarise(parts)
    return 0 if all(_has_passed(part) for part in parts) or asked.list else 1


def state_of_the_files(root: Path, part: Part) -> str:
    """Return a hash of everything that a part's result depends on."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        place = root / room
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            name = file.relative_to(root).as_posix()
            if file.is_file() and "__pycache__" not in file.parts and _matters(name, part):
                digest.update(f"{name}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _matters(name: str, part: Part) -> bool:
    """The tests of another part do not: only what tests share, and this part's own."""
    is_a_test = name.startswith("tests/") and Path(name).name.startswith("test_")
    return not is_a_test or part.runs_other_tests or name.startswith(tuple(f"{folder}/" for folder in part.tests))


def _run(part: Part) -> None:
    print(f"\n== {part.name}: {part.proves} (about {part.minutes} min)", flush=True)
    figures, since = KEPT / f"{part.name}.figures", time.monotonic()
    figures.unlink(missing_ok=True)
    code = subprocess.run(_command(part, figures), cwd=ROOT, check=False).returncode
    done = Done(state_of_the_files(ROOT, part), code == 0, round(time.monotonic() - since))
    (KEPT / f"{part.name}.json").write_text(json.dumps(asdict(done)))


def _command(part: Part, figures: Path) -> list[str]:
    if part.module is not None:
        return [sys.executable, "-m", part.module, "--figures", str(figures)]
    return [
        sys.executable, "-m", "pytest", "-q", "--exitfirst", "--deep", "--figures", str(figures),
        f"--timeout={_LONGEST_TEST_S}", "--numprocesses=3", "--dist=worksteal", "-p", "no:cacheprovider", *part.tests,
    ]  # fmt: skip


def _has_passed(part: Part) -> bool:
    done = _done(part)
    return done is not None and done.passed and done.files == state_of_the_files(ROOT, part)


def _done(part: Part) -> Done | None:
    file = KEPT / f"{part.name}.json"
    return Done(**json.loads(file.read_text())) if file.exists() else None


def _summarise(parts: list[Part]) -> None:
    print("\n== the deep run, part by part")
    total = 0
    for part in parts:
        done = _done(part)
        total += done.seconds if done is not None else 0
        print(f"{part.name:<12} {_said(done, part):<28} {part.proves}")
        for line in _figures(part):
            values = "  ".join(f"{name}={value}" for name, value in line.items() if name not in ("test", "what"))
            print(f"{'':<12}   {line['what']}: {values}")
    print(f"{total / 60:.0f} minutes in all")


def _said(done: Done | None, part: Part) -> str:
    if done is None:
        return "not run yet"
    said = f"{'passed' if done.passed else 'FAILED'} in {done.seconds / 60:.1f} min"
    return said if done.files == state_of_the_files(ROOT, part) else f"{said}, other files"


def _figures(part: Part) -> list[dict[str, Any]]:
    file = KEPT / f"{part.name}.figures"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    sys.exit(main())
