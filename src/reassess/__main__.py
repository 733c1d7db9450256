"""`python -m reassess` is the command line."""

from reassess.cli import entry

if __name__ == "__main__":
    entry()
