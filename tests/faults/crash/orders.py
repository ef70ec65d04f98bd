"""What a forked process is asked for, and how it ended: what the zygote and its owner tell each other."""

import signal
from dataclasses import dataclass
from enum import StrEnum


class Work(StrEnum):
    """What a process is to do."""

    PREPARE = "prepare"
    """Make the ledger, and nothing else."""
    PASS = "pass"
    """One pass of syncd, after an admin handed over the papers that are awaited."""
    LIVE = "live"
    """Pass after pass, until all is done."""
    SERVE = "serve"
    """Be the daemon, for ever."""
    NAIVE = "naive"
    """One pass of somebody who did not think of being killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a process is to do, and its end: by itself, in a step of its event loop, or after so many seconds."""

    work: Work
    environment: dict[str, str]
    output: str
    """The file to which everything that it says is added."""
    papers: tuple[str, ...]
    """The files that an admin hands over."""
    after_s: float = 0
    """When its clock begins."""
    wal: bool | None = None
    reader: str | None = None
    """A program that takes the place of the reader of PDFs; without one, the real one reads."""
    fatal_step: int | None = None
    hangs: bool = False
    """In its fatal step it does not die, but stand still."""
    manager: str | None = None
    """The socket on which a service manager listens."""
    killed_after_s: float | None = None
    is_rehearsal: bool = False
    """Done by the zygote itself: what is loaded and compiled at first use is then there in every fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a process ended. `steps` and `seconds` are known when nobody killed it."""

    code: int
    steps: int = 0
    seconds: float = 0

    @property
    def was_killed(self) -> bool:
        """Whether it did not live to see its end: killed by us, or by a manager that lost patience."""
        return self.code in (-signal.SIGKILL, -signal.SIGABRT)
