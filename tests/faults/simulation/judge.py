"""Watches every write to the ledger: nobody writes under a lease that is not his own, and none is taken too early."""

import sqlite3
from dataclasses import dataclass, field

from syncd.store.part import DEAD_AFTER
from tests.faults.simulation.history import History
from tests.faults.simulation.kinds import EPOCH

_DEAD_AFTER_US = int(DEAD_AFTER.total_seconds() * 1e6)
_EPOCH_US = int(EPOCH.timestamp() * 1e6)

_WATCH_CONTRACTS = """
CREATE TEMP TRIGGER watch_contracts AFTER UPDATE OF lease_owner, lease_token, lease_until ON main.contracts
WHEN OLD.lease_owner IS NOT NEW.lease_owner OR OLD.lease_token IS NOT NEW.lease_token
  OR OLD.lease_until IS NOT NEW.lease_until
BEGIN SELECT watch_contract(NEW.mission_id, OLD.lease_owner, OLD.lease_until, NEW.lease_owner,
  (SELECT heartbeat_at FROM main.replicas WHERE replica = OLD.lease_owner)); END
"""
_WATCH_LETTERS = """
CREATE TEMP TRIGGER watch_letters AFTER UPDATE OF state ON main.letters WHEN OLD.state IS NOT NEW.state
BEGIN SELECT watch_letter(NEW.message_id, OLD.state, NEW.state, OLD.lease_owner, OLD.lease_until,
  (SELECT heartbeat_at FROM main.replicas WHERE replica = OLD.lease_owner)); END
"""


@dataclass(slots=True, kw_only=True)
class Judge:
    """Sees each change of a lease as it is written, by whom, and says when it breaks a promise."""

    history: History
    settled_letters: dict[str, float] = field(default_factory=dict)

    def watch(self, connection: sqlite3.Connection, who: str) -> None:
        """Look at what this session writes."""

        def contract(mission_id: str, old: str | None, until: int | None, new: str | None, beat: int | None) -> None:
            self._see_lease(who, mission_id, old, until, new, beat)

        def letter(
            message_id: str, old_state: str, state: str, old: str | None, until: int | None, beat: int | None
        ) -> None:
            self._see_letter(who, message_id, f"{old_state}>{state}", old, until, beat)

        connection.create_function("watch_contract", 5, contract)
        connection.create_function("watch_letter", 6, letter)
        connection.executescript(f"{_WATCH_CONTRACTS}; {_WATCH_LETTERS};")

    def _see_lease(
        self, who: str, mission_id: str, old: str | None, until: int | None, new: str | None, beat: int | None
    ) -> None:
        if old is None and new is None:
            self.history.break_promise("I7", f"{who} wrote {mission_id} under a lease that is over")
        elif old is None and new != who:
            self.history.break_promise("I7", f"{who} gave {mission_id} to {new}")
        elif old is not None and old != who and new is not None:
            self.history.break_promise("I7", f"{who} wrote {mission_id}, which {old} holds")
        elif old is not None and old != who and not self._is_over(until, beat):
            self.history.break_promise("T04", f"{who} took {mission_id} from {old}, who is alive and holds it")

    def _see_letter(
        self, who: str, message_id: str, change: str, old: str | None, until: int | None, beat: int | None
    ) -> None:
        name = message_id[1:9]
        if change.endswith((">sent", ">failed")) and old != who:
            self.history.break_promise("I7", f"{who} wrote {change} of letter {name}, which {old or 'nobody'} holds")
        if change == "sending>unknown" and old not in (who, None) and not self._is_over(until, beat):
            self.history.break_promise("T04", f"{who} doubted letter {name} of {old}, who is alive and holds it")
        if change.startswith("sent>"):
            self.history.break_promise("I6", f"{who} wrote {change} of letter {name}, which was sent")

    def _is_over(self, until: int | None, beat: int | None) -> bool:
        now = _EPOCH_US + int(self.history.now() * 1e6) + 1
        return (until is not None and until <= now) or (beat is not None and beat <= now - _DEAD_AFTER_US)
