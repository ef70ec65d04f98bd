"""The whole demo, as people start it."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.demo.processes import OWN_ENVIRONMENT, SYNCD, call, lines_until, processes_that_name, started

pytestmark = pytest.mark.slow


def test_contracts_get_done_commands_work_and_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    foreign = {"SYNCD_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none", "SYNCD_MAIL__ADAPTER": "smtp"}
    with started(
        "demo", "--folder", str(folder), "--missions", "8", "--speed", "20", "--seconds", "90", environ=foreign
    ) as demo:
        lines = lines_until(demo, r"\) done$")
        status = json.loads(call("--config", str(folder / "syncd.toml"), "status", "--json").stdout)
        shown = json.loads(call("--config", str(folder / "syncd.toml"), "list", "--held", "--json").stdout)
        began = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        rest, _ = demo.communicate(timeout=20)

    assert demo.returncode == 0
    assert time.monotonic() - began < 10
    assert re.search(
        r"^The demo has ended: [1-9]\d* contracts done, [1-9]\d* held, \d+ under way;$", rest, re.MULTILINE
    )
    assert any("SYNCD_DATABASE__URL, SYNCD_MAIL__ADAPTER" in line for line in lines)
    assert "\x1b" not in "".join([*lines, rest])
    assert status["steps"]["done"] >= 1
    assert any("DATES_MISSING" in contract["holds"] for contract in shown["contracts"])
    assert all(contract["mission_id"].startswith("FVMA-") for contract in shown["contracts"])
    assert list((folder / "mail").glob("*.eml"))
    assert processes_that_name(folder) == []
    _assert_nobody_listens(lines)


def _assert_nobody_listens(lines: list[str]) -> None:
    ports = [int(port) for line in lines for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", line)]
    assert len(ports) == 2
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


@pytest.mark.timeout(240)  # the dice may have a contract reopened more than once
def test_when_nobody_can_move_anything_on_it_says_so_and_goes_on_until_it_is_ended(tmp_path: Path) -> None:
    with started("demo", "--folder", str(tmp_path / "demo"), "--missions", "4", "--speed", "50") as demo:
        lines = lines_until(demo, "everything has come to rest")
        is_going_on = demo.poll() is None
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=20)

    assert is_going_on
    assert demo.returncode == 0
    assert any("FVMA" in line and line.endswith("hands the convention over (documents add)") for line in lines)


def test_it_ends_by_itself_when_told_so(tmp_path: Path) -> None:
    ended = call("demo", "--folder", str(tmp_path / "demo"), "--missions", "3", "--seconds", "1")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "The demo has ended" in ended.stdout


def test_on_a_terminal_the_screen_is_given_back_as_it_was(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [*SYNCD, "demo", "--folder", str(tmp_path / "demo"), "--missions", "4", "--seconds", "3"]
    demo = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=OWN_ENVIRONMENT | {"TERM": "xterm-256color"}
    )
    os.close(theirs)

    shown = _all_of(ours)
    code = demo.wait(timeout=10)

    assert code == 0
    first_page, _, second_page = shown.partition("\x1b[?1049h")
    second_page, _, last_words = second_page.partition("\x1b[?1049l")
    assert "http://127.0.0.1:" in first_page
    assert "FVMA-" in second_page
    assert "The demo has ended" in last_words
    assert "\x1b[?1049" not in last_words


def _all_of(terminal: int) -> str:
    content = b""
    try:
        while block := os.read(terminal, 65536):
            content += block
    except OSError:  # the other end was closed
        pass
    os.close(terminal)
    return content.decode()


def test_a_port_that_is_taken_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = call("demo", "--folder", str(tmp_path / "demo"), "--port", str(port))

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == f"syncd: port {port} cannot be listened on (Address already in use)"
    assert not (tmp_path / "demo").exists()
