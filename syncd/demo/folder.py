"""The one folder in which everything of a demo lives: emptied at the start, kept at the end."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import SyncdError
from syncd.settings.template import toml

_MARKER = "this-is-a-syncd-demo"
_MARKER_TEXT = "Everything in this folder is deleted when the next demo starts here.\n"


class DemoRefused(SyncdError):
    """The demo cannot start here and like this; nothing was touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFolder:
    """Where each thing of the demo is; `root` is absolute, so that the configuration works from everywhere."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration that the daemon runs with, for commands in another terminal."""
        return self.root / "syncd.toml"

    @property
    def missions(self) -> Path:
        """The database of the FVMA application."""
        return self.root / "missions.sqlite3"

    @property
    def mail(self) -> Path:
        """The letters, one file each."""
        return self.root / "mail"

    @property
    def papers(self) -> Path:
        """Papers that an admin hands over."""
        return self.root / "papers"

    @property
    def log(self) -> Path:
        """What the daemon logs."""
        return self.root / "syncd.log"

    @property
    def state(self) -> Path:
        """What the daemon keeps: ledger, documents, key."""
        return self.root / "state"

    def count_letters(self) -> int:
        """Return how many letters were written."""
        return sum(1 for _ in self.mail.glob("*.eml"))

    def write_config(self, tables: Mapping[str, Mapping[str, object]]) -> None:
        """Write the configuration: tables of settings."""
        blocks = (
            "\n".join([f"[{table}]", *(f"{name} = {toml(value)}" for name, value in values.items())])
            for table, values in tables.items()
        )
        head = f"# Written by `syncd demo`.\nstate_directory = {toml(self.state)}\n\n"
        self.config.touch(mode=0o600)
        self.config.write_text(head + "\n\n".join(blocks) + "\n", encoding="utf-8")

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Empty the folder and keep other demos out of it while this one runs.

        Raises:
            DemoRefused: the folder is no demo's, another demo runs in it, or it cannot be written.
        """
        marker = self._take()
        try:
            self._empty()
            for folder in (self.mail, self.papers, self.state):
                folder.mkdir(mode=0o700)
            yield
        finally:
            os.close(marker)

    def _take(self) -> int:
        """Return the open and locked marker, made now in a folder that is new or empty."""
        marker = self.root / _MARKER
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(self.root.iterdir()) and not marker.is_file():
                raise _not_ours(self.root)
            descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise DemoRefused(f"{self.root} cannot be a folder for the demo ({error.strerror})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DemoRefused(f"a demo runs in {self.root} already", hint="End it, or name another --folder.") from None
        os.write(descriptor, _MARKER_TEXT.encode())
        return descriptor

    def _empty(self) -> None:
        for entry in self.root.iterdir():
            if entry.name == _MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _not_ours(folder: Path) -> DemoRefused:
    return DemoRefused(
        f"{folder} has files that no demo wrote",
        hint="The demo empties its folder when it starts: name one with --folder that is new or empty.",
    )
