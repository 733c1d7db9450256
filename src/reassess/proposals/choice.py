"""The choice of a few models whose candidates still reach the required recall of golden labels.

After the outline in Beyer et al., arXiv 2006.07159, section 3. The best of many subsets of models looks better than it
is on the images that selected it. So subsets are searched on some golden images, and tested on the other golden images.
The order of the tests is fixed before: from all models to subsets with fewer candidates, until the golden answers do
not show that a subset reaches the recall. All subsets are tested at the same level. A wrong subset can be chosen only
if the first wrong subset in that order passes its test. So the level holds for the choice, for any number of tests.
"""

import numpy as np

from reassess.aggregation import GoldenQuestions
from reassess.core import ModelChoice, ProposalResult
from reassess.core.checks import check_number, check_type
from reassess.errors import DataError
from reassess.numeric import Proportion
from reassess.proposals.proposed_pairs import find_golden_pairs
from reassess.proposals.subset_search import SubsetEvaluator, measure_model_subsets
from reassess.text import count_noun

DEFAULT_RECALL = 0.97
_CONFIDENCE = 0.9  # of a one-sided bound
_SEARCH_DIVISOR = 3  # subsets are searched on one in three golden images, and tested on the other images


def choose_models(
    result: ProposalResult, golden: GoldenQuestions, *, recall: float = DEFAULT_RECALL, seed: int = 0
) -> ModelChoice:
    """Choose a few models whose candidates still reach a target recall of golden labels.

    Subsets of models are searched on a random third of the golden images. With up to 20 models, all subsets are
    measured. With more models, models are added one by one, each time the model with the most new golden labels per new
    candidate. The best subsets are then tested on the other images. The tests begin with all models, and go to subsets
    with fewer and fewer candidates, until the lower bound of a subset's recall, with 90 % confidence, is below
    `recall`. The subset before it is chosen.

    The candidates of a subset are the candidates that `propose` would choose for its models only, but with the N that
    `propose` chose for all models: N pairs of each model may be candidates. If all models of the subset that predict an
    image agree with its original label, only that label is a candidate. An image that no model of the subset predicts
    has no candidate. The recall of each subset is over the same golden questions: on images with a candidate of any
    model.

    Parameters
    ----------
    result
        The result of `propose`, for all models.
    golden
        Questions that experts answered. Images without a candidate of any model are counted, but not used.
    recall
        Recall to reach, in (0, 1].
    seed
        Seed of the random split of golden images.

    Returns
    -------
    ModelChoice
        Without chosen models if, judged by the golden answers, even all models together may not reach the recall.

    Raises
    ------
    DataError
        The models predict no golden image; no golden question on their images is valid; or no model proposes a
        candidate.

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
    >>> golden = GoldenQuestions(Questions.from_columns(images, np.tile([0, 1], 30)), np.ones(60, bool))
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
    check_type(GoldenQuestions, golden)
    check_number(seed, 0, value_name="seed", is_whole=True)
    if not 0 < recall <= 1:
        raise DataError("out-of-range", "recall out of range", allowed="above 0, and at most 1", found=recall)
    if not len(result.candidates):
        set_aside, without_class = len(result.set_aside_labels), result.n_without_class
        reason = f"{count_noun(set_aside, 'image')} set aside, {count_noun(without_class, 'image')} without a class"
        raise DataError("missing-candidates", "no model proposes a candidate", found=reason)
    pairs = find_golden_pairs(result, golden)
    is_search_image = np.random.default_rng(seed).permutation(pairs.n_images) < pairs.n_images // _SEARCH_DIVISOR
    check_pairs = pairs.select_images(~is_search_image)
    all_models = np.ones(len(result.models), bool)
    search = measure_model_subsets(result, pairs.select_images(is_search_image))
    subsets = [subset for subset in map(search.models_of_subset, search.frontier_rows.tolist()) if not subset.all()]
    highest_target = pairs.recall_lower_bound(all_models, confidence=_CONFIDENCE)
    chosen, bound = all_models, highest_target
    for subset in reversed(subsets):
        subset_bound = check_pairs.recall_lower_bound(subset, confidence=_CONFIDENCE)
        if subset_bound < recall:
            break
        chosen, bound = subset, subset_bound
    measure, is_reached = SubsetEvaluator(result, check_pairs), highest_target >= recall
    proposed = pairs.pairs.is_proposed_by(all_models) & pairs.is_valid
    return ModelChoice(
        target_recall=recall,
        chosen=measure(chosen) if is_reached else None,
        recall_bound=bound if is_reached else None,
        highest_target=highest_target,
        recall_of_all_models=Proportion(int(np.count_nonzero(proposed)), int(np.count_nonzero(pairs.is_valid))),
        all_models=measure(all_models),
        frontier=tuple(map(measure, [*subsets, all_models])),
        n_subsets=search.n_hits.size,
        is_exact=search.is_exact,
        n_search_images=int(np.count_nonzero(is_search_image)),
        n_check_images=int(np.count_nonzero(~is_search_image)),
        n_valid_not_candidates=pairs.n_valid_not_candidates,
        n_set_aside=pairs.n_set_aside,
        n_not_predicted=pairs.n_not_predicted,
    )
