"""Gives back to the machine what the process does not use any more.

glibc keeps what is freed in the middle of its heap for itself. After each burst (a reload, a hundred letters at once,
the pages of a database) a little more stays behind, and a process that runs for months looks as if it leaked.
"""

import ctypes


def give_back_memory() -> None:
    """Return free pages of the heap to the machine; where the C library has no such call, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
