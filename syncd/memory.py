"""Keeps what the process takes of its machine's memory flat, for months.

Two things make a long-lived process look as if it leaked. Python looks for garbage among all that it has only when a
quarter more has come: with a hundred megabytes of code and tables, that is tens of megabytes of rubbish each time. And
glibc keeps what is freed in the middle of its heap for itself: after each burst (a reload, a hundred letters at once,
the pages of a database) a little more stays behind.
"""

import ctypes
import gc


def settle_in() -> None:
    """What is there now stays: from here on garbage is looked for among what comes later, often and at little cost."""
    gc.collect()
    gc.freeze()
    gc.collect()  # the collector measures by what it found last


def clear_out() -> None:
    """Let go of all that is not used any more: what had settled in, too."""
    gc.unfreeze()
    gc.collect()
    give_back_memory()


def give_back_memory() -> None:
    """Return free pages of the heap to the machine; where the C library has no such call, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
