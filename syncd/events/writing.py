"""Writes what happened to a contract into the log as well, as loud as the catalogue says."""

from collections.abc import Callable, Mapping

from syncd.events.log import Log
from syncd.events.reading import entry_of, loggable


def log_happening(
    log: Log, name: str, detail: Mapping[str, str | int | bool | None], *, mission_id: str, took_ms: int | None = None
) -> None:
    """Log an entry of a timeline, without what only a timeline keeps; a letter's `event` is its `letter` here.

    `mission_id` is empty for what is about no single mission.
    """
    may_be_told = loggable(name)
    keys: dict[str, str | int | bool | None] = {"mission_id": mission_id} if mission_id else {}
    for kept, value in detail.items():
        key = "letter" if kept == "event" else kept
        if key in may_be_told and key != "mission_id":
            keys[key] = value
    if took_ms is not None:
        keys["took_ms"] = took_ms
    entry = entry_of(name)
    write: Callable[..., object] = getattr(log, entry.level) if entry is not None else log.warning
    write(name, **keys)
