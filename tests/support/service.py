"""The other end of a service: what systemd would hear."""

import socket
from pathlib import Path


class Manager:
    """A service manager that keeps what it hears."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(self.address)
        self._ear.setblocking(False)
        self._heard: list[str] = []

    def heard(self) -> list[str]:
        """Return every line so far, without the figures."""
        while True:
            try:
                lines = self._ear.recv(1000).decode().split("\n")
            except BlockingIOError:
                return self._heard
            self._heard += [line if "USEC" not in line else line.partition("=")[0] for line in lines]

    def close(self) -> None:
        """Hear no more."""
        self._ear.close()
