"""What a process is started with."""

import os
import re
from pathlib import Path


def without_settings() -> dict[str, str]:
    """Return this process's environment without any setting of syncd."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}


def allocator_of_the_unit() -> dict[str, str]:
    """Return what the service unit tells the memory allocator: a process is to be measured as it runs."""
    unit = (Path(__file__).parents[2] / "config" / "systemd" / "syncd.service").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^Environment=(MALLOC_\w+)=(\w+)$", unit, flags=re.MULTILINE))
    assert settings, "the unit says nothing to the allocator"
    return settings
