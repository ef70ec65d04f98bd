"""O03, O04: strangers at the door, and settings that cannot be worked with."""

import socket
import threading
import time
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.faults.operations.processes import until
from tests.support.scale import Amount, Figures
from tests.world.world import World, mission


def is_open(address: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    with closing(socket.socket()) as caller:
        return caller.connect_ex(address) == 0


def test_o03_scrapes_and_slow_clients_keep_no_worker_from_its_work(
    world: World, amount: Amount, figures: Figures
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        address = found.getsockname()
    count, answers, ended = amount(quick=10, deep=200), list[int](), threading.Event()

    def scrape() -> None:
        while not ended.wait(0.01):
            with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/metrics", timeout=5) as answer:
                answers.append(answer.status)

    with world.start("run", SYNCD_OPS__BIND=f"{address[0]}:{address[1]}") as process, ExitStack() as stack:
        scraper = threading.Thread(target=scrape)
        try:
            until(lambda: is_open(address))
            for _ in range(40):
                slow = stack.enter_context(closing(socket.create_connection(address)))
                slow.send(b"GET /metrics HTTP/1.1\r\n")
            scraper.start()
            begun = time.monotonic()
            world.missions.put(*(mission(number) for number in range(1, count + 1)))
            until(lambda: len(list(world.mail_folder.glob("*.eml"))) >= 2 * count)
            took_s = time.monotonic() - begun
        finally:
            ended.set()
            if scraper.ident is not None:
                scraper.join()
            process.terminate()
            process.communicate(timeout=15)

    assert process.returncode == 0
    assert world.remote.creations() == count
    assert set(answers) == {200}
    figures.note("work beside scrapes", missions=count, scrapes=len(answers), seconds=round(took_s, 2))


@pytest.mark.parametrize(
    ("name", "trouble", "told"),
    [
        ("SYNCD_CACTUS__TOKEN_FILE", "missing", "SYNCD_CACTUS__TOKEN_FILE"),
        ("SYNCD_CACTUS__TOKEN_FILE", "open to others", "SYNCD_CACTUS__TOKEN_FILE"),
        ("SYNCD_DOCUMENTS__KEY_FILE", "empty", "SYNCD_DOCUMENTS__KEY_FILE"),
        ("SYNCD_DATABASE__URL", "value", "SYNCD_DATABASE__URL"),
        ("SYNCD_MISSIONS__URL", "value", "SYNCD_MISSIONS__URL"),
        ("SYNCD_CACTUS__BASE_URL", "value", "SYNCD_CACTUS__BASE_URL"),
    ],
)
def test_o04_a_start_that_cannot_work_is_refused_by_the_name_of_the_setting_and_never_its_value(
    world: World, tmp_path: Path, name: str, trouble: str, told: str
) -> None:
    secret = "hunter2-in-a-file"
    file = tmp_path / "a-secret-place"
    if trouble != "missing":
        file.write_text("" if trouble == "empty" else secret, encoding="utf-8")
        file.chmod(0o644 if trouble == "open to others" else 0o600)
    value = f"{secret}://user:{secret}@nowhere" if trouble == "value" else str(file)
    world.environment.pop("SYNCD_DOCUMENTS__KEY")
    world.missions.put(mission(1))

    results = [
        world.syncd(*command, **{name: value, "SYNCD_CACTUS__AUTH": "bearer"} if "TOKEN" in name else {name: value})
        for command in (("run", "--once"), ("run", "--once", "--json"))
    ]

    for result in results:
        assert result.code == 78, result
        assert told in result.out + result.err
        assert secret not in result.out + result.err
        assert "a-secret-place" not in result.out + result.err
    assert results[1].json["error"]["code"] == "configuration"
    assert world.remote.requests == []
