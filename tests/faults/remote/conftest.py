"""A look at every line that is logged while a remote misbehaves."""

from tests.jobs.conftest import lines

__all__ = ["lines"]
