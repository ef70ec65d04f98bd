"""Sets the logs up: once at start, and again when the configuration is read again."""

import atexit
import json
import logging
import sys
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.typing import BindableLogger, EventDict, Processor, WrappedLogger

from syncd.events import Level, Log
from syncd.logs.cleaning import describe_error, keep_catalogued, lost_lines
from syncd.logs.libraries import capture_crashes, capture_libraries
from syncd.logs.writer import LineWriter

Form = Literal["auto", "json", "console"]

_LEVELS: Final = {
    Level.DEBUG: logging.DEBUG,
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}
_JSON: Final = json.JSONEncoder(ensure_ascii=False)
_STAMP: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)


class _Output:
    """The one place where this process's lines go, as `configure_logs` last said."""

    writer: LineWriter | None = None


def configure_logs(level: str, form: Form, stream: TextIO | None = None) -> None:
    """Write events of this level and above to `stream` (standard output): JSON lines, or for eyes on a terminal.

    May be called again with other values; lines that still wait for a slow reader stay in order. A command that prints
    its result on standard output gives standard error here.
    """
    # Standard output is `None` in a process that was started without one.
    stream = stream if stream is not None else cast("TextIO | None", sys.stdout)
    renderers = _renderers(form, stream)
    writer = _writer_to(stream)
    logger = _LineLogger(writer)
    writer.tell_lost = lambda count: _rendered(renderers, count)
    structlog.configure(
        processors=[structlog.processors.add_log_level, _STAMP, describe_error, keep_catalogued, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[Level(level)]),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )
    capture_libraries(get_log())


def get_log() -> Log:
    """Return the log that every room is given; it follows each later `configure_logs`."""
    return cast("Log", _Following())


def log_crashes() -> None:
    """Make an error that nobody caught end in a line of the log, in a process that is all ours."""
    capture_crashes(get_log())


def lines_lost() -> int:
    """Return how many lines were dropped because nobody could take them, since the start."""
    return _Output.writer.lost if _Output.writer is not None else 0


def flush_logs() -> None:
    """Give lines that wait for a slow reader a last chance, for one second at most."""
    if _Output.writer is not None:
        _Output.writer.flush()


atexit.register(flush_logs)


class _Following:
    """Has the methods of structlog's logger of the moment, assembled once for each configuration and not for each line.

    structlog's own proxy, told to keep what it assembled, would keep it through a later configuration.
    """

    __slots__ = ("_chain", "_logger")

    def __init__(self) -> None:
        self._logger: BindableLogger = structlog.get_logger()
        self._chain: object = None

    def __getattr__(self, name: str) -> object:
        # Whoever configures structlog gives it another chain of processors: `configure_logs` does, and so do tests.
        chain = structlog.get_config()["processors"]
        if chain is not self._chain:
            self._logger, self._chain = structlog.get_logger().bind(), chain
        return getattr(self._logger, name)


class _LineLogger:
    """What structlog calls with a rendered line, by the name of its level."""

    def __init__(self, writer: LineWriter) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = writer.write


def _writer_to(stream: TextIO | None) -> LineWriter:
    previous = _Output.writer
    if previous is not None and previous.stream is stream:
        return previous
    _Output.writer = LineWriter(stream)
    if previous is not None:
        _Output.writer.lost = previous.lost
        previous.close()
    return _Output.writer


def _renderers(form: Form, stream: TextIO | None) -> Sequence[Processor]:
    if form == "console" or (form == "auto" and _is_terminal(stream)):
        return [structlog.dev.ConsoleRenderer(colors=_is_terminal(stream), pad_event_to=24, sort_keys=False)]
    return [_as_json]


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return what the encoder says of the whole, part by part: it sets out anew for every object that it is given."""
    return "{" + ", ".join([f"{encode_basestring(key)}: {_value_as_json(value)}" for key, value in event.items()]) + "}"


def _value_as_json(value: object) -> str:
    return encode_basestring(value) if isinstance(value, str) else _JSON.encode(value)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _rendered(renderers: Sequence[Processor], lost: int) -> str:
    event: EventDict = _STAMP(None, "warning", lost_lines(lost))
    line: object = event
    for render in renderers:
        line = render(None, "warning", event)
    return str(line)
