"""An event loop that stands still, although every thread of the process lives, is noticed and begun anew."""

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

from tests.faults.crash.invariants import check_aftermath, check_end
from tests.faults.crash.orders import Work
from tests.faults.crash.saga import Backend, MakeSaga
from tests.faults.crash.town import Memory
from tests.support.scale import Amount, Figures

_CREDENTIALS = struct.Struct("3i")
_PATIENCE_S = 2.0
"""Many times the beat that was asked for; this machine may do much else."""


class Manager:
    """Ends whoever it has heard of and then hears nothing of any more, as systemd does with a missed watchdog."""

    def __init__(self, ear: socket.socket) -> None:
        self._ear = ear
        self._pid: int | None = None
        self.ended = 0
        self.signs_of_life = 0

    def watch(self) -> None:
        """Watch one process after another, until the socket is closed."""
        while True:
            try:
                words, ancillary, _, _ = self._ear.recvmsg(1000, socket.CMSG_SPACE(_CREDENTIALS.size))
            except TimeoutError:
                self._lose_patience()
                continue
            except OSError:
                return
            if words == b"the end":
                return
            self._pid = _CREDENTIALS.unpack(ancillary[0][2])[0]
            self.signs_of_life += words == b"WATCHDOG=1"

    def _lose_patience(self) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGABRT)
            self._pid, self.ended = None, self.ended + 1


@contextmanager
def managed(address: str) -> Iterator[Manager]:
    """Watch over whoever speaks on this socket."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ear.bind(address)
        ear.settimeout(_PATIENCE_S)
        manager = Manager(ear)
        thread = threading.Thread(target=manager.watch)
        thread.start()
        try:
            yield manager
        finally:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as mouth:
                mouth.sendto(b"the end", address)
            thread.join()


def test_c07_a_loop_that_stands_still_is_begun_anew_and_nothing_is_lost_or_doubled(
    make_saga: MakeSaga, amount: Amount, figures: Figures
) -> None:
    saga = make_saga(Backend.JOURNAL, Memory.NOTHING)
    scene, dice, hangs = saga.save(), Random(7), amount(quick=2, deep=40)  # noqa: S311

    with managed(str(saga.folder / "notify")) as manager:
        for _ in range(hangs):
            saga.begin_at(scene)
            step = dice.randrange(500, 3000)
            saga.serve_until_it_hangs(in_step=step, manager=str(saga.folder / "notify"))
            check_aftermath(saga.remains())
            saga.act(Work.LIVE)
            check_end(saga.remains())

    figures.note("the event loop stood still", times=hangs, signs_of_life=manager.signs_of_life)
    assert manager.ended == hangs
    assert manager.signs_of_life > 0
