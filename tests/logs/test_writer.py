"""Logs never stand in the way of the work: a full disk, a slow reader, a closed output."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from syncd.logs import configure_logs, flush_logs, get_log, lines_lost
from syncd.logs.configuration import _Output
from syncd.logs.writer import LineWriter


def _pipe() -> tuple[int, TextIO]:
    reading, writing = os.pipe()
    return reading, os.fdopen(writing, "w")


def test_o01_a_full_disk_loses_lines_and_never_raises() -> None:
    with Path("/dev/full").open("w") as full:
        configure_logs("info", "json", full)

        for _ in range(10):
            get_log().info("contract.initialised", mission_id="M-1")

        assert lines_lost() == 10


def test_o01_when_the_disk_has_room_again_the_loss_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with path.open("w") as file:
        configure_logs("info", "json", file)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, unlimited[1]))
        try:
            for number in range(5):
                get_log().info("contract.initialised", mission_id=f"M-{number}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
            signal.signal(signal.SIGXFSZ, before)
        get_log().info("contract.initialised", mission_id="M-9")
        flush_logs()
        configure_logs("info", "json", io.StringIO())

    lines = path.read_text().splitlines()
    whole = [json.loads(line) for line in lines if line.endswith("}")]
    assert [line.get("mission_id") for line in whole] == ["M-0", "M-9", None]
    assert whole[-1]["event"] == "log.dropped"
    assert whole[-1]["count"] == 4
    assert len(lines) == 4  # the one that was cut stands alone


def test_o01_a_closed_output_loses_lines_and_never_raises() -> None:
    reading, pipe = _pipe()
    configure_logs("info", "json", pipe)
    os.close(reading)

    get_log().info("contract.initialised")
    pipe.close()
    get_log().info("contract.initialised")

    assert lines_lost() == 2


def test_o01_a_process_without_standard_output_still_works() -> None:
    code = (
        "from syncd.logs import configure_logs, get_log, lines_lost, log_crashes\n"
        "import os, sys\n"
        "configure_logs('info', 'auto'); log_crashes()\n"
        "file = open(sys.argv[1], 'w')\n"
        "get_log().info('contract.initialised', mission_id='M-1')\n"
        "assert lines_lost() == 1 and os.fstat(file.fileno()).st_size == 0\n"
    )

    run = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" "$2" >&- 2>&-', sys.executable, code, os.devnull],
        timeout=20,
    )

    assert run.returncode == 0


def test_o01_lines_go_to_our_own_descriptor_not_to_a_file_that_took_its_number(tmp_path: Path) -> None:
    log, database = tmp_path / "log", tmp_path / "database"
    file = log.open("w")
    number = file.fileno()
    configure_logs("info", "json", file)
    file.close()

    stolen = os.open(database, os.O_CREAT | os.O_WRONLY)
    assert stolen == number
    get_log().info("contract.initialised")

    assert database.read_bytes() == b""
    assert "contract.initialised" in log.read_text()
    os.close(stolen)


def test_o02_a_slow_reader_makes_nobody_wait_and_gets_the_lines_later() -> None:
    reading, pipe = _pipe()
    with pipe:
        configure_logs("info", "json", pipe)

        began = time.monotonic()
        for number in range(2000):
            get_log().info("contract.initialised", mission_id=f"M-{number}", key="k" * 60)
        assert time.monotonic() - began < 5

        text = _read_while_flushing(reading)
    assert [json.loads(line)["mission_id"] for line in text.splitlines()] == [f"M-{n}" for n in range(2000)]
    assert lines_lost() == 0
    os.close(reading)


def _read_while_flushing(reading: int) -> str:
    os.set_blocking(reading, False)
    chunks: list[bytes] = []
    while True:
        try:
            chunks.append(os.read(reading, 1 << 16))
        except BlockingIOError:
            return b"".join(chunks).decode()
        assert _Output.writer is not None
        _Output.writer.flush(patience_s=0)


def test_o02_what_nobody_reads_is_dropped_counted_and_told() -> None:
    reading, pipe = _pipe()
    with pipe:
        writer = LineWriter(pipe, most_waiting=10)
        writer.tell_lost = lambda count: f"lost {count}"
        line = "x" * 4000
        while not writer.lost:
            writer.write(line)

        while len(os.read(reading, 1 << 16)) == 1 << 16:
            pass
        writer.flush(patience_s=0)

        rest = os.read(reading, 1 << 16).decode().splitlines()
        assert rest[-1] == "lost 1"
        assert writer.lost == 1
        writer.close()
    os.close(reading)


def test_o02_the_end_of_the_process_waits_for_a_slow_reader_one_second_at_most() -> None:
    reading, pipe = _pipe()
    with pipe:
        writer = LineWriter(pipe)
        for _ in range(100):
            writer.write("x" * 4000)

        began = time.monotonic()
        writer.flush(patience_s=0.05)
        assert 0.04 < time.monotonic() - began < 1
        os.close(reading)
        writer.close()


def test_o02_a_line_longer_than_a_pipes_page_arrives_whole() -> None:
    reading, pipe = _pipe()
    with pipe:
        writer = LineWriter(pipe)

        writer.write("é" * 10_000)

        assert os.read(reading, 1 << 16).decode() == "é" * 10_000 + "\n"
        writer.close()
    os.close(reading)


def test_o02_a_descriptor_that_never_waits_loses_nothing_either() -> None:
    reading, pipe = _pipe()
    os.set_blocking(pipe.fileno(), False)
    with pipe:
        writer = LineWriter(pipe)
        for _ in range(40):
            writer.write("x" * 4000)

        received = 0
        while received < 40 * 4001:
            received += len(os.read(reading, 1 << 16))
            writer.flush(patience_s=0)

        assert writer.lost == 0
        writer.close()
    os.close(reading)


def test_a_lock_that_a_fork_left_behind_loses_lines_not_the_work() -> None:
    writer = LineWriter(io.StringIO())

    with writer._lock:
        writer.write("x")

    assert writer.lost == 1
    writer.close()


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as file:
        configure_logs("info", "json", file)
        log = get_log()
        threads = [
            threading.Thread(target=lambda: [log.info("contract.initialised", key="k" * 200) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        configure_logs("info", "json", io.StringIO())

    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 200
