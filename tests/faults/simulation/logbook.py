"""What the replicas log: checked line by line, and part of the trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog
from structlog.typing import EventDict, WrappedLogger

from syncd.events import check
from syncd.logs.cleaning import describe_error, keep_catalogued
from tests.faults.simulation.history import History
from tests.faults.simulation.processes import this_process

PERSONAL = (
    "Zoé",
    "zoe",
    "Lefèvre",
    "Camille",
    "Rességuier",
    "Guy",
    "Tuteur",
    "@example.com",
    "13001533200013",
    "Société",
)
"""Words of the missions that only people and CACTUS may read."""
_UNFORESEEN = frozenset({"contract.crashed", "letter.crashed", "contract.quarantined"})


@contextmanager
def kept_logbook(history: History) -> Iterator[None]:
    """Write every line that any replica logs into the history, and check it."""

    def write(_logger: WrappedLogger, method: str, event: EventDict) -> NoReturn:
        _write_line(history, method, event)
        raise structlog.DropEvent

    def examine(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        check(str(event["event"]), set(event) - {"event", "exc_info", "level", "log_level"})
        return event

    structlog.configure(processors=[examine, describe_error, keep_catalogued, write])
    try:
        yield
    finally:
        structlog.reset_defaults()


def _write_line(history: History, method: str, event: EventDict) -> None:
    who = this_process()
    if who.is_dead:
        return
    name = str(event.pop("event"))
    line = f"{method} {name} " + " ".join(f"{key}={value}" for key, value in sorted(event.items()))
    history.say(who.name, line)
    for word in PERSONAL:
        if word in line:
            history.break_promise("I8", f"a log line has {word!r}: {name}")
    if name in _UNFORESEEN and event.get("crashes") is None:
        history.break_promise("I2", f"an error that nobody foresaw: {line}")
