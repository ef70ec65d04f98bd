"""A log that keeps its lines for a test and accepts nothing that the catalogue does not have."""

from dataclasses import dataclass, field

from syncd.events import Level, Loggable, check, entry_of, loggable


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as a room wrote it."""

    level: Level
    event: str
    keys: dict[str, Loggable]
    error: BaseException | None


@dataclass(slots=True)
class RecordingLog:
    """Implements `syncd.events.Log`; a name, a key or a level that is not the catalogue's fails the test."""

    lines: list[Line] = field(default_factory=list)

    def debug(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> None:
        """Keep a line for developers."""
        self._keep(Level.DEBUG, event, keys, exc_info)

    def info(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> None:
        """Keep a line that says that the world changed."""
        self._keep(Level.INFO, event, keys, exc_info)

    def warning(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> None:
        """Keep a line about something that is tried again."""
        self._keep(Level.WARNING, event, keys, exc_info)

    def error(self, event: str, /, *, exc_info: BaseException | None = None, **keys: Loggable) -> None:
        """Keep a line that asks for a person."""
        self._keep(Level.ERROR, event, keys, exc_info)

    def events(self) -> list[str]:
        """Return the names of what was written, in order."""
        return [line.event for line in self.lines]

    def of(self, event: str) -> list[dict[str, Loggable]]:
        """Return the keys of every line of this event."""
        return [line.keys for line in self.lines if line.event == event]

    def _keep(self, level: Level, event: str, keys: dict[str, Loggable], error: BaseException | None) -> None:
        check(event, keys)
        entry = entry_of(event)
        assert entry is not None
        assert entry.level is level, f"{event} is {entry.level} in the catalogue, not {level}"
        private = sorted(set(keys) - loggable(event))
        assert not private, f"{event} may keep {private} in a timeline, not in a log"
        self.lines.append(Line(level=level, event=event, keys=keys, error=error))
