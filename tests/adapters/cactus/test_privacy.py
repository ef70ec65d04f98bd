"""I8: whatever goes wrong, no error of the adapter carries a person, a secret, or the remote's own words."""

import logging
import traceback
from collections.abc import Iterator

import pytest

from syncd.adapters.cactus.auth import bearer
from syncd.errors import SyncdError
from tests.adapters.cactus.fault_server import Connection, fault_server
from tests.adapters.cactus.rigs import open_cactus
from tests.conformance.examples import A_MISSION, PERSONAL_WORDS

SECRET = "s3cret-t0ken"
ECHOES = {
    "problem": b"HTTP/1.1 422 No\r\nContent-Length: %(length)d\r\n\r\n%(words)b",
    "failure": b"HTTP/1.1 500 %(words)b\r\nContent-Length: 0\r\n\r\n",
    "bad status line": b"HTTP/9 %(words)b\r\n\r\n",
    "bad header": b"HTTP/1.1 201 Created\r\n%(words)b\r\n\r\n",
    "bad length": b"HTTP/1.1 201 Created\r\nContent-Length: %(words)b\r\n\r\n",
    "no json": b"HTTP/1.1 201 Created\r\nContent-Length: %(length)d\r\n\r\n%(words)b",
    "strange location": b"HTTP/1.1 302 Found\r\nLocation: //[%(words)b\r\n\r\n",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
async def test_i8_an_echo_of_the_remote_ends_in_no_error_and_in_no_log(
    echo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f'{{"detail": "{" ".join(PERSONAL_WORDS)} {SECRET}", "type": "x"'.encode("latin-1")

    async def repeat(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(echo % {b"length": len(words), b"words": words})

    async with fault_server(repeat) as server, open_cactus(server.url, authentication=bearer(lambda: SECRET)) as cactus:
        with pytest.raises(SyncdError) as failed:
            await cactus.initialise(A_MISSION, key="k")

    told = "".join(traceback.format_exception(failed.value)) + caplog.text
    for error in chain_of(failed.value):
        told += f"{error} {error!r} {error.args!r}"
    assert not [word for word in (*PERSONAL_WORDS, SECRET) if word in told]


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and everything that a careless logger could find behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
