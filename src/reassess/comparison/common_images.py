"""The images that all of several models have seen."""

from collections.abc import Mapping

import numpy as np

from reassess.core.image_names import join
from reassess.core.missing import Missing
from reassess.evaluation.outcomes import Outcomes

__all__ = ["on_common_images"]


def on_common_images(outcomes: Mapping[str, Outcomes]) -> dict[str, Outcomes] | Missing | None:
    """What happened to the images that all of some models have seen.

    Parameters
    ----------
    outcomes
        What happened to each image, by the model's name.

    Returns
    -------
    The same of the common images, in the order of the first model's; None if all models have seen the same images;
    `Missing` if there is none that all of them have seen.

    Examples
    --------
    >>> from reassess import LabelSets, Predictions, find_outcomes
    >>> labels = LabelSets.from_lists(["a.png", "b.png", "c.png"], [[0], [1], [2]])
    >>> one, two = Predictions.from_ids([0, 1], ["a.png", "b.png"]), Predictions.from_ids([1, 2], ["b.png", "c.png"])
    >>> common = on_common_images({"one": find_outcomes(one, labels), "two": find_outcomes(two, labels)})
    >>> [each.images for each in common.values()]
    [('b.png',), ('b.png',)]
    """
    first = next(iter(outcomes.values()))
    rows = {
        model: join(first.images, each.images, match=each.match, where="the first model", known_where=model)
        for model, each in outcomes.items()
    }
    common = np.logical_and.reduce([of_model >= 0 for of_model in rows.values()])
    shared = int(np.count_nonzero(common))
    if all(len(each) == shared for each in outcomes.values()):
        return None
    if not shared:
        return Missing("the models have no image in common")
    return {model: outcomes[model].part(of_model[common]) for model, of_model in rows.items()}
