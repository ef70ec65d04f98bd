"""Secrets in files of their own: found, checked, and read again when they are rotated (fault R20)."""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from syncd.settings.keys import KeyPath, all_secrets, secret_name
from syncd.settings.sources import Found, Origin, Reading, SecretReference

LONGEST_SECRET_BYTES = 65_536
ANY_BUT_THE_OWNER = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret that can be asked for again: the file's present content, when it came from a file.

    While a rotated file is missing, empty or unreadable, the answer is what it was at the start.
    """

    name: str
    first: SecretStr = field(repr=False)
    file: Path | None = field(default=None, repr=False)

    def __call__(self) -> str:
        """Return the secret as it is now."""
        if self.file is not None:
            try:
                return _content(self.file)
            except (OSError, ValueError):
                pass
        return self.first.get_secret_value()


def read_secrets(
    references: Sequence[SecretReference], *, folders: Sequence[Path], reading: Reading
) -> Mapping[KeyPath, Path]:
    """Note every secret that has a file, in `reading`, and return the files.

    A file that is named must exist and be closed to others; those of systemd and of /run/secrets are found by their
    name (`cactus_client_secret`) and are closed by whoever put them there.
    """
    files: dict[KeyPath, Path] = {}
    for reference in references:
        if reference.path not in files and _take(reference, folders=folders, reading=reading):
            files[reference.path] = reference.file
    for path in all_secrets():
        found = [folder / secret_name(path) for folder in folders]
        file = next((each for each in found if _exists(each)), None)
        if path not in files and file is not None:
            reference = SecretReference(path=path, key=f"the secret {secret_name(path)}", file=file)
            if _take(reference, folders=folders, reading=reading):
                files[path] = file
    return files


def _take(reference: SecretReference, *, folders: Sequence[Path], reading: Reading) -> bool:
    """Read one file; its name is not told, for people have put the secret itself there."""
    try:
        if reference.file.parent not in folders and _is_open(reference.file):
            reading.complain(reference.key, "the file is readable by others; close it (chmod 600)")
            return False
        value = _content(reference.file)
    except OSError as error:
        reading.complain(reference.key, f"the file cannot be read ({error.strerror})")
        return False
    except ValueError:
        reading.complain(reference.key, "the file is empty, far too long, or not UTF-8")
        return False
    reading.values[reference.path] = Found(value=value, origin=Origin.SECRET, key=reference.key)
    return True


def _is_open(file: Path) -> bool:
    return bool(stat.S_IMODE(file.stat().st_mode) & ANY_BUT_THE_OWNER)


def is_open_to_everybody(file: Path) -> bool:
    """Whether any user of the machine can read a file; a group may, for that is how /etc is usually shared."""
    return bool(file.stat().st_mode & stat.S_IROTH)


def _exists(file: Path) -> bool:
    try:
        return file.is_file()
    except PermissionError:  # a folder that is not for us has no secret for us
        return False


def _content(file: Path) -> str:
    with file.open("rb") as stream:
        text = stream.read(LONGEST_SECRET_BYTES + 1).decode("utf-8").rstrip("\r\n")
    if not text or len(text) > LONGEST_SECRET_BYTES:
        raise ValueError("no secret there")
    return text
