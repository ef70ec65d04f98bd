"""The catchers work with what the tests of the jobs work with."""

from tests.jobs.conftest import lines, workshop

__all__ = ["lines", "workshop"]
