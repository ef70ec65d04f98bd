"""What the pages ask of the process they run in."""

from typing import Protocol


class Health(Protocol):
    """How the process itself is; the daemon has these attributes."""

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""

    @property
    def progressed_at(self) -> float:
        """When a loop last came round, on the clock's monotonic hand."""
