"""The change feed: which contract changed, in which order."""

import base64
import binascii
from dataclasses import dataclass

from syncd.adapters.cactus.simulator.problems import cursor_expired
from syncd.model import ContractId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """Contracts in the order of their last change; `next_cursor` is the place after them."""

    contract_ids: tuple[ContractId, ...]
    next_cursor: str
    has_more: bool


class ChangeLog:
    """Remembers every change. A contract that changed again moves to the end, so that a reader sees it once more.

    A cursor names its log: one of another log (a simulator that was started again) is expired.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._epoch = 0
        self._changed: list[ContractId | None] = []
        self._place: dict[ContractId, int] = {}

    def record(self, contract_id: ContractId) -> None:
        """Put the contract at the end."""
        self.remove(contract_id)
        self._place[contract_id] = len(self._changed)
        self._changed.append(contract_id)

    def remove(self, contract_id: ContractId) -> None:
        """Take the contract out."""
        former = self._place.pop(contract_id, None)
        if former is not None:
            self._changed[former] = None

    def expire_cursors(self) -> None:
        """Make every cursor given so far too old."""
        self._epoch += 1

    def page(self, after: str | None, limit: int) -> ChangePage:
        """Return at most `limit` changes after a cursor.

        Raises:
            Problem: 410, the cursor is unknown or too old.
        """
        place = 0 if after is None else self._place_of(after)
        found: list[ContractId] = []
        while place < len(self._changed) and len(found) < limit:
            contract_id = self._changed[place]
            place += 1
            if contract_id is not None:
                found.append(contract_id)
        has_more = any(self._changed[later] is not None for later in range(place, len(self._changed)))
        return ChangePage(contract_ids=tuple(found), next_cursor=self._cursor(place), has_more=has_more)

    def _cursor(self, place: int) -> str:
        return base64.urlsafe_b64encode(f"{self._name}:{self._epoch}:{place}".encode()).decode().rstrip("=")

    def _place_of(self, cursor: str) -> int:
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            name, epoch, place = text.split(":")
            found = int(place)
        except (ValueError, binascii.Error) as error:
            raise cursor_expired() from error
        if (name, epoch) != (self._name, str(self._epoch)) or not 0 <= found <= len(self._changed):
            raise cursor_expired()
        return found
