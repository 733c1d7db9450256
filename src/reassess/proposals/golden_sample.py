"""Drawing golden questions: a random sample of images, where suspicious images are more likely."""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.core import Candidates, LabelSets
from reassess.core.candidates import ORIGINAL_SOURCE
from reassess.core.checks import check_number, check_type
from reassess.core.image_names import image_keys
from reassess.core.labels import check_one_label_each
from reassess.core.samples import Sample
from reassess.errors import DataError
from reassess.text import count_noun

_STRATUM_NAMES = {
    1: ("all",),
    2: ("suspicion low", "suspicion high"),
    3: ("suspicion low", "suspicion middle", "suspicion high"),
}
_MIN_IMAGES_PER_STRATUM = 2  # images per stratum: one image does not show a variance
_BASE_WEIGHT = 0.1  # weight of an image without suspicion, relative to the most suspicious image
_UNKNOWN_SUSPICION = 0.5  # suspicion of an image without any information
_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def draw_golden(
    candidates: Candidates, n_questions: int, *, original: LabelSets | None = None, seed: int = 0
) -> Sample:
    """Draw images with about `n_questions` questions in total, as golden questions for experts.

    Images of similar suspicion form up to three strata. The same number of images is drawn from each stratum, so
    suspicious images are drawn more often. Within a stratum, images have equal probability, and the drawn images are
    spread over the classes in proportion. The draw depends on the seed and the names, not on the order of the
    candidates.

    Parameters
    ----------
    candidates
        The questions. All questions of a drawn image become golden.
    n_questions
        Number of questions. The number of images is fixed before the draw, so there may be a few more or less.
    original
        Original labels, if they are not among the sources of the candidates.
    seed
        Seed of the draw.

    Returns
    -------
    Sample
        The drawn images. The suspicion of an image is 1 minus the probability of its original label. If no model gives
        this probability, it is the highest probability of another class; without any probability, it is the share of
        models that rank another class first. Without an original label, the most probable class takes its place.

    Raises
    ------
    DataError
        `n_questions` is not a whole number from 1, or needs all images.

    Examples
    --------
    >>> images, none = [f"{number}.png" for number in range(9)], np.zeros(9, int)
    >>> sources = ["original", "vit"]
    >>> pairs = Candidates.from_columns(images, np.arange(9), none, ["vit"], none, none + 1, np.arange(9) / 9)
    >>> sample = draw_golden(pairs, 6)
    >>> sample, sorted(set(sample.strata))
    (Sample(6 images for about 9), ['suspicion high', 'suspicion low', 'suspicion middle'])
    """
    check_type(Candidates, candidates)
    check_number(n_questions, 1, is_whole=True, value_name="number of golden questions")
    if original is not None:
        check_one_label_each(original)
    sizes = np.bincount(candidates.questions.image_ids, minlength=len(candidates.questions.images))
    suspicion, class_ids = _measure_label_suspicion(candidates, original)
    keys = image_keys(candidates.questions.images)
    rows = np.array(sorted(np.flatnonzero(sizes).tolist(), key=keys.__getitem__), np.int64)
    strata, counts = _allocate_to_strata(suspicion[rows], sizes[rows], n_questions)
    if n_questions >= len(candidates) or counts.sum() >= rows.size:
        raise DataError(
            "all-golden",
            "too many golden questions: no questions would be left for the raters",
            allowed=f"fewer than {len(candidates):,} golden questions, on fewer images than the candidates",
            found=f"{count_noun(n_questions, 'golden question')}, and {count_noun(len(candidates), 'candidate')} on "
            f"{count_noun(rows.size, 'image')}",
            fix="use fewer golden questions, or more candidates",
        )
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(rows.size), class_ids[rows], strata))
    chosen, probabilities = [], []
    for level, n_drawn in enumerate(counts.tolist()):
        members = order[strata[order] == level]
        places = ((rng.random() + np.arange(n_drawn)) * (members.size / max(n_drawn, 1))).astype(np.int64)
        chosen.append(members[np.minimum(places, members.size - 1)])
        probabilities.append(np.full(n_drawn, n_drawn / max(members.size, 1)))
    images, values = np.concatenate(chosen), np.concatenate(probabilities)
    by_name = np.argsort(images)
    names = _STRATUM_NAMES[counts.size]
    return Sample(
        images=tuple(candidates.questions.images[row] for row in rows[images[by_name]].tolist()),
        probabilities=values[by_name],
        strata=tuple(names[level] for level in strata[images[by_name]].tolist()),
        purpose="golden",
        seed=seed,
    )


class _LabelSuspicions(NamedTuple):
    """How doubtful the label of each image is, and which class counts as its label."""

    suspicions: _Floats  # (images,), in [0, 1]
    class_ids: _Ints  # (images,): the original label, or the most probable candidate, or the one with the lowest id


