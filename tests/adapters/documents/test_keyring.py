"""Sealing: nothing can be altered, exchanged, or opened with another key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.adapters.documents.keyring import Keyring
from syncd.errors import RefusalCode, Refused
from syncd.model import DocumentKind, MissionId
from syncd.ports.documents import DocumentName

KEY = bytes(range(32))
FORMER_KEY = bytes(range(32, 64))
NAME = DocumentName(mission_id=MissionId("FVMA-2025-0042"), kind=DocumentKind.CERFA, version=1)
CONTENT = b"%PDF-1.7 the student's number is 1 85 05 78 006 084"
SEALED = Keyring(KEY).seal(NAME, CONTENT)

NAMES = st.builds(
    DocumentName,
    mission_id=st.text(alphabet="0124cerfaconvention", min_size=1).map(MissionId),
    kind=st.sampled_from(DocumentKind),
    version=st.integers(min_value=1, max_value=10**6),
)


def assert_refused(keyring: Keyring, name: DocumentName, sealed: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        keyring.open(name, sealed)
    assert refusal.value.code is RefusalCode.CONTENT


def test_a_sealed_document_shows_nothing_of_its_content() -> None:
    assert Keyring(KEY).open(NAME, SEALED) == CONTENT
    assert not any(CONTENT[start : start + 4] in SEALED for start in range(len(CONTENT) - 3))


def test_sealing_twice_never_gives_the_same_bytes() -> None:
    assert len({Keyring(KEY).seal(NAME, CONTENT) for _ in range(100)}) == 100


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_a_flipped_bit_anywhere_is_refused(position: int) -> None:
    damaged = bytearray(SEALED)
    damaged[position] ^= 1 << position % 8

    assert_refused(Keyring(KEY), NAME, bytes(damaged))


@given(sealed=st.binary(max_size=100) | st.binary(max_size=100).map(lambda tail: SEALED[:28] + tail))
def test_bytes_that_we_never_wrote_are_refused(sealed: bytes) -> None:
    assert_refused(Keyring(KEY), NAME, sealed)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_p01_a_file_cut_short_is_refused(length: int) -> None:
    assert_refused(Keyring(KEY), NAME, SEALED[:length])


def test_a_file_that_grew_is_refused() -> None:
    assert_refused(Keyring(KEY), NAME, SEALED + b"\0")


@given(name=NAMES, other=NAMES)
def test_p03_no_two_names_open_the_same_document(name: DocumentName, other: DocumentName) -> None:
    sealed = Keyring(KEY).seal(name, CONTENT)

    if name == other:
        assert Keyring(KEY).open(other, sealed) == CONTENT
    else:
        assert_refused(Keyring(KEY), other, sealed)


def test_another_key_is_refused_and_named_by_its_fingerprint() -> None:
    with pytest.raises(Refused, match=Keyring(KEY).key_id) as refusal:
        Keyring(FORMER_KEY).open(NAME, SEALED)

    assert refusal.value.code is RefusalCode.CONTENT


def test_a_document_cannot_pretend_to_need_another_key() -> None:
    today = Keyring(FORMER_KEY, old_keys=(KEY,))
    pretending = SEALED[:8] + bytes.fromhex(today.key_id) + SEALED[16:]

    assert_refused(today, NAME, pretending)


def test_an_old_key_still_opens_and_no_longer_seals() -> None:
    rotated = Keyring(FORMER_KEY, old_keys=(KEY,))

    assert rotated.open(NAME, SEALED) == CONTENT
    assert_refused(Keyring(KEY), NAME, rotated.seal(NAME, CONTENT))
    assert Keyring(FORMER_KEY).open(NAME, rotated.seal(NAME, CONTENT)) == CONTENT
