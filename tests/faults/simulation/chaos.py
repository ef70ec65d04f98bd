"""What befalls a town, and when: drawn before its first moment, from the seed alone."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial

from syncd.model import MissionId, Track
from tests.faults.simulation.kinds import PROCESSING_TIME, Kind, instant
from tests.faults.simulation.people import Registrars, numbered
from tests.faults.simulation.replica import Replica, address_of
from tests.faults.simulation.town import Town, snapshot_of

TROUBLE_S = 70.0
_MOST_STEPS_TO_FUSE = 120


class Chaos:
    """Plans and performs."""

    def __init__(self, town: Town, only: frozenset[Kind] | None) -> None:
        self._town = town
        self._only = only
        self._dice = town.dice("chaos")
        self._registrars = Registrars(town.table, town.dice("registrars"))
        self.missions = [numbered(number) for number in range(1, self._dice.randint(10, 11) + 1)]

    def plan(self) -> None:
        """Put everything that will happen into the world's calendar."""
        for mission in self.missions:
            self._at(self._dice.uniform(0, 35), partial(self._town.table.put, mission))
        for kind, act, mean, may in self._menu():
            for _ in range(self._times(kind, mean) if may else 0):
                self._at(self._dice.uniform(4, TROUBLE_S), act)

    def _menu(self) -> list[tuple[Kind, Callable[[], None], float, bool]]:
        """Return what may happen, how often on average, and whether it may at all.

        A restored ledger has forgotten what it asked, and only keys or a look-up can tell.
        """
        nature = self._town.nature
        return [
            (Kind.CRASH, self._crash, 6.0, True),
            (Kind.PAUSE, self._pause, 0.8, True),
            (Kind.SUSPEND, self._suspend, 0.4, True),
            (Kind.STOP, self._stop, 0.4, True),
            (Kind.PARTITION, self._cut_off, 0.4, True),
            (Kind.CLOCK_SKEW, self._skew, 0.4, True),
            (Kind.CLOCK_JUMP, self._jump, 0.4, True),
            (Kind.RESTORE, self._restore, 0.15, nature.has_keys or nature.has_look_up),
            (Kind.NEWER_WORDS, self._newer_words, 0.4, True),
            (Kind.EDITED, self._edit, 0.8, True),
            (Kind.WITHDRAWN, self._withdraw, 0.5, True),
            (Kind.REVALIDATED, self._validate_again, 0.5, True),
            (Kind.DUPLICATE, self._duplicate, 0.4, True),
            (Kind.ROW_LATE, self._late_row, 0.4, True),
            (Kind.HIDDEN, self._hide, 0.5, True),
            (Kind.DELETED, self._delete, 0.2, True),
            (Kind.STORE_EMPTIED, self._empty_store, 0.15, True),
            (Kind.STORE_RESTORED, self._restore_store, 0.15, True),
            (Kind.MAIL_REFUSED, self._forget_address, 0.4, True),
        ]

    def _times(self, kind: Kind, mean: float) -> int:
        if self._only is not None:
            return self._dice.randint(1, 3) if kind in self._only else 0
        whole = int(mean)
        spread = self._dice.randint(-whole + 1, whole - 1) if whole > 1 else 0
        return whole + spread + (self._dice.random() < mean - whole)

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._town.calendar.after(when - self._town.loop.now, act)

    def _count(self, kind: Kind, who: str, what: str = "") -> None:
        self._town.history.count(kind, who, what)

    # ------------------------------------------------------------------------------------------------- processes

    def _someone(self) -> Replica | None:
        awake = [r for r in self._town.up() if r.process.stopped_until is None]
        return self._dice.choice(awake) if awake else None

    def _light_fuse(self, act: Callable[[Replica], None]) -> None:
        """Do something to a process in the middle of its work, some steps from now."""
        replica = self._someone()
        if replica is not None and replica.process.fuse is None:
            replica.process.fuse = self._dice.randint(1, _MOST_STEPS_TO_FUSE)
            replica.process.at_fuse = lambda: act(replica)

    def _crash(self) -> None:
        back_after_s = self._dice.uniform(0.5, 12)
        self._light_fuse(lambda replica: self._town.crash(replica, back_after_s=back_after_s))

    def _pause(self) -> None:
        self._light_fuse(lambda replica: self._stop_for(replica, Kind.PAUSE))

    def _suspend(self) -> None:
        self._light_fuse(lambda replica: self._stop_for(replica, Kind.SUSPEND))

    def _stop_for(self, replica: Replica, kind: Kind) -> None:
        seconds = self._dice.uniform(16, 40)
        self._count(kind, replica.name, f"{seconds:.1f} s")
        self._town.scene.losses += 1
        self._town.loop.stop_process(replica.process, seconds, hands_too=kind is Kind.SUSPEND)
        self._town.server.note_stopped(replica.process)

    def _stop(self) -> None:
        if (replica := self._someone()) is not None:
            self._count(Kind.STOP, replica.name)
            replica.tell_to_stop()

    def _cut_off(self) -> None:
        replica = self._someone()
        if replica is None:
            return
        seconds = self._dice.uniform(5, 35)
        self._count(Kind.PARTITION, replica.name, f"{seconds:.1f} s")
        self._town.scene.losses += 1
        self._town.server.cut_off.add(replica.process)
        self._at(self._town.loop.now + seconds, lambda: self._town.server.cut_off.discard(replica.process))

    def _skew(self) -> None:
        if (replica := self._someone()) is not None:
            replica.clock.is_off_by = timedelta(seconds=self._dice.uniform(-60, 60))
            self._count(Kind.CLOCK_SKEW, replica.name, f"{replica.clock.is_off_by.total_seconds():.1f} s")

    def _jump(self) -> None:
        if (replica := self._someone()) is not None:
            replica.clock.is_off_by = self._dice.choice(
                (timedelta(seconds=50), timedelta(seconds=-50), timedelta(days=-365 * 55), timedelta())
            )
            self._count(Kind.CLOCK_JUMP, replica.name, f"{replica.clock.is_off_by.total_seconds():.0f} s")

    # ---------------------------------------------------------------------------------------------------- the ledger

    def _restore(self) -> None:
        """Take a snapshot now, and put it back in the place of the ledger later."""
        snapshot, taken_at = snapshot_of(self._town.server.file), self._town.loop.now
        if snapshot is not None:
            self._at(taken_at + self._dice.uniform(5, 30), lambda: self._put_back(snapshot, taken_at))

    def _put_back(self, snapshot: bytes, taken_at: float) -> None:
        town = self._town
        if town.is_closed or town.weather.is_fair:
            return
        self._count(Kind.RESTORE, "ADMIN", f"the snapshot of {taken_at:.1f}")
        town.is_closed = True
        town.scene.restores += 1
        town.cactus.may_see_other_bodies = True
        for replica in town.up():
            town.bury(replica)
        town.glimpse.close()
        town.server.put_back(snapshot)
        self._forget_newer_words()
        downtime_s = PROCESSING_TIME.total_seconds() + 1  # whoever restores waits for what is still under way

        def open_again() -> None:
            town.is_closed = False
            for _ in range(2):
                town.start_replica()

        self._at(town.loop.now + downtime_s, open_again)

    def _newer_words(self) -> None:
        """Let a newer version move a contract to a step that this one does not know, and back again."""
        with closing(sqlite3.connect(self._town.server.file, timeout=0)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                connection.execute("BEGIN IMMEDIATE")
                row = connection.execute(_A_FREE_CONTRACT).fetchone()
                if row is not None:
                    connection.execute(_SET_STEP, ("archived", row["mission_id"]))
                connection.commit()
            except sqlite3.OperationalError:
                return
        if row is not None:
            self._count(Kind.NEWER_WORDS, "NEWER", row["mission_id"])
            before, restores = {**row, "step": "archived"}, self._town.scene.restores
            self._at(
                self._town.loop.now + self._dice.uniform(5, 25),
                lambda: self._old_words_again(before, row["step"], restores),
            )

    def _forget_newer_words(self) -> None:
        with closing(sqlite3.connect(self._town.server.file)) as connection, connection:
            connection.execute("UPDATE contracts SET step = 'to_initialise', due_at = 0 WHERE step = 'archived'")

    def _old_words_again(self, before: dict[str, object], step: str, restores: int) -> None:
        if self._town.scene.restores != restores:
            return
        with closing(sqlite3.connect(self._town.server.file, timeout=0)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                self._at(self._town.loop.now + 0.05, lambda: self._old_words_again(before, step, restores))
                return
            mission_id = before["mission_id"]
            row = dict(connection.execute("SELECT * FROM contracts WHERE mission_id = ?", (mission_id,)).fetchone())
            connection.execute(_SET_STEP, (step, mission_id))
            connection.commit()
        changed = sorted(name for name in row if row[name] != before[name] and name != "due_at")
        if changed:
            self._town.history.break_promise("L06", f"{mission_id} of a newer version was written: {changed}")

    # --------------------------------------------------------------------------------------------------- the missions

    def _some_mission(self) -> MissionId | None:
        there = list(self._town.table.rows)
        return self._dice.choice(there) if there else None

    def _edit(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            self._count(Kind.EDITED, "FVMA", mission_id)
            self._registrars.edit(mission_id)

    def _withdraw(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            self._count(Kind.WITHDRAWN, "FVMA", mission_id)
            self._registrars.withdraw(mission_id)

    def _validate_again(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            self._count(Kind.REVALIDATED, "FVMA", mission_id)
            self._registrars.validate_again(mission_id)

    def _duplicate(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            first = self._town.table.rows[mission_id]
            self._count(Kind.DUPLICATE, "FVMA", mission_id)
            self._town.table.put(replace(first, mission_id=MissionId(f"{mission_id}-B"), mission_title="Autre mission"))

    def _late_row(self) -> None:
        """Commit a row whose `updated_at` is long past: the cursor may be beyond it."""
        mission = numbered(50 + len(self._town.table.rows))
        self._count(Kind.ROW_LATE, "FVMA", mission.mission_id)
        at = instant(max(0.0, self._town.loop.now - self._dice.uniform(1, 60)))
        self._town.table.put(replace(mission, track=Track.APPRENTISSAGE), updated_at=at)

    def _hide(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            self._count(Kind.HIDDEN, "FVMA", mission_id)
            self._town.table.hidden.add(mission_id)
            self._at(
                self._town.loop.now + self._dice.uniform(5, 45), lambda: self._town.table.hidden.discard(mission_id)
            )

    def _delete(self) -> None:
        if (mission_id := self._some_mission()) is not None:
            self._count(Kind.DELETED, "FVMA", mission_id)
            del self._town.table.rows[mission_id]

    def _empty_store(self) -> None:
        self._count(Kind.STORE_EMPTIED, "FVMA")
        self._town.table.is_emptied = True
        self._at(self._town.loop.now + self._dice.uniform(10, 70), self._fill_store)

    def _fill_store(self) -> None:
        self._town.table.is_emptied = False

    def _restore_store(self) -> None:
        """Put rows back as they were a while ago: what was changed since has its old `updated_at` again."""
        table, rows = self._town.table, dict(self._town.table.rows)

        def put_back() -> None:
            self._count(Kind.STORE_RESTORED, "FVMA")
            for row in rows.values():
                table.put(row, updated_at=row.updated_at)

        self._at(self._town.loop.now + self._dice.uniform(5, 30), put_back)

    def _forget_address(self) -> None:
        role: str = self._dice.choice(("student", "hr_contact", "supervisor", "secretariat"))
        address = address_of(role, self._dice.choice(self.missions).mission_id)
        self._town.office.unknown_people |= {address}


_A_FREE_CONTRACT = "SELECT * FROM contracts WHERE lease_owner IS NULL ORDER BY due_at, mission_id LIMIT 1"
_SET_STEP = "UPDATE contracts SET step = ? WHERE mission_id = ?"
