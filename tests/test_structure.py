"""What no reader should have to check: sizes, layers, who knows the time and the environment, and no stray words."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40

CLOCK = {"syncd/clock.py"}
ENVIRONMENT = {"syncd/settings/load.py"}
TIME_AND_DICE = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now", "datetime.date.today",
    "time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4",
}  # fmt: skip
DICE_MODULES = {"random", "secrets"}

FORBIDDEN = {
    "an address of a package registry": r"https?://[\w.-]*(pypi\.org|pythonhosted\.org|npmjs\.org|jsdelivr|unpkg)",
    "an option that names a registry": r"--(extra-)?index-url[ =]\S|--find-links[ =]\S",
    "a path of somebody's machine": r"(?<![\w.$}])/" + r"(work|root|home/\w+)/",
    "a conflict that was not resolved": r"^(<{7}|>{7}) ",
}


# ------------------------------------------------------------------------------------------------------- what there is


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file of the project, those not yet committed included."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file())


def named(path: Path) -> str:
    """Return a path as people write it."""
    return path.relative_to(ROOT).as_posix()


def python_files(*rooms: str) -> Iterator[Path]:
    """Yield the Python files of these rooms, migrations left out: they are history."""
    for path in tracked():
        if path.suffix == ".py" and named(path).startswith(rooms) and "migrations" not in path.parts:
            yield path


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"))


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every file that is a text."""
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            yield path, content.decode("utf-8")


# --------------------------------------------------------------------------------------------------------------- sizes


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files("")}

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{named(path)}: {node.name}": (node.end_lineno or 0) - node.body[0].lineno + 1
        for path in python_files("")
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


# -------------------------------------------------------------------------------------------------------------- layers


def test_every_folder_of_python_files_is_a_package() -> None:
    """Otherwise the check of the layers does not see it."""
    folders = {path.parent for path in python_files("syncd/", "tests/")}

    assert sorted(named(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_only_the_clock_knows_the_time_and_the_dice() -> None:
    found = [
        f"{named(path)}: {ast.unparse(node)}"
        for path in python_files("syncd/")
        for node in ast.walk(parsed(path))
        if named(path) not in CLOCK and _reads_time_or_dice(node)
    ]

    assert found == []


def _reads_time_or_dice(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=function):
            return ast.unparse(function) in TIME_AND_DICE
        case ast.Import(names=names):
            return any(name.name in DICE_MODULES for name in names)
        case ast.ImportFrom(module=module):
            return module in DICE_MODULES
        case _:
            return False


def test_only_the_settings_read_the_environment() -> None:
    found = [
        f"{named(path)}:{node.lineno}"
        for path in python_files("syncd/")
        for node in ast.walk(parsed(path))
        if named(path) not in ENVIRONMENT
        and isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("datetime.now(UTC)", True),
        ("uuid4()", True),
        ("import random", True),
        ("from secrets import token_hex", True),
        ("clock.now()", False),
        ("uuid5(KEYS, 'x')", False),
    ],
)
def test_the_search_for_time_and_dice_finds_what_it_should(source: str, is_found: bool) -> None:
    assert any(_reads_time_or_dice(node) for node in ast.walk(ast.parse(source))) is is_found


# --------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("meaning", FORBIDDEN)
def test_no_text_has_a_word_that_belongs_elsewhere(meaning: str) -> None:
    pattern = re.compile(FORBIDDEN[meaning], re.MULTILINE)

    found = [
        f"{named(path)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for path, text in texts()
        if path != Path(__file__)
        for match in pattern.finditer(text)
    ]

    assert found == []


def test_the_search_for_words_finds_what_it_should() -> None:
    stray = "/".join(("", "root", ".cache")), "https://files." + "pythonhosted.org/x", "--index-url" + " http://mirror"

    assert [any(re.search(pattern, text) for pattern in FORBIDDEN.values()) for text in stray] == [True] * 3


# --------------------------------------------------------------------------------------------------------------- locks

PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)[^\n]*( \\\n    --hash=sha256:\w{64})+$", re.MULTILINE
)


def pins(lock: str) -> dict[str, str]:
    """Return the version of every package of a lock."""
    return {match["name"]: match["version"] for match in PINNED.finditer((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_has_an_exact_version_and_hashes_for_every_package_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert "://" not in text
    assert len(entries) == len(pins(lock)) > 20


def test_developers_work_with_the_versions_that_run() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")

    assert {name: version for name, version in runtime.items() if development.get(name) != version} == {}
