"""Everything together on one machine, to look at: nobody in it exists, and nothing leaves it."""

from syncd.demo.displays import Display, LiveScreen, PlainLines
from syncd.demo.folder import DemoRefused
from syncd.demo.frame import Addresses
from syncd.demo.running import DemoOptions, Ended, run_demo

__all__ = ["Addresses", "DemoOptions", "DemoRefused", "Display", "Ended", "LiveScreen", "PlainLines", "run_demo"]
