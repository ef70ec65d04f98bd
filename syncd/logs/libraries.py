"""Takes what libraries and the interpreter say, and passes on who said it, how loudly, and nothing else."""

import logging
import sys
import threading
from types import TracebackType
from typing import Final

from syncd.events import Log

_LOUD: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "sqlalchemy", "aiohttp", "asyncio",
                "alembic", "httpx", "httpcore", "aiosmtplib", "py.warnings")  # fmt: skip
"""Libraries that bring handlers of their own, or whose debug level quotes what they carry."""


class LibraryHandler(logging.Handler):
    """Logs a library's warning without its text: SQL parameters, addresses and bodies travel in such texts.

    A library's error is a warning of ours, with its severity: what it means is for whoever called the library to say.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(level=logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line about one record."""
        error = record.exc_info[1] if record.exc_info else None
        place = {} if error is not None else {"place": f"{record.module}:{record.lineno}"}
        severity = record.levelname.lower()
        self._log.warning("library.warned", exc_info=error, library=record.name, severity=severity, **place)


def capture_libraries(log: Log) -> None:
    """Make every library write through `log`, from warning up, whatever our own level is."""
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(log))
    root.setLevel(logging.WARNING)
    for name in _LOUD:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(logging.WARNING)
        library.propagate = True


def capture_crashes(log: Log) -> None:
    """Make an error that nobody caught end in one line instead of a traceback that quotes its text."""

    def crashed(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
            return
        log.error("daemon.crashed", exc_info=error.with_traceback(traceback))

    def thread_crashed(args: threading.ExceptHookArgs) -> None:
        log.error("daemon.crashed", exc_info=args.exc_value)

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        log.warning("library.warned", exc_info=args.exc_value, library="python", severity="unraisable")

    sys.excepthook = crashed
    threading.excepthook = thread_crashed
    sys.unraisablehook = unraisable
