"""How classes were found in the texts that a model wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Extract = Literal["first", "last", "all"]
EXTRACT: tuple[str, ...] = get_args(Extract)
_MAX_TEXTS = 20  # texts in JSON


@dataclass(frozen=True)
class FreeText:
    """How classes were found in the texts that a model wrote.

    Parameters
    ----------
    extract
        Which of several classes in a text count: the first, the last, or all.
    n_with_several_names
        Number of texts with names of several classes, so that `extract` matters.
    without_class
        Number of images for each text without a name of a class, most frequent texts first.
    ambiguous_names
        Number of images for each name that several classes share, most frequent names first. A name that does not count
        because of `extract` is left out.
    """

    extract: Extract
    n_with_several_names: int
    without_class: Mapping[str, int]
    ambiguous_names: Mapping[str, int]

    @property
    def n_without_class(self) -> int:
        """Number of texts without a name of a class."""
        return sum(self.without_class.values())

    @property
    def n_ambiguous(self) -> int:
        """Number of times that an ambiguous name counts."""
        return sum(self.ambiguous_names.values())

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output, with the most frequent of the texts without a class."""
        texts = list(self.without_class.items())[:_MAX_TEXTS]
        return {
            "extract": self.extract,
            "with_several_names": self.n_with_several_names,
            "without_class": self.n_without_class,
            "texts_without_class": [{"text": text, "images": count} for text, count in texts],
            "ambiguous_names": [{"name": name, "images": count} for name, count in self.ambiguous_names.items()],
        }
