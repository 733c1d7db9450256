"""Every error and warning of the package: one base exception, a small tree, one form of message.

A message says what is wrong, where, what is allowed, what was found, and how to fix it. Parts that add nothing are
not printed. `reassess.cli` turns a `ReassessError` into exit code 1 and a usage error into 2.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_LONG_WORD = re.compile(r"(\S{100})\S{2,}(\S{100})")


class Fix:
    """A way to fix an error that names arguments of Python, which the command line shows as its options.

    The text has the name of each argument in braces; its value is as it is written in Python, None for a function.

    >>> print(Fix("join by the whole path ({match})", match='"path"'))
    join by the whole path (match="path")
    """

    def __init__(self, text: str, **arguments: object) -> None:
        self.text = text
        self.arguments = arguments

    def render(self, shown: Callable[[str, object], str]) -> str:
        """The text with each argument as a function of its name and value shows it."""
        if not self.arguments:
            return self.text
        names = "|".join(self.arguments)
        return re.sub(rf"{{({names})}}", lambda found: shown(found[1], self.arguments[found[1]]), self.text)

    @classmethod
    def join(cls, separator: str, *fixes: "Fix | str | None") -> "Fix":
        """Several ways in one text; empty ones are skipped."""
        parts = [fix if isinstance(fix, Fix) else cls(fix) for fix in fixes if fix]
        arguments = {name: value for part in parts for name, value in part.arguments.items()}
        return cls(separator.join(part.text for part in parts), **arguments)

    def __str__(self) -> str:
        return self.render(lambda name, value: name if value is None else f"{name}={value}")


class ReassessError(Exception):
    """The base of every error that this package raises on purpose.

    Parameters
    ----------
    code
        What kind of error it is, such as "out-of-range": one word for programs, which stays when a text changes.
    what
        What is wrong, in one line.
    where
        The file, row, field or image.
    allowed
        What would have been right.
    found
        What was there instead.
    fix
        What to do about it: a text, or a `Fix` if it names arguments.

    Examples
    --------
    >>> print(ReassessError("out-of-range", "class id out of range", where="row 3", allowed="0 to 999", found=1000))
    class id out of range
      where:   row 3
      allowed: 0 to 999
      found:   1000
    """

    def __init__(
        self,
        code: str,
        what: str,
        *,
        where: object = None,
        allowed: object = None,
        found: object = None,
        fix: "Fix | str | None" = None,
    ) -> None:
        self.code = code
        self.what = what
        self.where = where
        self.allowed = allowed
        self.found = found
        self.fix = fix
        super().__init__(what)

    def at(self, where: object) -> None:
        """Put a place, such as a file, before the place of this error, unless it is there already."""
        if self.where is None:
            self.where = where
        elif str(where) not in str(self.where):
            self.where = f"{where}, {self.where}"

    def __str__(self) -> str:
        parts = {"where": self.where, "allowed": self.allowed, "found": self.found, "fix": self.fix}
        width = max(map(len, parts)) + 1
        fields = {name: str(part) for name, part in parts.items() if part is not None}
        lines = [f"  {name + ':':{width}} {_shorten(name, part)}" for name, part in fields.items()]
        text = "\n".join([self.what, *(line.replace("\n", "\n" + " " * (width + 3)) for line in lines)])
        return text.encode(errors="backslashreplace").decode()  # a file may contain a lone surrogate


def _shorten(name: str, part: str) -> str:
    """A field without the middle of words of over 200 letters; a fix may be a command, and stays whole."""
    return part if name == "fix" else _LONG_WORD.sub(r"\1…\2", part)


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
            "missing-package", f"package {package} is missing (for {purpose})", fix=f"pip install 'reassess[{extra}]'"
        )

    __str__ = ReassessError.__str__


@contextmanager
def importing(package: str, *, extra: str, purpose: str) -> Iterator[None]:
    """Raise `MissingPackageError` if an import in the block fails."""
    try:
        yield
    except ImportError as error:
        raise MissingPackageError(package, extra=extra, purpose=purpose) from error


class ReassessWarning(UserWarning):
    """Something that does not stop the work, but that the user should know.

    Parameters
    ----------
    what
        What it is.
    fix
        What to do about it: a text, or a `Fix` if it names arguments.
    """

    def __init__(self, what: str, fix: Fix | str | None = None) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        return self.what if self.fix is None else f"{self.what}\n  fix: {self.fix}"


class ConvergenceWarning(ReassessWarning):
    """An iteration was stopped before it converged."""


class DependenceWarning(ReassessWarning):
    """Raters are not independent given the truth, as the models of them assume."""


@contextmanager
def at(where: object) -> Iterator[None]:
    """Put a place, such as a file, before the place of an error from the block, unless it is there already."""
    try:
        yield
    except ReassessError as error:
        error.at(where)
        raise


@dataclass(frozen=True)
class Missing:
    """A result that could not be had, and why."""

    why: str  # the reason, in a few words

    def __str__(self) -> str:
        return self.why

    @classmethod
    def because(cls, error: DataError) -> "Missing":
        """What an error says, in a few words.

        >>> Missing.because(DataError("missing-golden", "no golden question is valid", found="3 questions"))
        Missing(why='no golden question is valid: 3 questions')
        """
        return cls(error.what if error.found is None else f"{error.what}: {error.found}")
