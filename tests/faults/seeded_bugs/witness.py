"""A pytest plugin that writes down which tests failed, and whether by an assertion: `-p … --witness FILE`."""

import json
from pathlib import Path

import pytest

import syncd


class Witness:
    """Appends a JSON line for each failure, and at the end one that says where the product was imported from."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object]) -> None:
        """Write down what failed: a test, or already its collection."""
        assert call.excinfo is not None
        error = call.excinfo.value
        is_assertion = call.when == "call" and _is_assertion(error)
        self._say(test=node.nodeid, phase=call.when, error=type(error).__name__, is_assertion=is_assertion)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write down what was tested."""
        self._say(passed=session.testscollected - session.testsfailed, product=str(Path(syncd.__file__).parent))

    def _say(self, **line: str | bool | int | None) -> None:
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--witness`."""
    parser.addoption("--witness", metavar="FILE", type=Path, help="where to write what failed")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    file = config.getoption("witness")
    if file is not None:
        config.pluginmanager.register(Witness(file))


def _is_assertion(error: BaseException) -> bool:
    """Whether a test said that something is not as it should be; running out of time says nothing."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_assertion(one) for one in error.exceptions)
    return isinstance(error, AssertionError | pytest.fail.Exception) and not str(error).startswith("Timeout")
