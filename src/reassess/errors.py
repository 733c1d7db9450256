"""Every error and warning of the package: one base exception, a small tree, one message form.

A message says what is wrong, where, what is allowed, what was found, and how to mend it; parts that add nothing are
left out. `reassess.cli` turns a `ReassessError` into exit code 1 and a usage error into 2.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DependenceWarning",
    "Missing",
    "MissingPackageError",
    "OutputError",
    "ReassessError",
    "ReassessWarning",
    "SourceError",
    "UnreadableFileError",
]

_MEND = "to mend"
_LONG_WORD = re.compile(r"(\S{100})\S{2,}(\S{100})")


class ReassessError(Exception):
    """The base of every error that this package raises on purpose.

    Parameters
    ----------
    what
        What is wrong, in one line.
    where
        The file, row, field or image.
    allowed
        What would have been right.
    found
        What was there instead.
    mend
        What to do about it.

    Examples
    --------
    >>> print(ReassessError("class id out of range", where="p.npy, row 3", allowed="0 to 999", found=1000))
    class id out of range
      where:   p.npy, row 3
      allowed: 0 to 999
      found:   1000
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        allowed: object = None,
        found: object = None,
        mend: object = None,
    ) -> None:
        self.what = what
        self.where = where
        self.allowed = allowed
        self.found = found
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        parts = {"where": self.where, "allowed": self.allowed, "found": self.found, _MEND: self.mend}
        width = max(map(len, parts)) + 1
        told = {name: str(part) for name, part in parts.items() if part is not None}
        lines = [f"  {name + ':':{width}} {_in_brief(name, part)}" for name, part in told.items()]
        text = "\n".join([self.what, *(line.replace("\n", "\n" + " " * (width + 3)) for line in lines)])
        return text.encode(errors="backslashreplace").decode()  # half of a letter that stands in a file


def _in_brief(name: str, part: str) -> str:
    """A part of a message without the middle of words of over 200 letters; a mend may be a command, and is whole."""
    return part if name == _MEND else _LONG_WORD.sub(r"\1…\2", part)


class DataError(ReassessError, ValueError):
    """A file or an array does not hold what it should."""


class UnreadableFileError(DataError):
    """A file is not there, or of a kind that is not read, so that nothing is known of what it holds."""


class OutputError(ReassessError, OSError):
    """A result cannot be written where it was asked for."""

    __str__ = ReassessError.__str__


class SourceError(ReassessError):
    """A known file could not be had from any of its places."""


class MissingPackageError(ReassessError, ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed",
            mend=f"pip install 'reassess[{extra}]'",
        )

    __str__ = ReassessError.__str__


class ReassessWarning(UserWarning):
    """Something that does not stop the work, but that the user should know."""


class ConvergenceWarning(ReassessWarning):
    """An iteration was stopped before it converged."""


class DependenceWarning(ReassessWarning):
    """Raters are not independent given the truth, as the models of them assume."""


@contextmanager
def at(where: object) -> Iterator[None]:
    """Put a place, such as a file, before the place that an error from within names, unless it stands there already.

    >>> with at("a.csv"):
    ...     raise DataError("not a number", where="row 3")
    Traceback (most recent call last):
        ...
    reassess.errors.DataError: not a number
      where:   a.csv, row 3
    """
    try:
        yield
    except ReassessError as error:
        if error.where is None:
            error.where = where
        elif str(where) not in str(error.where):
            error.where = f"{where}, {error.where}"
        raise


@dataclass(frozen=True)
class Missing:
    """A result that could not be had, and why.

    Parameters
    ----------
    why
        The reason, in a few words.

    Examples
    --------
    >>> print(Missing("no votes are at hand"))
    no votes are at hand
    """

    why: str

    def __str__(self) -> str:
        return self.why

    @classmethod
    def because(cls, error: DataError) -> "Missing":
        """What an error says, in a few words.

        >>> Missing.because(DataError("no golden pair is valid", found="3 pairs"))
        Missing(why='no golden pair is valid: 3 pairs')
        """
        return cls(error.what if error.found is None else f"{error.what}: {error.found}")
