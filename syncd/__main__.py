"""The command `syncd`."""

import sys

from syncd.cli import root


def main() -> None:
    """Run the command line and end with its exit code."""
    sys.exit(root.main(standalone_mode=True))


if __name__ == "__main__":
    main()
