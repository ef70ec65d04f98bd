"""Keeps what the process takes of its machine's memory flat, for months.

Two things make a long-lived process look as if it leaked. Python looks for garbage among all that it has only when a
quarter more has come: with a hundred megabytes of code and tables, that is tens of megabytes of rubbish each time. And
glibc keeps what is freed in the middle of its heap for itself: after each burst (a reload, a hundred letters at once,
the pages of a database) a little more stays behind.
"""

import ctypes
import gc

_LOOKS = (10_000, 5, 5)
"""Garbage is looked for when so many more objects have come than gone, and every 5th and 25th time among older ones.

Nearly all of our objects go by themselves, when their last user does: five thousand contracts leave a thousand behind
that only the collector finds. After every 700, as Python comes, it went nine hundred times through the contracts under
way, for a sixteenth of all work. Ten thousand objects that nobody can reach any more are a few megabytes.
"""


def settle_in() -> None:
    """What is there now stays: from here on garbage is looked for among what comes later, seldom and at little cost."""
    gc.collect()
    gc.freeze()
    gc.collect()  # the collector measures by what it found last
    gc.set_threshold(*_LOOKS)


def clear_out() -> None:
    """Let go of all that is not used any more: what had settled in, too."""
    gc.unfreeze()
    give_back_memory()


def give_back_memory() -> None:
    """Look for garbage, and return free pages of the heap to the machine.

    A process with little to do would not come to look for hours, and what lies between its garbage is not free. Where
    the C library has no such call, its pages stay.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
