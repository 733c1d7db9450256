"""Which models are worth asking: as good a recall of golden labels with fewer proposals for raters.

After the outline in Beyer et al., arXiv 2006.07159, section 3: of many models a few are kept, whose proposals still
reach a recall of golden labels. On the images on which models are chosen, among so many subsets, that recall is too
good; so the choice is also made anew without each fold of images, and measured on it.
"""

import math

import numpy as np
import numpy.typing as npt

from reassess.aggregation.golden import Golden
from reassess.aggregation.provenance import image_folds
from reassess.core.candidates import Candidates
from reassess.core.checks import check_number
from reassess.core.model_choice import HeldOut, ModelChoice
from reassess.errors import DataError
from reassess.numeric.bootstrap import percentile_bounds, times_drawn_again
from reassess.numeric.proportion import Proportion, wilson
from reassess.proposals.proposed_pairs import GoldenPairs, golden_pairs
from reassess.proposals.subset_search import Measure, Search, search_of
from reassess.text import counted

__all__ = ["USUAL_RECALL", "choose_models"]

USUAL_RECALL = 0.97
_FOLDS = 10
_REPLICATES = 2_000
_AT_ONCE = 1_000_000  # images of replicates that are drawn together, which bounds the memory and not the result
_Bools = npt.NDArray[np.bool_]


def choose_models(
    candidates: Candidates, golden: Golden, *, recall: float = USUAL_RECALL, folds: int = _FOLDS, seed: int = 0
) -> ModelChoice:
    """The models whose proposals reach a recall of golden labels with the fewest proposals.

    All subsets are measured if there are up to 22 models; of more, those to which a search from many starts comes. A
    subset proposes what `propose` would with its models alone and the N of all models. It sets aside the images on
    which those of its models that hold them agree with the original label, which then alone counts as proposed; and of
    an image that none of its models holds it proposes nothing. Recall is that of the same golden pairs for every
    subset: those on images of which a model says anything.

    Parameters
    ----------
    candidates
        As `propose` gives them, of all models.
    golden
        Pairs that experts judged; images of which no model says anything are left out and counted.
    recall
        What to reach, in (0, 1].
    folds
        In how many parts golden images are cut at random, so that the choice is measured on others than those on which
        it was made; of fewer images, each is a part.
    seed
        Of the folds and of the bootstrap.

    Returns
    -------
    ModelChoice
        With nothing chosen if all models together do not reach the recall.

    Raises
    ------
    DataError
        No golden image is among those of the models; none of their pairs is valid; no model proposes anything.

    Examples
    --------
    >>> from reassess.core.labels import LabelSets
    >>> from reassess.core.predictions import Predictions
    >>> from reassess.core.questions import Questions
    >>> from reassess.proposals.candidates import propose
    >>> images = ["a.png", "b.png"]
    >>> models = {"one": [1, 2], "two": [1, 0], "three": [2, 2]}
    >>> candidates = propose(
    ...     {name: Predictions.from_ids(ids, images) for name, ids in models.items()},
    ...     LabelSets.from_lists(images, [[0], [0]]),
    ... )
    >>> golden = Golden(Questions.from_columns(["a.png", "b.png"], np.array([1, 2])), np.array([True, True]))
    >>> choose_models(candidates, golden, recall=1)
    chosen           one
    recall           1.0000 (2 of 2)
    held out         0.5000 (1 of 2)
    proposals        4 for 2 images
    search           exhaustive, 7 subsets

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3, in outline.
    """
    check_number(seed, 0, what="seed", whole=True)
    if not 0 < recall <= 1:
        raise DataError("recall out of range", allowed="above 0, to 1", found=recall)
    if not len(candidates.proposals):
        aside, lost = len(candidates.set_aside), candidates.without_class
        images = f"{counted(aside, 'image')} set aside, {counted(lost, 'image')} without a class"
        raise DataError("no model proposes anything", found=images, mend="keep agreed images")
    judged = golden_pairs(candidates, golden)
    search = search_of(candidates)
    measure = Measure(candidates, judged)
    need = _need(judged, recall)
    found = search.find(judged, need)
    row, reached = found.fewest(need)
    return ModelChoice(
        wanted=recall,
        chosen=measure(found.subset(row)) if reached else None,
        held_out=_held_out(search, judged, measure, found.subset(row), recall, folds, seed) if reached else None,
        all_models=measure(np.ones(len(candidates.models), bool)),
        frontier=tuple(measure(found.subset(at)) for at in found.frontier.tolist()),
        subsets=found.hits.size,
        exhaustive=found.exhaustive,
        never_proposed=judged.never_proposed,
        set_aside=judged.set_aside,
        left_out=judged.left_out,
    )


def _need(golden: GoldenPairs, recall: float) -> int:
    """How many valid pairs must be proposed for a recall."""
    return math.ceil(recall * int(np.count_nonzero(golden.valid)) - 1e-9)


def _held_out(
    search: Search, golden: GoldenPairs, measure: Measure, on_all: _Bools, recall: float, folds: int, seed: int
) -> HeldOut | None:
    """The choice made on all folds but one, and measured on that one, for each; of fewer images, each is a part."""
    folds = min(folds, golden.count)
    if folds < 2:
        return None
    fold_of = image_folds(golden.count, folds, seed=seed)
    proposed = np.zeros(len(golden.pairs), bool)
    proposals, short, same = [], 0, 0
    for fold in range(folds):
        others = golden.of_images(fold_of != fold)
        need = _need(others, recall)
        found = search.find(others, need)
        row, reached = found.fewest(need)
        subset = found.subset(row)
        inside = fold_of[golden.images] == fold
        proposed[inside] = golden.pairs.part(inside).proposed_by(subset)
        proposals.append(measure(subset).proposals)
        short += not reached
        same += bool((subset == on_all).all())
    hits = proposed & golden.valid
    shares = {"recall": (hits, golden.valid), "precision": (hits, proposed)}
    intervals = {name: _interval(golden, *parts, seed=seed) for name, parts in shares.items()}
    counts = {name: Proportion(*(int(np.count_nonzero(part)) for part in parts)) for name, parts in shares.items()}
    return HeldOut(
        folds=folds,
        recall=counts["recall"],
        recall_interval=intervals["recall"],
        precision=counts["precision"],
        precision_interval=intervals["precision"],
        proposals=float(np.mean(proposals)),
        short=short,
        same=same,
    )


def _interval(golden: GoldenPairs, hits: _Bools, of: _Bools, *, seed: int) -> tuple[float, float] | None:
    """95 % percentile bootstrap of a share of pairs; all pairs of an image are drawn together.

    Of all or none of the pairs, which every replicate would give again, Wilson's interval over the images.
    """
    images = np.unique(golden.images[of]).size
    if not hits.any() or not (of & ~hits).any():
        return wilson(images if hits.any() else 0, images)
    rng, at_once = np.random.default_rng(seed), max(1, _AT_ONCE // golden.count)
    counts = np.column_stack([np.bincount(golden.images[part], minlength=golden.count) for part in (hits, of)])
    parts = [
        times_drawn_again(rng, golden.count, min(at_once, _REPLICATES - done)) @ counts
        for done in range(0, _REPLICATES, at_once)
    ]
    top, bottom = np.concatenate(parts).T
    some = bottom > 0
    if not some.any():
        return None
    low, high = percentile_bounds(top[some] / bottom[some])
    return float(low), float(high)
