"""A zygote for each test process, and sagas: an installation of each kind in a town of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.faults.crash.ledgers import Ledger, PostgresLedger, SqliteLedger
from tests.faults.crash.orders import Work
from tests.faults.crash.saga import Backend, MakeSaga, Saga
from tests.faults.crash.town import Memory, build_town
from tests.faults.crash.zygotes import Zygote, start_zygote

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it: what is killed is the process, not the power
_CONTENT_READER = """#!{python} -IS
import struct, sys
while len(size := sys.stdin.buffer.read(8)) == 8:
    sys.stdin.buffer.read(*struct.unpack(">Q", size))
    sys.stdout.buffer.write(b"sound\\n")
    sys.stdout.buffer.flush()
"""
"""Takes the place of Python where the reader of PDFs is started, and is content with every document."""


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """One zygote for this test process."""
    with start_zygote() as started:
        yield started


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that costs no disk."""
    with TemporaryDirectory(prefix="syncd-", dir=_IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def content_reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A reader of PDFs that starts in no time."""
    program = tmp_path_factory.mktemp("reader") / "content_reader"
    program.write_text(_CONTENT_READER.format(python=sys.executable))
    program.chmod(0o700)
    return str(program)


@pytest.fixture
def make_saga(request: pytest.FixtureRequest, zygote: Zygote, folder: Path, content_reader: str) -> Iterator[MakeSaga]:
    """Make an installation whose ledger is prepared, and whose zygote has seen such a life."""
    with ExitStack() as stack:

        def make(backend: Backend, memory: Memory, *, real_reader: bool = False) -> Saga:
            town = stack.enter_context(build_town(folder, memory))
            ledger = _ledger(backend, folder, request, stack)
            saga = Saga(town, ledger, zygote, folder, reader=None if real_reader else content_reader)
            saga.act(Work.PREPARE)
            kind = type(ledger).__name__
            if kind not in zygote.rehearsed:
                prepared = saga.save()
                saga.rehearse()
                saga.begin_at(prepared)
                zygote.rehearsed.add(kind)
            return saga

        yield make


def _ledger(backend: Backend, folder: Path, request: pytest.FixtureRequest, stack: ExitStack) -> Ledger:
    if backend is not Backend.POSTGRES:
        return SqliteLedger(folder, wal=backend is Backend.WAL)
    url: str = request.getfixturevalue("postgres_url")
    connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
    return PostgresLedger(url, stack.enter_context(connection))
