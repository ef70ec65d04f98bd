"""The container image's recipe, read line by line: no engine is needed, so this says nothing of a build."""

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined."""

    word: str
    rest: str

    def exec_form(self) -> list[str]:
        """Return the words of `["…", "…"]`; a shell form is an error."""
        words = json.loads(self.rest)
        assert isinstance(words, list)
        return [str(word) for word in words]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    found: list[list[Instruction]] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, rest.strip()))
    return found


BUILDER, IMAGE = stages()


def the(word: str) -> Instruction:
    """Return the only instruction of this kind in the image."""
    (found,) = [instruction for instruction in IMAGE if instruction.word == word]
    return found


def test_the_image_is_built_in_one_stage_and_runs_in_another() -> None:
    assert BUILDER[0].rest == "python:3.13-slim AS builder"
    assert IMAGE[0].rest == "python:3.13-slim"
    assert [i.rest for i in IMAGE if i.word == "COPY"] == ["--from=builder /opt/syncd /opt/syncd"]


def test_the_image_runs_as_a_fixed_number_that_is_not_root() -> None:
    assert the("USER").rest == "10001:10001"
    assert any("--uid 10001" in i.rest and "--gid 10001" in i.rest for i in IMAGE if i.word == "RUN")


def test_signals_reach_the_daemon_itself() -> None:
    assert the("ENTRYPOINT").exec_form() == ["syncd"]
    assert the("CMD").exec_form() == ["run"]
    assert the("STOPSIGNAL").rest == "SIGTERM"


def test_the_root_may_be_read_only_for_only_the_state_directory_is_written() -> None:
    environment = the("ENV").rest

    assert the("VOLUME").rest == "/var/lib/syncd"
    assert "SYNCD_STATE_DIRECTORY=/var/lib/syncd" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


def test_health_is_asked_of_livez_by_valid_python() -> None:
    options, _, command = the("HEALTHCHECK").rest.partition("CMD ")
    python, flag, code = json.loads(command)

    compile(code, "healthcheck", "exec")
    assert (python, flag) == ("python", "-c")
    assert "/livez" in code
    assert "--start-period=" in options


def test_every_package_comes_by_its_hash_and_syncd_from_here() -> None:
    installs = [
        part
        for i in BUILDER
        if i.word == "RUN"
        for part in i.rest.split("&&")
        if re.search(r"pip (install|wheel)", part)
    ]

    assert len(installs) == 4
    assert all("--no-deps" in part for part in installs)
    assert sum("--require-hashes" in part for part in installs) == 2


def test_whatever_builds_the_wheel_is_in_the_developers_lock_and_taken_from_it() -> None:
    (expression,) = [match for i in BUILDER for match in re.findall(r"/\^\(([\w|-]+)\)==/", i.rest)]
    taken = set(expression.split("|"))
    wanted = {
        re.split(r"[^\w-]", need)[0] for need in metadata.requires("hatchling") or () if "python_version" not in need
    }
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")

    assert {"hatchling"} | wanted == taken
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in taken)


def _copied() -> list[str]:
    sources = [i.rest.split()[:-1] for i in BUILDER if i.word == "COPY"]
    return [source.removeprefix("./") for line in sources for source in line]


@pytest.mark.parametrize("source", _copied())
def test_what_is_copied_exists_and_is_let_through(source: str) -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert (ROOT / source).exists()
    assert f"!{source}" in allowed
    assert "*" in allowed


def test_the_recipe_names_no_address() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.findall(r"https?://(?!127\.0\.0\.1)", text) == []
