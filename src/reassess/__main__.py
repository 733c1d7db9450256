"""`python -m reassess` and the console script: the command line, with a word where it is stopped while it loads."""

import sys

__all__ = ["entry"]


def entry() -> None:
    """Run the command of this process, and end it with the exit code."""
    try:
        from reassess.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    entry()
