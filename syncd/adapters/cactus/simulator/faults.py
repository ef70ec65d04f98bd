"""What can be made to go wrong, to see what a client does then."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Faults:
    """Switches of the simulator; each concerns the interface alone, never the people's pages."""

    answers_to_lose: int = 0
    """So many next writing requests are done, and their answers are cut."""
    is_unavailable: bool = False
    """Everything is answered 503."""
    retry_after_s: int | None = None
    """What a 503 asks for in `Retry-After`."""

    def takes_answer(self) -> bool:
        """Whether the answer that is about to be given is lost; counts it."""
        if self.answers_to_lose <= 0:
            return False
        self.answers_to_lose -= 1
        return True
