"""The recipe of ReaL's scores: the published scores come back, and follow from the golden votes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.aggregation.calibration import calibrate
from reassess.aggregation.golden import expert_validity
from reassess.aggregation.recipe import original_votes, real_scores
from reassess.core.benchmark import REAL_RECIPE, Recipe
from reassess.core.image_names import validation_names
from reassess.core.items import Items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.votes import Votes
from reassess.errors import DataError
from reassess.formats.score_files import read_score_file
from tests.helpers import votes_of


@pytest.fixture(scope="module")
def released(real_file: Callable[[str], Path], real_votes: Callable[[str], Votes]) -> Any:
    """Votes, experts' and raters' golden votes, original labels, and the published scores."""
    wnids = real_file("validation_labels.txt").read_text().split()
    class_of = {wnid: i for i, wnid in enumerate(sorted(set(wnids)))}
    original = LabelSets.from_lists(validation_names(), [[class_of[wnid]] for wnid in wnids])
    votes, experts, rater_golden = (real_votes(f"{name}.npz") for name in ("raters", "golden", "raters_golden"))
    return votes, experts, rater_golden, original, read_score_file(real_file("scores.npz"))


def precision_and_recall(truth: npt.NDArray[Any], kept: npt.NDArray[Any]) -> tuple[float, float]:
    return round(truth[kept].mean(), 5), round(kept[truth == 1].mean(), 5)


def test_the_published_scores_come_back(released: Any) -> None:
    votes, experts, rater_golden, original, published = released
    scores = real_scores(votes, experts, rater_golden, original)
    assert scores.questions.images == published.questions.images
    assert np.array_equal(scores.questions.image_ids, published.questions.image_ids)
    assert np.array_equal(scores.questions.class_ids, published.questions.class_ids)
    assert np.abs(scores.values - published.values).max() <= 1e-12


def test_the_original_labels_log_likelihood_ratios_are_as_measured(released: Any) -> None:
    _, experts, _, original, _ = released
    truth = expert_validity(experts, at_least=REAL_RECIPE.original_experts_at_least)
    matrix = calibrate(original_votes(experts.items, original), truth, smoothing=1, pooling=0).matrices[0]
    ratios = np.log(matrix[1] / matrix[0])
    assert ratios[2] == pytest.approx(2.7661922069202363, abs=1e-14)
    assert ratios[0] == pytest.approx(-0.5527578747142783, abs=1e-14)


def test_leaving_out_the_original_label_changes_as_many_labels_as_measured(released: Any) -> None:
    votes, experts, rater_golden, _, published = released
    alone = real_scores(votes, experts, rater_golden, None).values >= 0.8
    kept = published.values >= 0.8
    assert np.count_nonzero(alone != kept) == 1_585
    assert round(np.count_nonzero(alone & kept) / np.count_nonzero(alone | kept), 3) == 0.952


def test_changed_golden_votes_change_the_scores(released: Any) -> None:
    """Nothing of the recipe's numbers stands in the code."""
    votes, experts, rater_golden, original, published = released
    some = votes.restrict(np.arange(3_000))

    def scores(experts: Votes = experts, rater_golden: Votes = rater_golden) -> npt.NDArray[Any]:
        return real_scores(some, experts, rater_golden, original).values

    def changed(golden: Votes) -> Votes:
        answer_ids = golden.answer_ids.copy()
        answer_ids[:500] = 2 - answer_ids[:500]
        return Votes(golden.items, golden.indptr, golden.rater_ids, answer_ids, golden.raters, golden.answers)

    before = scores()
    np.testing.assert_allclose(before, published.values[:3_000], atol=1e-12)
    assert np.abs(scores(experts=changed(experts)) - before).max() > 1e-3
    assert np.abs(scores(rater_golden=changed(rater_golden)) - before).max() > 1e-3
    fewer = np.arange(600)
    of_fewer = scores(experts=experts.restrict(fewer), rater_golden=rater_golden.restrict(fewer))
    assert np.abs(of_fewer - before).max() > 1e-3


# --- a small world --------------------------------------------------------------------------------------------------

PAIRS = Questions.from_columns(["a", "a", "b", "b"], np.array([1, 500, 1, 2]))
ORIGINAL = LabelSets.from_lists(["b", "a"], [[2], [1]])


