"""Seals documents with AES-256-GCM and opens them again: bytes in, bytes out.

A sealed document is a header (magic, format, key id, nonce) followed by the ciphertext and its tag. The header and the
document's name are authenticated with it: a sealed document cannot be altered, nor stand for another one.
"""

import hashlib
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.ports.documents import DocumentName

KEY_SIZE_BYTES = 32

_MAGIC = b"SYNCDOC"
_FORMAT = 1
_KEY_ID_SIZE = 8
_NONCE_SIZE = 12
_TAG_SIZE = 16
_HEADER = struct.Struct(f">{len(_MAGIC)}sB{_KEY_ID_SIZE}s{_NONCE_SIZE}s")


class Keyring:
    """Seals with the key of today and opens with that one or an older one."""

    def __init__(self, key: bytes, old_keys: tuple[bytes, ...] = ()) -> None:
        self._key_id = _fingerprint_of(key)
        self._ciphers = {_fingerprint_of(each): AESGCM(each) for each in (*old_keys, key)}

    @property
    def key_id(self) -> str:
        """A fingerprint of the key of today; says nothing of the key."""
        return self._key_id.hex()

    def seal(self, name: DocumentName, content: bytes) -> bytes:
        """Return the content encrypted and bound to its name; never the same bytes twice."""
        # Straight from the system, not from the clock's dice: a nonce that comes twice, as in a replayed seed, would
        # give both documents away.
        nonce = os.urandom(_NONCE_SIZE)
        header = _HEADER.pack(_MAGIC, _FORMAT, self._key_id, nonce)
        return header + self._ciphers[self._key_id].encrypt(nonce, content, _bound_to(header, name))

    def open(self, name: DocumentName, sealed: bytes) -> bytes:
        """Return the content that was sealed under this name.

        Raises:
            Refused: `CONTENT`, the bytes are damaged, belong to another name, or need a key that is not here.
        """
        if len(sealed) < _HEADER.size + _TAG_SIZE:
            raise _unopened("is cut short")
        magic, format_, key_id, nonce = _HEADER.unpack_from(sealed)
        if (magic, format_) != (_MAGIC, _FORMAT):
            raise _unopened("is not one of ours")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise _unopened(f"needs the key {key_id.hex()}", hint="Add the former key to the old keys.")
        try:
            header, ciphertext = sealed[: _HEADER.size], memoryview(sealed)[_HEADER.size :]
            return cipher.decrypt(nonce, ciphertext, _bound_to(header, name))
        except InvalidTag as error:
            raise _unopened("is damaged or belongs to another document") from error


def _fingerprint_of(key: bytes) -> bytes:
    if len(key) != KEY_SIZE_BYTES:
        raise Misconfigured(f"the encryption key does not have {KEY_SIZE_BYTES} bytes", key="documents.key")
    return hashlib.sha256(b"syncd document key\x00" + key).digest()[:_KEY_ID_SIZE]


def _bound_to(header: bytes, name: DocumentName) -> bytes:
    """Return what the tag covers beside the content; lengths go first, so that no two names read the same."""
    parts = (header, name.mission_id.encode(), name.kind.value.encode(), str(name.version).encode())
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _unopened(what: str, hint: str | None = None) -> Refused:
    return Refused(f"the stored document {what}", code=RefusalCode.CONTENT, hint=hint)