def _measure_label_suspicion(candidates: Candidates, original: LabelSets | None) -> _LabelSuspicions:
    """Compute how doubtful the label of each image is."""
    questions, images = candidates.questions, len(candidates.questions.images)
    image_ids, mean_probability = questions.image_ids, candidates.mean_probabilities
    first_shares = candidates.n_models_ranking_first / max(1, len(candidates.models))
    is_label = _is_original_label(candidates, original)
    has_ranks = candidates.n_models_ranking_first.any()
    value = np.where(np.isnan(mean_probability), first_shares if has_ranks else np.nan, mean_probability)
    has_value = ~np.isnan(value)

    def find_highest_probabilities(is_candidate_selected: npt.NDArray[np.bool_]) -> _Floats:
        """Return the highest probability of the selected candidates of each image; -1 for an image without any."""
        highest_values = np.full(images, -1.0)
        rows = is_candidate_selected & has_value
        np.maximum.at(highest_values, image_ids[rows], value[rows])
        return highest_values

    has_label = np.bincount(image_ids[is_label], minlength=images) > 0
    label_probability, other_probability = find_highest_probabilities(is_label), find_highest_probabilities(~is_label)
    doubt = np.where(label_probability >= 0, 1 - label_probability, other_probability)
    doubt = np.where(has_label, doubt, np.where(other_probability >= 0, 1 - other_probability, -1))
    order = np.lexsort((questions.class_ids, -np.where(has_value, value, -1), ~is_label, image_ids))
    class_ids = np.zeros(images, np.int64)
    class_ids[image_ids[order[::-1]]] = questions.class_ids[order[::-1]]
    return _LabelSuspicions(np.where(doubt >= 0, doubt, _UNKNOWN_SUSPICION), class_ids)


def _is_original_label(candidates: Candidates, original: LabelSets | None) -> npt.NDArray[np.bool_]:
    """Return whether each candidate is the original label of its image."""
    if ORIGINAL_SOURCE in candidates.sources:
        return np.asarray(candidates.is_proposed_by_source[:, candidates.sources.index(ORIGINAL_SOURCE)])
    questions = candidates.questions
    if original is None or not len(original):
        return np.zeros(len(questions), np.bool_)
    classes = questions.classes.merge(original.classes)
    moved, labels = questions.convert_to_classes(classes), original.convert_to_classes(classes)
    rows = labels.find(questions.images)[moved.image_ids]
    return np.asarray((rows >= 0) & (labels.indices[rows] == moved.class_ids))


class _Allocation(NamedTuple):
    """The stratum of each image, and the number of images to draw from each stratum."""

    strata: _Ints  # (images,)
    image_counts: _Ints  # (strata,)


def _allocate_to_strata(suspicions: _Floats, question_counts: _Ints, n_questions: int) -> _Allocation:
    """Assign images to strata, and choose how many images to draw from each stratum."""
    strata, counts = np.zeros(0, np.int64), np.zeros(1, np.int64)
    for levels in (3, 2, 1) if question_counts.size else ():
        strata = _assign_strata(suspicions, levels)
        members = np.bincount(strata)
        counts = _choose_image_counts(n_questions, members, np.bincount(strata, question_counts) / members)
        if levels == 1 or min(counts) >= _MIN_IMAGES_PER_STRATUM:
            break
    return _Allocation(strata, counts)


def _assign_strata(suspicions: _Floats, n_strata: int) -> _Ints:
    """Split images into strata with similar sums of sqrt(suspicion); return each image's stratum."""
    values, positions, counts = np.unique(suspicions, return_inverse=True, return_counts=True)
    mass = counts * (np.sqrt(values) + _BASE_WEIGHT)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    _, strata = np.unique(
        np.minimum((n_strata * middle).astype(np.int64), n_strata - 1)[positions], return_inverse=True
    )
    return np.asarray(strata, np.int64)


def _choose_image_counts(n_questions: int, stratum_sizes: _Ints, questions_per_image: _Floats) -> _Ints:
    """Choose how many images to draw per stratum, so that about `n_questions` are expected."""
    totals = range(1, max(2, int(stratum_sizes.sum())))

    def expected_missing_questions(n_images: int) -> float:
        """Return `n_questions` minus the expected number of questions on `n_images` drawn images."""
        return n_questions - float(_spread_evenly(n_images, stratum_sizes) @ questions_per_image)

    enough = bisect_left(totals, True, key=lambda total: expected_missing_questions(total) <= 0, hi=len(totals) - 1)
    return _spread_evenly(
        min(
            totals[max(0, enough - 1) : enough + 1],
            key=lambda total: (abs(expected_missing_questions(total)), -total),
        ),
        stratum_sizes,
    )


def _spread_evenly(n_images: int, stratum_sizes: _Ints) -> _Ints:
    """Spread a total evenly over strata, up to their sizes; the last strata get the remainder."""
    counts = np.zeros(stratum_sizes.size, np.int64)
    while (rest := n_images - int(counts.sum())) > 0 and (open_strata := np.flatnonzero(counts < stratum_sizes)).size:
        share = np.zeros(stratum_sizes.size, np.int64)
        share[open_strata] = rest // open_strata.size
        share[open_strata[::-1][: rest % open_strata.size]] += 1
        counts = np.minimum(counts + share, stratum_sizes)
    return counts
