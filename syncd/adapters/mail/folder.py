"""A mailer that writes each message into a folder: for trials and acceptance.

Source: interfaces, section 3.
"""

import asyncio
import errno
import hashlib
import os
import re
from email.message import EmailMessage
from pathlib import Path
from tempfile import NamedTemporaryFile

from syncd.adapters.mail.message import open_envelope
from syncd.errors import Transient

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@-]{0,180}")


class FolderMailer:
    """Writes one `.eml` per Message-ID, whole or not at all; the same message again changes nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_idempotent(self) -> bool:
        """A message that is there already is not written again."""
        return True

    async def send(self, message: EmailMessage) -> None:
        """Return once the file and its name are durable.

        Raises:
            Refused: `ADDRESS` or `CONTENT`, the message is not one that can be sent.
            Transient: general; no space, no permission, not a folder. Nothing is left behind.
        """
        envelope = open_envelope(message)
        target = self._folder / file_name_of(envelope.message_id)
        try:
            await asyncio.to_thread(_write_once, target, envelope.content)
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "unknown error")
            raise Transient(
                f"the mail folder cannot be written ({name})",
                hint="Check that the folder exists, has space, and belongs to the service.",
                is_general=True,
            ) from error

    async def aclose(self) -> None:
        """There is nothing to close."""


def file_name_of(message_id: str) -> str:
    """Return the file name of a Message-ID: itself where it is harmless, else its digest."""
    bare = message_id.strip("<>")
    name = bare if _PLAIN_NAME.fullmatch(bare) else hashlib.sha256(bare.encode()).hexdigest()
    return f"{name}.eml"


def _write_once(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        return
    with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
