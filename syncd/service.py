"""What systemd is told of the service (sd_notify; without systemd, nothing), and what its first signal means."""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManager:
    """The other end of `$NOTIFY_SOCKET`; `watchdog` is how often it wants a sign of life at most."""

    address: str | None = None
    watchdog: timedelta | None = None

    def tell(self, *lines: str) -> None:
        """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1`, …; a manager that does not listen is no trouble of ours.

        Never waits: a full queue loses the message.
        """
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
            end.setblocking(False)
            with suppress(OSError):
                end.connect(address)
                end.send("\n".join(lines).encode())


def leave_when_told() -> None:
    """Let SIGTERM and SIGINT end this process at once, in order: it has begun nothing yet, and hears no better."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: os._exit(0))