def votes_on(rows: Sequence[Sequence[int]], items: Items = PAIRS) -> Votes:
    return votes_of(rows, items, (1, 2, 3))


EXPERTS = votes_on([(i, r, 2 if i in (0, 3) else 0) for i in range(4) for r in range(3)])
RATERS = votes_on([(0, 0, 2), (1, 0, 0), (2, 1, 0), (3, 1, 2), (3, 0, 1)])
VOTES = votes_on([(0, 0, 2), (0, 2, 2), (1, 1, 0), (3, 2, 1)])
RULES = Recipe(experts_at_least=2, original_experts_at_least=2, original_below=400, smoothing=1.0, pooling=0.0)


def test_the_original_label_votes_yes_on_its_class_and_no_on_others() -> None:
    votes = original_votes(PAIRS, ORIGINAL)
    assert [votes.on(row) for row in range(4)] == [(("original label", word),) for word in ("yes", "no", "no", "yes")]
    below = original_votes(PAIRS, ORIGINAL, below=2)
    assert below.sizes.tolist() == [1, 0, 1, 0]
    unknown = original_votes(PAIRS, LabelSets.from_lists(["a"], [[7]]))
    assert unknown.sizes.tolist() == [1, 1, 0, 0]


def test_scores_are_those_of_a_plain_loop() -> None:
    valid = [1, 0, 0, 1]

    def ratio(rows: Sequence[Sequence[int]], answer: int) -> Any:
        """Log-likelihood ratio of an answer of a rater who gave `rows`: (pair, answer)."""
        share = [
            (1 + sum(a == answer and valid[i] == t for i, a in rows)) / (3 + sum(valid[i] == t for i, _ in rows))
            for t in (0, 1)
        ]
        return np.log(share[1] / share[0]), share

    golden_rows = {0: [(0, 2), (1, 0), (3, 1)], 1: [(2, 0), (3, 2)]}
    label_rows = [(0, 2), (1, 0), (2, 0), (3, 2)]

    def fallback(answer: int) -> Any:
        shares = np.mean([ratio(rows, answer)[1] for rows in golden_rows.values()], axis=0)
        return np.log(shares[1] / shares[0])

    expected = [
        ratio(golden_rows[0], 2)[0] + fallback(2) + ratio(label_rows, 2)[0],
        ratio(golden_rows[1], 0)[0],
        ratio(label_rows, 0)[0],
        fallback(1) + ratio(label_rows, 2)[0],
    ]
    scores = real_scores(VOTES, EXPERTS, RATERS, ORIGINAL, recipe=RULES)
    np.testing.assert_allclose(scores.values, 1 / (1 + np.exp(-np.array(expected))), atol=1e-12)


def test_golden_pairs_that_were_never_asked_count_in_the_prior() -> None:
    few = VOTES.restrict(np.array([0, 3]))
    whole, part = (real_scores(v, EXPERTS, RATERS, ORIGINAL, recipe=RULES) for v in (VOTES, few))
    assert np.array_equal(part.values, whole.values[[0, 3]])


PLAIN = votes_on([(0, 0, 2)], items=("x",))
BAD = {
    "golden pairs without experts": (
        (VOTES, EXPERTS.restrict(np.array([0, 1, 3])), RATERS, ORIGINAL),
        "raters voted on golden pairs that no expert judged\n"
        "  found:   1 of 4: image b, class 1\n"
        "  fix:     take the experts' and the raters' golden votes from one release",
    ),
    "plain items": (
        (PLAIN, PLAIN, PLAIN, ORIGINAL),
        "the votes are not on (image, class) questions\n  fix:     give the columns image and class",
    ),
    "two original labels": (
        (VOTES, EXPERTS, RATERS, LabelSets.from_lists(["a"], [[1, 2]])),
        "image does not have exactly one original label\n  where:   image a\n  allowed: one class\n"
        "  found:   2 classes\n"
        "  fix:     give each image the one class that it had, or leave the image out",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name: Any) -> None:
    votes, message = BAD[name]
    with pytest.raises(DataError) as error:
        real_scores(*votes, recipe=replace(RULES, experts_at_least=1, original_experts_at_least=1))
    assert str(error.value) == message
