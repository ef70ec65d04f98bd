"""The command `syncd`."""

import sys

from syncd.service import leave_when_told


def main() -> None:
    """Run the command line and end with its exit code.

    Everything that takes its time to load is loaded in here: a daemon that is told to stop meanwhile has begun nothing.
    """
    if "run" in sys.argv and "--once" not in sys.argv:
        leave_when_told()
    from syncd.cli.invoking import invoke

    sys.exit(invoke())


if __name__ == "__main__":
    main()
