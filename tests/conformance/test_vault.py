"""What every vault promises."""

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.adapters.documents.memory import MemoryVault
from syncd.adapters.documents.vault import FolderVault
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import DocumentKind, MissionId
from syncd.ports.documents import DocumentName, Vault

KEY = bytes(range(32))
FORMER_KEY = bytes(range(32, 64))

NAMES = st.builds(
    DocumentName,
    mission_id=st.text(min_size=1).map(MissionId),
    kind=st.sampled_from(DocumentKind),
    version=st.integers(min_value=1),
)


def new_id() -> str:
    return uuid4().hex


def name_of(mission_id: str = "FVMA-2025-0042", **changes: object) -> DocumentName:
    values = {"mission_id": MissionId(mission_id), "kind": DocumentKind.CERFA, "version": 1} | changes
    return DocumentName(**values)  # type: ignore[arg-type]


@pytest.fixture(params=["folder", "memory"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    """One of the implementations, empty."""
    if request.param == "memory":
        return MemoryVault(KEY, new_id=new_id)
    return FolderVault(tmp_path / "documents", KEY, new_id=new_id)


@given(name=NAMES, content=st.binary(max_size=4096))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_document_comes_back_as_it_was_stored(vault: Vault, name: DocumentName, content: bytes) -> None:
    file_id = await vault.store(name, content)

    assert await vault.load(name, file_id) == content


async def test_i4_p07_a_new_version_leaves_the_old_one_as_it_was(vault: Vault) -> None:
    first = await vault.store(name_of(version=1), b"first")
    second = await vault.store(name_of(version=2), b"second")

    assert first != second
    assert await vault.load(name_of(version=1), first) == b"first"
    assert await vault.load(name_of(version=2), second) == b"second"


async def test_storing_the_same_document_again_gives_another_file(vault: Vault) -> None:
    file_ids = {await vault.store(name_of(), b"same") for _ in range(3)}

    assert len(file_ids) == 3
    assert await vault.file_ids() == file_ids


@pytest.mark.parametrize(
    "other",
    [
        name_of("FVMA-2025-0043"),
        name_of(kind=DocumentKind.CONVENTION),
        name_of(version=2),
    ],
)
async def test_p03_a_file_never_stands_for_another_document(vault: Vault, other: DocumentName) -> None:
    file_id = await vault.store(name_of(), b"%PDF-")

    with pytest.raises(Refused) as refusal:
        await vault.load(other, file_id)

    assert refusal.value.code is RefusalCode.CONTENT


@pytest.mark.parametrize("file_id", ["0" * 32 + ".bin", "", "../../etc/passwd", "/etc/passwd", "." * 36, "\0.bin"])
async def test_p09_what_is_no_file_of_ours_is_not_found(vault: Vault, file_id: str) -> None:
    with pytest.raises(Refused) as refusal:
        await vault.load(name_of(), file_id)

    assert refusal.value.code is RefusalCode.NOT_FOUND


async def test_a_removed_file_is_gone_and_may_be_removed_again(vault: Vault) -> None:
    file_id = await vault.store(name_of(), b"%PDF-")
    kept = await vault.store(name_of(), b"%PDF-")

    await vault.remove(file_id)
    await vault.remove(file_id)

    assert await vault.file_ids() == {kept}
    with pytest.raises(Refused) as refusal:
        await vault.load(name_of(), file_id)
    assert refusal.value.code is RefusalCode.NOT_FOUND


async def test_a_new_vault_has_no_files(vault: Vault) -> None:
    assert await vault.file_ids() == frozenset()


async def test_i8_a_refusal_tells_nothing_of_the_document(vault: Vault) -> None:
    file_id = await vault.store(name_of(), b"%PDF-")

    with pytest.raises(Refused) as refusal:
        await vault.load(name_of("FVMA-SECRET"), file_id)

    assert "FVMA" not in f"{refusal.value} {refusal.value.hint}"


def test_the_key_id_depends_on_the_key_and_does_not_show_it(tmp_path: Path) -> None:
    today = FolderVault(tmp_path, KEY, new_id=new_id).key_id

    assert today == MemoryVault(KEY, new_id=new_id).key_id
    assert today != FolderVault(tmp_path, FORMER_KEY, new_id=new_id).key_id
    assert KEY.hex().find(today) == -1


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(31), bytes(33)])
def test_a_key_of_another_size_is_a_wrong_setting(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(Misconfigured):
        FolderVault(tmp_path, key, new_id=new_id)
    with pytest.raises(Misconfigured):
        MemoryVault(KEY, new_id=new_id, old_keys=(key,))
