"""syncd turns each validated work-study mission into a contract in CACTUS, once, and says what happens to it."""

__version__ = "0.1.0"
