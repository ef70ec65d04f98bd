"""A planted mistake: what is written instead of what, and who notices."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class DoesNotApplyError(Exception):
    """The product's text is no longer what a bug replaces: the bug is to be written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One place in one file. `old` is there exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`story` is what its author thought; `catchers` are tests, the fastest first."""

    name: str
    story: str
    edits: tuple[Edit, ...]
    catchers: tuple[str, ...]

    def applied(self, root: Path) -> Mapping[Path, str]:
        """Return the changed files, whole.

        Raises:
            DoesNotApplyError: a text to be replaced is not there, or there twice.
        """
        texts: dict[Path, str] = {}
        for edit in self.edits:
            path = root / edit.path
            text = texts.get(path) or path.read_text(encoding="utf-8")
            if (times := text.count(edit.old)) != 1:
                raise DoesNotApplyError(f"{self.name}: {times} times in {edit.path}:\n{edit.old}")
            texts[path] = text.replace(edit.old, edit.new)
        return texts
