"""`syncd simulator`, as people start it."""

import os
import signal
import socket

import aiohttp
import pytest
from click.testing import CliRunner

from syncd.cli.context import Invocation
from syncd.cli.simulator import simulator
from tests.demo.processes import lines_until, started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_and_says_how_to_reach_it(number: signal.Signals) -> None:
    with started("simulator", "--port", "0", "--token", "hush") as process:
        lines = lines_until(process, "Ctrl-C")
        address = lines[0].rpartition(" ")[2]
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{address}/contracts", headers={"Authorization": "Bearer hush"}) as admitted:
                assert admitted.status == 200
            async with client.get(f"{address}/contracts") as stranger:
                assert stranger.status == 401
            async with client.get(f"{address}/cfa") as page:
                assert page.status == 200
        os.killpg(process.pid, number)
        rest, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert rest == ""
    assert f"  export SYNCD_CACTUS__BASE_URL={address}" in lines
    assert "  export SYNCD_CACTUS__AUTH=bearer" in lines
    assert not any("hush" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--client-credentials", "only-an-id"], "an id and a secret"),
        (["--client-credentials", ":secret"], "an id and a secret"),
        (["--token", "a", "--api-key", "b"], "exclude each other"),
    ],
)
def test_credentials_that_make_no_sense_are_a_wrong_usage(options: list[str], message: str) -> None:
    result = CliRunner().invoke(simulator, options, obj=Invocation())

    assert result.exit_code == 2
    assert message in result.output


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        result = CliRunner().invoke(simulator, ["--port", str(port)], obj=Invocation())

    assert result.exit_code == 1
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in result.output
