"""Where the incremental reading of the store stands. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from syncd.adapters.missions.values import read_instant

Position = tuple[str | int, str | int]
"""`updated_at` and `mission_id` of a row, exactly as the store spells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in the order of (`updated_at`, `mission_id`), in the store's own form.

    A pass reads everything behind `kept`, page after page; `reading` is how far this pass has come. `kept` moves over a
    row only while every row so far is older than the store's present minus the overlap: the next pass starts there and
    so sees the newest rows again, with those that were committed late among them. A row whose `updated_at` cannot be
    read moves nothing: one that sorts behind all others would hide every later change.
    """

    form: str
    """How the store writes `updated_at`; after a change of it an old cursor compares with nothing."""
    kept: Position | None = None
    reading: Position | None = None
    is_beyond: bool = False
    """Whether this pass has met a row too new to be kept."""

    @classmethod
    def decode(cls, text: str | None, *, form: str) -> Self:
        """Return the cursor of a text; the beginning when it is not one of ours: reading again is harmless."""
        try:
            content = json.loads(text) if text is not None else {}
            if content.get("form") != form:
                return cls(form=form)
            kept, reading = _position(content["kept"]), _position(content["reading"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(form=form)
        return cls(form=form, kept=kept, reading=reading, is_beyond=bool(content.get("is_beyond")))

    def encode(self) -> str | None:
        """Return the cursor as text, `None` when there is nothing to remember."""
        if self.kept is None and self.reading is None:
            return None
        content = {"form": self.form, "kept": self.kept, "reading": self.reading, "is_beyond": self.is_beyond}
        return json.dumps(content)

    def after(self, positions: Iterable[Position], *, cap: datetime | None, has_more: bool) -> Self:
        """Return the cursor after these rows, in their order; no `kept` position is newer than `cap`."""
        kept, reading, is_beyond = self.kept, self.reading, self.is_beyond
        for reading in positions:
            instant = read_instant(reading[0])
            if is_beyond or not isinstance(instant, datetime):
                continue
            if cap is None or instant > cap:
                is_beyond = True
                continue
            kept = reading
        if not has_more:
            return type(self)(form=self.form, kept=kept, reading=kept)
        return type(self)(form=self.form, kept=kept, reading=reading, is_beyond=is_beyond)


def _position(content: object) -> Position | None:
    match content:
        case None:
            return None
        case [str() | int() as updated_at, str() | int() as mission_id]:
            return updated_at, mission_id
        case _:
            raise ValueError("not a position")
