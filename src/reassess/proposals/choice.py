"""Which models are worth asking: a recall of golden labels with fewer candidates for raters.

After the outline in Beyer et al., arXiv 2006.07159, section 3: of many models a few are kept, whose candidates still
reach a recall of golden labels. The best of many subsets looks better than it is on the images that judge it. So some
golden images find a few subsets, and the others check these, in an order that is fixed before: from all models to fewer
candidates, until one is not shown to reach the recall. Each subset is tested at the same level, and a wrong subset is
chosen only if the first of them in that order passes. So the level holds for the choice, however many are tested.
"""

import numpy as np

from reassess.aggregation import Golden
from reassess.core import ModelChoice, ProposalResult
from reassess.core.checks import check_number, check_type
from reassess.errors import DataError
from reassess.numeric import Proportion
from reassess.proposals.proposed_pairs import golden_pairs
from reassess.proposals.subset_search import Measure, find_subsets
from reassess.text import counted

USUAL_RECALL = 0.97
_CONFIDENCE = 0.9  # of a bound on one side
_SEARCHED = 3  # every third golden image finds subsets, the others check them


def choose_models(
    result: ProposalResult, golden: Golden, *, recall: float = USUAL_RECALL, seed: int = 0
) -> ModelChoice:
    """Choose the models whose candidates are shown to reach a recall of golden labels, with few candidates.

    A third of the golden images, drawn at random, finds subsets: all are measured if there are up to 20 models; of
    more, those of a greedy order, which adds the model that brings the most golden labels for its candidates. The other
    images check the best ones, from all models to fewer candidates, until the lower bound of a subset's recall, with
    90 % confidence, is below `recall`. The subset before it is chosen.

    A subset names the candidates of `propose` for its models only, with the N of all models. If its models that predict
    an image agree with the original label, only that label counts as a candidate; an image that none of them predicts
    has no candidate. Recall is over the same golden questions for every subset: those on images with a
    candidate of any model.

    Parameters
    ----------
    result
        From `propose`, for all models.
    golden
        Questions that experts answered; images without a candidate of any model are not used, and counted.
    recall
        What to reach, in (0, 1].
    seed
        Of the split of golden images.

    Returns
    -------
    ModelChoice
        With nothing chosen if the golden answers do not show that all models together reach the recall.

    Raises
    ------
    DataError
        The models predict no golden image; no golden question on their images is valid; or no model has a candidate.

    Examples
    --------
    >>> from reassess.core.labels import LabelSets
    >>> from reassess.core.predictions import Predictions
    >>> from reassess.core.questions import Questions
    >>> from reassess.proposals.proposing import propose
    >>> images = [f"{row}.png" for row in range(60)]
    >>> models = {"one": [0, 1] * 30, "two": [0, 0, 0, 1] * 15, "three": [0, 2] * 30}
    >>> result = propose(
    ...     {name: Predictions.from_ids(ids, images) for name, ids in models.items()},
    ...     LabelSets.from_lists(images, [[0]] * 60),
    ... )
    >>> golden = Golden(Questions.from_columns(images, np.tile([0, 1], 30)), np.ones(60, bool))
    >>> choose_models(result, golden, recall=0.9)
    chosen           one
    recall           1.0000 (40 of 40), at least 0.9441
    candidates       60 for 30 images
    search           exact, 7 subsets

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3, in outline.
    """
    check_type(ProposalResult, result)
    check_type(Golden, golden)
    check_number(seed, 0, what="seed", whole=True)
    if not 0 < recall <= 1:
        raise DataError("out-of-range", "recall out of range", allowed="above 0, to 1", found=recall)
    if not len(result.candidates):
        aside, lost = len(result.set_aside), result.without_class
        images = f"{counted(aside, 'image')} set aside, {counted(lost, 'image')} without a class"
        raise DataError("missing-candidates", "no model has a candidate", found=images)
    judged = golden_pairs(result, golden)
    is_searched = np.random.default_rng(seed).permutation(judged.count) < judged.count // _SEARCHED
    checked = judged.of_images(~is_searched)
    everything = np.ones(len(result.models), bool)
    found = find_subsets(result, judged.of_images(is_searched))
    subsets = [subset for subset in map(found.subset, found.frontier.tolist()) if not subset.all()]
    highest = judged.recall_bound(everything, confidence=_CONFIDENCE)
    chosen, bound = everything, highest
    for subset in reversed(subsets):
        of_subset = checked.recall_bound(subset, confidence=_CONFIDENCE)
        if of_subset < recall:
            break
        chosen, bound = subset, of_subset
    measure, is_shown = Measure(result, checked), highest >= recall
    proposed = judged.pairs.proposed_by(everything) & judged.valid
    return ModelChoice(
        target_recall=recall,
        chosen=measure(chosen) if is_shown else None,
        recall_bound=bound if is_shown else None,
        highest_bound=highest,
        recall=Proportion(int(np.count_nonzero(proposed)), int(np.count_nonzero(judged.valid))),
        all_models=measure(everything),
        frontier=tuple(map(measure, [*subsets, everything])),
        subsets=found.hits.size,
        exact=found.exact,
        search_images=int(np.count_nonzero(is_searched)),
        check_images=int(np.count_nonzero(~is_searched)),
        not_candidates=judged.not_candidates,
        set_aside=judged.set_aside,
        not_predicted=judged.not_predicted,
    )
