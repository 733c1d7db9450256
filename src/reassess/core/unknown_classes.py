"""What models predicted by names that no class has."""

from __future__ import annotations

from dataclasses import dataclass

from reassess.text import counted

__all__ = ["UnknownClasses"]


@dataclass(frozen=True)
class UnknownClasses:
    """Predictions by names that no class has: how many, and each name once; of several parts they add up.

    Examples
    --------
    >>> UnknownClasses(3, ("saucer", "jar")) + UnknownClasses(1, ("jar",))
    UnknownClasses(predictions=4, names=('saucer', 'jar'))
    """

    predictions: int = 0
    names: tuple[str, ...] = ()

    def __add__(self, other: UnknownClasses) -> UnknownClasses:
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        return UnknownClasses(predictions=self.predictions + other.predictions, names=names)

    def __str__(self) -> str:
        predictions, names = counted(self.predictions, "prediction"), counted(len(self.names), "name")
        return f"{predictions} by {names} that no class has"

    def to_json(self) -> dict[str, int]:
        """The object that JSON documents hold: both counts."""
        return {"predictions": self.predictions, "names": len(self.names)}
