"""What stands in the place of a result that could not be had."""

from dataclasses import dataclass

from reassess.errors import DataError

__all__ = ["Missing"]


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
