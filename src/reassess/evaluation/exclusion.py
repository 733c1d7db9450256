"""How a model's accuracy changes if images, such as duplicates of training images, are excluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from reassess.core import Match
from reassess.core.image_names import image_keys, suggest_match_fix
from reassess.errors import DataError
from reassess.evaluation.result import Evaluation
from reassess.numeric import Proportion
from reassess.numeric.proportions import difference_interval
from reassess.text import Printable, count_noun, join_first


@dataclass(frozen=True, repr=False)
class ExclusionEffect(Printable):
    """Effect of excluding images on a model's accuracy: accuracy with and without these images."""

    accuracy_on_all: Proportion  # hits among all images
    accuracy_without_excluded: Proportion  # hits among the images that are not excluded

    @property
    def accuracy_on_excluded(self) -> Proportion:
        """Hits among the excluded images."""
        return Proportion(
            self.accuracy_on_all.hits - self.accuracy_without_excluded.hits,
            self.accuracy_on_all.n - self.accuracy_without_excluded.n,
        )

    @property
    def difference(self) -> float | None:
        """Accuracy without the excluded images minus accuracy with them; None if no image is left."""
        if self.accuracy_on_all.value is None or self.accuracy_without_excluded.value is None:
            return None
        return self.accuracy_without_excluded.value - self.accuracy_on_all.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of `difference`; None if no image is excluded, or if no image is left.

        The difference equals the share of excluded images, times this second difference: the accuracy on the remaining
        images minus the accuracy on the excluded images. These two accuracies are independent, because no image is in
        both groups. So the interval of the second difference is computed, and multiplied by the share.
        """
        bounds = difference_interval(self.accuracy_without_excluded, self.accuracy_on_excluded)
        if bounds is None:
            return None
        share = self.accuracy_on_excluded.n / self.accuracy_on_all.n
        return share * bounds[0], share * bounds[1]

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        low, high = self.interval or (None, None)
        return {
            "all": self.accuracy_on_all.to_json(),
            "rest": self.accuracy_without_excluded.to_json(),
            "difference": self.difference,
            "low": low,
            "high": high,
        }


def exclusion_effects_by_k(
    evaluation_of_all: Evaluation, evaluation_without_excluded: Evaluation
) -> dict[int, ExclusionEffect]:
    """Compare reassessed accuracy with and without the excluded images; return the effect by k."""
    return {
        k: ExclusionEffect(evaluation_of_all.real_accuracy[k], accuracy_without_excluded)
        for k, accuracy_without_excluded in evaluation_without_excluded.real_accuracy.items()
    }


def find_image_set_name(
    images_by_set: Mapping[str, Sequence[str]], images: Sequence[str], *, match: Match = "path"
) -> str:
    """Find the name of the image set that contains the images."""
    keys = set(image_keys(tuple(images), match))
    common = {name: sum(key in keys for key in image_keys(tuple(own), match)) for name, own in images_by_set.items()}
    partly = [name for name, count in common.items() if count]
    fully = [name for name in partly if common[name] == len(images_by_set[name])]
    for candidates in (partly, fully):
        if len(candidates) == 1:
            return candidates[0]
    if not partly:
        sets_text = f"{count_noun(len(images_by_set), 'image set')}: {join_first(tuple(images_by_set))}"
        set_images = tuple(chain.from_iterable(images_by_set.values()))
        raise DataError(
            "unknown-set",
            "the table of duplicates contains none of these images",
            allowed=f"names such as {join_first(tuple(dict.fromkeys(images)), max_items=2)}",
            found=f"{join_first(set_images, max_items=2)} in {sets_text}",
            fix=suggest_match_fix(set_images, images, match=match) or "scan these images too",
        )
    raise DataError(
        "ambiguous-set",
        "these images are in several sets of the table of duplicates",
        found=join_first(fully or partly),
    )
