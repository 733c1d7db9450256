"""Errors and warnings of the package; all messages have the same form.

A message has one line about the fault, then up to four fields: where it is, what is allowed, what was found, and how to
fix it. `reassess.cli` exits with code 1 after a `ReassessError`, and with 2 after a usage error.
"""

import copyreg
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LONG_WORD_PATTERN = re.compile(r"(\S{100})\S{2,}(\S{100})")


class Fix:
    """Advice on how to fix an error; the command line rewrites its Python arguments as options.

    The text has the name of each argument in braces. Values are written as in Python. If a value is None, only the name
    is written, for example the name of a function.

    >>> print(Fix("join by the whole path ({match})", match='"path"'))
    join by the whole path (match="path")
    """

    def __init__(self, text: str, **arguments: object) -> None:
        self.text = text
        self.arguments = arguments

    def render(self, format_argument: Callable[[str, object], str]) -> str:
        """Return the advice as text, with each argument formatted by `format_argument(name, value)`."""
        if not self.arguments:
            return self.text
        names = "|".join(self.arguments)
        return re.sub(rf"{{({names})}}", lambda match: format_argument(match[1], self.arguments[match[1]]), self.text)

    @classmethod
    def join(cls, separator: str, *fixes: "Fix | str | None") -> "Fix":
        """Join several fixes with a separator; skip empty fixes."""
        typed_fixes = [fix if isinstance(fix, Fix) else cls(fix) for fix in fixes if fix]
        arguments = {name: value for fix in typed_fixes for name, value in fix.arguments.items()}
        return cls(separator.join(fix.text for fix in typed_fixes), **arguments)

    def __str__(self) -> str:
        return self.render(lambda name, value: name if value is None else f"{name}={value}")


class ReassessError(Exception):
    """The base class of all errors of this package.

    Parameters
    ----------
    code
        Kind of error, such as "out-of-range". Programs can rely on it; texts may change.
    problem
        The problem, in one line.
    where
        The file, row, field or image.
    allowed
        Allowed values.
    found
        The invalid value.
    fix
        How to fix it: a text, or a `Fix` if it contains arguments.

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
        problem: str,
        *,
        where: object = None,
        allowed: object = None,
        found: object = None,
        fix: "Fix | str | None" = None,
    ) -> None:
        self.code = code
        self.problem = problem
        self.where = where
        self.allowed = allowed
        self.found = found
        self.fix = fix
        super().__init__(problem)

    def add_location(self, location: object) -> None:
        """Put a location, such as a file, in front of `where`. Do nothing if `where` already contains this location."""
        if self.where is None:
            self.where = location
        elif str(location) not in str(self.where):
            self.where = f"{location}, {self.where}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Let processes send errors to each other, although classes of errors have different arguments."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def __str__(self) -> str:
        values = {"where": self.where, "allowed": self.allowed, "found": self.found, "fix": self.fix}
        width = max(map(len, values)) + 1
        fields = {name: str(value) for name, value in values.items() if value is not None}
        lines = [f"  {name + ':':{width}} {_shorten_field(name, value)}" for name, value in fields.items()]
        text = "\n".join([self.problem, *(line.replace("\n", "\n" + " " * (width + 3)) for line in lines)])
        return text.encode(errors="backslashreplace").decode()  # a file may contain a lone surrogate


def _shorten_field(field: str, text: str) -> str:
    """Shorten words of over 200 letters in a field of an error, but not in a fix, which may contain a command."""
    return text if field == "fix" else _LONG_WORD_PATTERN.sub(r"\1…\2", text)


class DataError(ReassessError, ValueError):
    """The content of a file or array is invalid."""


class UnreadableFileError(DataError):
    """A file is missing, unreadable or empty, or its format is unknown."""


class OutputError(ReassessError, OSError):
    """A result cannot be written."""

    __str__ = ReassessError.__str__


class FetchError(ReassessError):
    """A file of a known dataset cannot be fetched from any of its sources."""


class MissingPackageError(ReassessError, ImportError):
    """An optional package is needed, but not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            "missing-package", f"package {package} is missing (for {purpose})", fix=f"pip install 'reassess[{extra}]'"
        )

    __str__ = ReassessError.__str__


@contextmanager
def require_package(package: str, *, extra: str, purpose: str) -> Iterator[None]:
    """Raise `MissingPackageError` if an import in the block fails."""
    try:
        yield
    except ImportError as error:
        raise MissingPackageError(package, extra=extra, purpose=purpose) from error


class ReassessWarning(UserWarning):
    """The base class of all warnings of this package.

    Parameters
    ----------
    problem
        The problem, in one line.
    fix
        How to fix it: a text, or a `Fix` if it contains arguments.
    """

    def __init__(self, problem: str, fix: Fix | str | None = None) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem)

    def __str__(self) -> str:
        return self.problem if self.fix is None else f"{self.problem}\n  fix: {self.fix}"


class ConvergenceWarning(ReassessWarning):
    """A warning that an iteration stopped before it converged."""


class DependentRatersWarning(ReassessWarning):
    """A warning that raters are not independent given the truth, as rater models assume."""


@contextmanager
def add_error_place(place: object) -> Iterator[None]:
    """Add a place, such as a file, to errors raised in the block; see `ReassessError.add_location`."""
    try:
        yield
    except ReassessError as error:
        error.add_location(place)
        raise


@dataclass(frozen=True)
class MissingResult:
    """The reason why a result cannot be computed, in place of the result."""

    reason: str  # in a few words

    def __str__(self) -> str:
        return self.reason

    @classmethod
    def from_error(cls, error: DataError) -> "MissingResult":
        """Create a missing result whose reason is the text of an error.

        >>> MissingResult.from_error(DataError("missing-golden", "no golden item has a vote", found="3 items"))
        MissingResult(reason='no golden item has a vote: 3 items')
        """
        return cls(error.problem if error.found is None else f"{error.problem}: {error.found}")
