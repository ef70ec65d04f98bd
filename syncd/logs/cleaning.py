"""What of an event may leave: an allow-list of keys, plain values, and of errors never a foreign text. Pure."""

import math
import re
import sys
from functools import lru_cache
from pathlib import Path
from types import NoneType, TracebackType
from typing import Final

from structlog.typing import EventDict, WrappedLogger

from syncd.errors import SyncdError
from syncd.events import entry_of, loggable

_LONGEST_TEXT = 300
_MOST_READ = 2 * _LONGEST_TEXT
_MOST_ITEMS = 50
_PACKAGE: Final = Path(__file__).parents[1]
_NAME = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")
_ADDRESS = re.compile(r"[^\s<>\"',;]+@[^\s<>\"',;]+")
_NIR = re.compile(r"(?<!\d)[12](?:[ .]?\d){12}(?:[ .]?\d{2})?(?!\d)")
_SHORTEST_NIR = 13
_MASK = "[masked]"

_Plain = str | int | float | bool | None | list[str]
_FIRST: Final = ("timestamp", "level")
_PLAIN_TYPES: Final = (str, int, float, list, tuple, set, frozenset, NoneType)


def describe_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put an error's type and place where its traceback was, and its message only when it is one of ours."""
    said = event.pop("exc_info", None)
    event.pop("stack_info", None)
    error = _error_of(said) if said is not None else None
    if error is not None:
        event["exception"] = _types_of(error)
        event["place"] = _place_of(error)
        if isinstance(error, SyncdError):
            event.setdefault("error", error.message)
    return event


def keep_catalogued(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what the catalogue allows for this event, as plain values, and count the rest under `unknown_keys`.

    The name of an unknown event is kept when it is nothing but a name.
    """
    name = str(event.pop("event", ""))
    is_known = entry_of(name) is not None or _NAME.fullmatch(name) is not None
    line: EventDict = {}
    for key in _FIRST:
        if key in event:
            line[key] = event.pop(key)
    line["event"] = name if is_known else "log.dropped"
    allowed, unknown = loggable(name), 0
    for key, value in event.items():
        if key not in allowed or not isinstance(value, _PLAIN_TYPES):
            unknown += 1
        elif isinstance(value, str):  # nearly all are
            line[key] = _text(key, value[:_MOST_READ])
        elif (plain := _plain(key, value)) is not None:
            line[key] = plain
    if unknown:
        line["unknown_keys"] = unknown
    return line


def _plain(key: str, value: object) -> _Plain:
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [item for item in value if isinstance(item, (str, int))]
        return [_text(key, str(item)[:_MOST_READ]) for item in items[:_MOST_ITEMS]]
    return None


@lru_cache(maxsize=512)
def _text(key: str, text: str) -> str:
    """Return the text on one line, short, without what looks like a mail address or a social security number.

    Most are told again at once: a mission's lines stand together, and roles, letters and steps are few words.
    """
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    if key != "message_id" and "@" in text:
        text = _ADDRESS.sub(_MASK, text)
    if len(text) >= _SHORTEST_NIR:
        text = _NIR.sub(_MASK, text)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _error_of(exc_info: object) -> BaseException | None:
    if exc_info is True:
        return sys.exc_info()[1]
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return exc_info if isinstance(exc_info, BaseException) else None


def _types_of(error: BaseException) -> str:
    """Return the error's type and those of its causes, the nearest first; of a group, its first member's."""
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < 6:
        names.append(type(current).__qualname__)
        current = current.exceptions[0] if isinstance(current, BaseExceptionGroup) else current.__cause__
    return " from ".join(names)


def _place_of(error: BaseException) -> str | None:
    """Return where in syncd the error passed last, else where it was raised: `syncd/jobs/advance.py:41 advance`."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    ours: str | None = None
    last: str | None = None
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        last = _where(traceback)
        ours = last if last.startswith("syncd/") else ours
        traceback = traceback.tb_next
    return ours or last


def _where(traceback: TracebackType) -> str:
    code = traceback.tb_frame.f_code
    path = Path(code.co_filename)
    inside = path.relative_to(_PACKAGE.parent) if path.is_relative_to(_PACKAGE) else Path(path.name)
    return f"{inside.as_posix()}:{traceback.tb_lineno} {code.co_name}"


def lost_lines(count: int) -> EventDict:
    """Return what is said of lines that nobody read in time; `count` goes from the start of the process."""
    return {"level": "warning", "event": "log.dropped", "count": count}
