"""Label sets at a threshold of scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.aggregation import label_sets
from reassess.core import LabelSets, Scores
from tests.helpers import fault_of, scores_of

THRESHOLDS = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
VALUES = st.dictionaries(
    st.tuples(st.sampled_from(["a.png", "b.png", "c.png"]), st.integers(0, 5)),
    st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    max_size=12,
)
ORIGINAL = LabelSets.from_lists(["d.png", "b.png", "a.png"], [[9], [8], [7]])


@given(VALUES, THRESHOLDS)
def test_rated_images_keep_scored_classes_and_others_original_labels(
    values: dict[tuple[str, int], float], threshold: float
) -> None:
    """A rated image never keeps its original label, also if its label set is empty."""
    rated = {image for image, _ in values}
    expected = {
        image: frozenset(c for (of, c), value in values.items() if of == image and value >= threshold)
        for image in rated
    }
    assert label_sets(scores_of(values), threshold).classes_by_image() == expected
    labels = label_sets(scores_of(values), threshold, original=ORIGINAL)
    assert labels.classes_by_image() == dict(ORIGINAL.classes_by_image()) | expected
    assert labels.images[:3] == ORIGINAL.images


def test_validation_images_are_joined_across_folders() -> None:
    scores = scores_of({("ILSVRC2012_val_00000002.JPEG", 3): 0.9})
    original = LabelSets.from_lists(["val/ILSVRC2012_val_00000002_n01440764.png"], [[0]])
    assert label_sets(scores, 0.5, original=original).classes_by_image() == {original.images[0]: {3}}


def test_published_threshold_separates_kept_and_dropped_scores(
    real_scores: Scores, real_original: LabelSets, real_labels: LabelSets
) -> None:
    assert label_sets(real_scores, 0.8, original=real_original).classes_by_image() == real_labels.classes_by_image()
    values = real_scores.values
    lowest, highest = values[values >= 0.8].min(), values[values < 0.8].max()
    assert (f"{lowest:.7f}", f"{highest:.7f}") == ("0.8000218", "0.7999900")
    published = real_labels.indices.size
    sizes = [label_sets(real_scores, each, original=real_original).indices.size for each in (highest, lowest)]
    assert sizes == [published + 1, published]
    assert label_sets(real_scores, np.nextafter(lowest, 1), original=real_original).indices.size == published - 1


@pytest.mark.parametrize("threshold", [-0.1, 1.5, 80, float("nan"), float("inf")])
def test_threshold_outside_0_to_1_raises(threshold: float) -> None:
    assert fault_of(label_sets, scores_of({("a.png", 1): 0.5}), threshold) == ("out-of-range", str(threshold))
