"""What is wrong with a configuration: every problem at once, named by its key, never by its value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from syncd.errors import Misconfigured
from syncd.settings.business import RecipientRow

if TYPE_CHECKING:
    from syncd.settings.sources import Layer

HINT = "`syncd config check` lists every problem, `syncd config init` writes a file with every setting explained."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: the key as people wrote it, and what to do about it."""

    key: str
    message: str

    def __str__(self) -> str:
        """Show it as one line."""
        return f"{self.key}: {self.message}"


class SettingsRefused(Misconfigured):
    """The configuration cannot be used; `problems` has every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [str(problem) for problem in problems]
        message = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} settings are wrong:", *lines])
        super().__init__(message, key=problems[0].key, hint=HINT)
        self.problems = tuple(problems)


def problems_of(error: ValidationError, found: "Layer") -> list[Problem]:
    """Return pydantic's findings in our words; its own texts that repeat a value are left out."""
    findings = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        Problem(key=_key_of(finding["loc"], found), message=_message_of(finding["type"], finding["msg"]))
        for finding in findings
    ]


def _key_of(location: tuple[int | str, ...], found: "Layer") -> str:
    names = tuple(str(part) for part in location)
    for length in range(len(names), 0, -1):
        source = found.get(names[:length])
        if source is not None:
            return ", ".join([source.key, *_places(location[length:])])
    return ".".join(names)


def _places(location: tuple[int | str, ...]) -> list[str]:
    return [f"number {part + 1}" if isinstance(part, int) else part for part in location if part != "[key]"]


_MESSAGES: Mapping[str, str] = {
    "extra_forbidden": f"is no column of this table; it has {', '.join(RecipientRow.model_fields)}",
    "missing": "is missing",
}


def _message_of(kind: str, message: str) -> str:
    text = _MESSAGES.get(kind, message)
    for prefix in ("Value error, ", "Input "):
        text = text.removeprefix(prefix)
    return text
