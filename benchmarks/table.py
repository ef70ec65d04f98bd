"""A figure that was measured, and how people read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A ratio of two things that were measured side by side; `context` is what they were on this machine."""

    name: str
    ratio: float
    target: str
    context: Mapping[str, float] = field(default_factory=dict)

    def row(self) -> str:
        """Return the line of a Markdown table."""
        context = ", ".join(f"{name} {value:,g}" for name, value in self.context.items())
        return f"| {self.name} | {self.ratio:.2f} | {self.target} | {context} |"
