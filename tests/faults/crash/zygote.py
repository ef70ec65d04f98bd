"""`python -m tests.faults.crash.zygote`: has everything loaded, and forks a process for each order that comes in.

Orders and answers are JSON lines on standard input and output. The zygote has no thread and no event loop when it
forks: they would be copied half done. It is also the one who kills from outside.
"""

import asyncio
import gc
import json
import os
import resource
import select
import signal
import sys
import threading
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Never

from syncd.logs import configure_logs
from syncd.settings import load_settings
from syncd.settings.load import Places
from tests.faults.crash import naive
from tests.faults.crash.deadly import Steps, die, hang
from tests.faults.crash.life import live, make_pass, prepare, serve
from tests.faults.crash.orders import End, Order, Work
from tests.faults.crash.quick_clock import QuickClock


def main() -> None:
    """Carry out one order after another, until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in sys.stdin:
        order = Order(**json.loads(line))
        end = _rehearse(order) if order.is_rehearsal else _fork(order)
        assert threading.active_count() == 1
        print(json.dumps(asdict(end)), file=answers, flush=True)


def _rehearse(order: Order) -> End:
    asyncio.run(_carry_out(order))
    gc.collect()
    gc.freeze()
    return End(code=0)


def _fork(order: Order) -> End:
    receiving, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receiving)
        _be_born(order, telling)
    os.close(telling)
    if order.killed_after_s is not None:
        _kill_later(pid, order.killed_after_s)
    with os.fdopen(receiving, "rb") as ending:
        last_words = ending.read()
    _, status, used = os.wait4(pid, 0)
    steps = int(last_words) if last_words else 0
    return End(code=os.waitstatus_to_exitcode(status), steps=steps, seconds=used.ru_utime + used.ru_stime)


def _kill_later(pid: int, after_s: float) -> None:
    with os.fdopen(os.pidfd_open(pid), "rb") as process:
        has_ended, _, _ = select.select([process], [], [], after_s)
    if not has_ended:
        os.kill(pid, signal.SIGKILL)


def _be_born(order: Order, telling: int) -> Never:
    """Become the process that was ordered; whatever happens, never go back to being the zygote."""
    code = 1
    try:
        _leave_home(order)
        steps = Steps(fatal=order.fatal_step, fate=hang if order.hangs else die)
        steps.watch()
        asyncio.run(_carry_out(order))
        os.write(telling, str(steps.count).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - it is told, and the zygote has one child less
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _leave_home(order: Order) -> None:
    gc.disable()  # a short life leaves no garbage worth the time
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    configure_logs("debug", "json")


async def _carry_out(order: Order) -> None:
    settings = load_settings(None, order.environment, places=Places(config_files=()))
    clock = QuickClock(timedelta(seconds=order.after_s), seed=os.getpid())
    papers = [Path(paper).read_bytes() for paper in order.papers]  # noqa: ASYNC240 - nothing runs beside it yet
    if order.reader is not None:
        sys.executable = order.reader
    match Work(order.work):
        case Work.PREPARE:
            await prepare(settings, clock, wal=order.wal)
        case Work.PASS:
            await make_pass(settings, clock, papers, wal=order.wal)
        case Work.LIVE:
            await live(settings, clock, papers, wal=order.wal)
        case Work.SERVE:
            await serve(settings, clock, order.manager)
        case Work.NAIVE:
            await naive.make_pass(order.environment)


if __name__ == "__main__":
    main()
