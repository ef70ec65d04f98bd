"""Ways to break a ledger's database while it is in use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, event

from syncd.store import SqlLedger
from tests.store.bench import Bench


@contextmanager
def disk_full(ledger: SqlLedger) -> Iterator[None]:
    """Let SQLite believe that not one more page fits."""
    engine = ledger._database.engine.sync_engine

    def shrink(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def widen(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

    event.listen(engine, "begin", shrink)
    yield
    event.remove(engine, "begin", shrink)
    event.listen(engine, "begin", widen)


class _DiedError(Exception):
    """The process is gone, as far as the database can tell."""


@contextmanager
def dies_after_its_next_commit(ledger: SqlLedger) -> Iterator[None]:
    """Let the first transaction come to its commit; whoever begins another one is dead, and so ends the block."""
    engine, commits = ledger._database.engine.sync_engine, list[int]()

    def note(_connection: Connection) -> None:
        commits.append(1)

    def die(_connection: Connection) -> None:
        if commits:
            raise _DiedError

    event.listen(engine, "commit", note)
    event.listen(engine, "begin", die)
    with suppress(_DiedError):
        yield
    event.remove(engine, "commit", note)
    event.remove(engine, "begin", die)
    assert commits, "nothing was committed"


@asynccontextmanager
async def commit_cutter(bench: Bench) -> AsyncIterator[tuple[SqlLedger, Callable[[], None]]]:
    """Give a ledger behind a proxy that, when told so, lets the next COMMIT through and cuts off its reply."""
    url = urlsplit(bench.url)
    socket = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
    is_to_cut: list[bool] = []

    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        server_reader, server_writer = await asyncio.open_unix_connection(socket)
        back = asyncio.create_task(_pass_on(server_reader, writer))
        while block := await reader.read(65536):
            is_last = bool(is_to_cut) and b"COMMIT" in block
            if is_last:
                is_to_cut.clear()
                await _stop(back)
            server_writer.write(block)
            if is_last:
                await server_reader.read(1)  # the server has answered: it is done
                break
        await _stop(back)
        for end in (server_writer, writer):
            end.close()
            with suppress(OSError):
                await end.wait_closed()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    behind = Bench(url=f"postgresql://postgres@127.0.0.1:{port}{url.path}?sslmode=disable", wal=None)
    ledger = behind.open("behind the proxy")
    yield ledger, lambda: is_to_cut.append(True)
    assert not is_to_cut, "no COMMIT came by"
    await ledger.aclose()
    proxy.close()
    await asyncio.gather(*served)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
