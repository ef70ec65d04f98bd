"""What a process is started with."""

import os


def without_settings() -> dict[str, str]:
    """Return this process's environment without any setting of syncd."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
