"""How a model's accuracy changes if images are excluded, such as duplicates of images of another set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from reassess.core import Match
from reassess.core.image_names import image_keys, suggest_match
from reassess.errors import DataError
from reassess.evaluation.result import Evaluation
from reassess.numeric import Proportion
from reassess.numeric.proportions import difference_interval
from reassess.text import Shown, counted, some


@dataclass(frozen=True, repr=False)
class Exclusion(Shown):
    """Accuracy with and without the images that are excluded."""

    # everything, rest: Hits of all images, and of those that are not excluded
    everything: Proportion
    rest: Proportion

    @property
    def excluded(self) -> Proportion:
        """Hits of the excluded images."""
        return Proportion(self.everything.hits - self.rest.hits, self.everything.n - self.rest.n)

    @property
    def difference(self) -> float | None:
        """Accuracy without the excluded images minus accuracy with them; None if no image is left."""
        if self.everything.value is None or self.rest.value is None:
            return None
        return self.rest.value - self.everything.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference, over images; None if all images are excluded, or none is.

        The difference is that between the rest and the excluded images, times the share of excluded images, so shared
        images do not widen it.
        """
        bounds = difference_interval(self.rest, self.excluded)
        if bounds is None:
            return None
        share = self.excluded.n / self.everything.n
        return share * bounds[0], share * bounds[1]

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        low, high = self.interval or (None, None)
        return {
            "all": self.everything.to_json(),
            "rest": self.rest.to_json(),
            "difference": self.difference,
            "low": low,
            "high": high,
        }


def exclusions(everything: Evaluation, rest: Evaluation) -> dict[int, Exclusion]:
    """By k, how reassessed accuracy changes from all images to the rest."""
    return {k: Exclusion(everything.real[k], part) for k, part in rest.real.items()}


def set_of_images(sets: Mapping[str, Sequence[str]], images: Sequence[str], *, match: Match = "path") -> str:
    """Find which of several sets contains the given images."""
    given = set(image_keys(tuple(images), match))
    there = {name: sum(key in given for key in image_keys(tuple(own), match)) for name, own in sets.items()}
    some_given = [name for name, count in there.items() if count]
    all_given = [name for name in some_given if there[name] == len(sets[name])]
    for found in (some_given, all_given):
        if len(found) == 1:
            return found[0]
    if not some_given:
        others = tuple(chain.from_iterable(sets.values()))
        raise DataError(
            "unknown-set",
            "no set of the duplicates is these images",
            allowed=f"names such as {some(tuple(dict.fromkeys(images)), most=2)}",
            found=f"{some(others, most=2)}, of {counted(len(sets), 'set')}: {some(tuple(sets))}",
            fix=suggest_match(others, images, match=match) or "scan these images too",
        )
    raise DataError(
        "ambiguous-set", "several sets of the duplicates may be these images", found=some(all_given or some_given)
    )
