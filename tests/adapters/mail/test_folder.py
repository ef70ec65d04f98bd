"""The folder mailer: one whole file per message, never half of one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.adapters.mail.folder import FolderMailer, file_name_of
from syncd.errors import Transient
from tests.adapters.mail.samples import message_to

STUDENT = "camille.durand@example.org"
NAME = "letter-1@syncd.example.org.eml"


async def test_the_file_is_named_by_the_message_and_readable_by_the_service_alone(tmp_path: Path) -> None:
    await FolderMailer(tmp_path / "mail").send(message_to(STUDENT))

    assert (tmp_path / "mail" / NAME).stat().st_mode & 0o777 == 0o600


async def test_lines_end_with_crlf_throughout(tmp_path: Path) -> None:
    await FolderMailer(tmp_path).send(message_to(STUDENT))

    content = (tmp_path / NAME).read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r") > 10


@pytest.mark.parametrize("message_id", ["<../../etc/passwd@x>", "<.hidden@x>", "<a/b@x>", f"<{'a' * 200}@x>"])
def test_no_message_id_leads_out_of_the_folder(message_id: str) -> None:
    name = file_name_of(message_id)

    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) == 64 + len(".eml")


def test_two_messages_never_share_a_name() -> None:
    assert file_name_of("<a/b@x>") != file_name_of("<a.b@x>") != file_name_of("<a_b@x>")


async def test_a_disk_that_takes_half_of_a_message_keeps_nothing_of_it(tmp_path: Path) -> None:
    with _files_of_at_most(512), pytest.raises(Transient) as trouble:
        await FolderMailer(tmp_path).send(message_to(STUDENT))

    assert trouble.value.is_general
    assert str(trouble.value) == "the mail folder cannot be written (EFBIG)"
    assert _names_in(tmp_path) == []


async def test_a_message_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text("the first attempt")

    await FolderMailer(tmp_path).send(message_to(STUDENT))

    assert file.read_text() == "the first attempt"


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@contextmanager
def _files_of_at_most(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
