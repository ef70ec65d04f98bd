"""Logs are set up for a whole process: each test gives them back as it found them."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from syncd.logs.configuration import _Output


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    if _Output.writer is not None:
        _Output.writer.close()
        _Output.writer = None
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    structlog.reset_defaults()
