"""The ReaL recipe matches plain loops; tests of the command aggregate reproduce the published scores."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess.aggregation import aggregate, calibrate, golden_truth, original_label_votes, precision_recall
from reassess.aggregation import imagenet_real_scores as by_recipe
from reassess.aggregation.golden import expert_validity
from reassess.core import REAL_RECIPE, Items, LabelSets, Questions, ScoreRecipe, Votes
from reassess.formats import read_score_file
from tests.helpers import RealFile, RealVotes, code_of, message, votes_of


def test_original_label_has_published_log_likelihood_ratios(real_votes: RealVotes, real_original: LabelSets) -> None:
    experts = real_votes("golden.npz")
    truth = expert_validity(experts, min_experts=REAL_RECIPE.min_experts_on_original)
    matrix = calibrate(original_label_votes(experts.items, real_original), truth, smoothing=1, pooling=0).matrices[0]
    ratios = np.log(matrix[1] / matrix[0])
    assert ratios[2] == pytest.approx(2.7661922069202363, abs=1e-14)
    assert ratios[0] == pytest.approx(-0.5527578747142783, abs=1e-14)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("mean", {}, 0.86527),
        ("em", {"pooling": 0}, 0.8922),
        ("em", {"pooling": 0, "smoothing": 1}, 0.8923),
        ("imagenet-real", {"golden": True}, 0.8940),  # without original labels
    ],
)
def test_average_precision_on_golden_questions_is_reproduced(
    real_file: RealFile, real_votes: RealVotes, method: str, options: dict[str, Any], expected: float
) -> None:
    experts, rater_golden = real_votes("golden.npz"), real_votes("raters_golden.npz")
    golden = {"experts": experts, "rater_golden": rater_golden} if options.pop("golden", False) else {}
    scores = aggregate(real_votes("raters.npz"), method, **golden, **options).scores
    curve = precision_recall(scores, golden_truth(experts, min_experts=3))
    assert curve.average_precision == pytest.approx(expected, abs=0.5 * 10 ** -len(str(expected)[2:]))
    if golden:
        published = read_score_file(real_file("scores.npz"))
        assert np.count_nonzero((scores.values >= 0.8) != (published.values >= 0.8)) == 1_585
        for threshold, precision, recall in ((0.5, 0.842, 0.819), (0.95, 0.922, 0.714)):
            point = precision_recall(published, golden_truth(experts, min_experts=3)).point_at_threshold(threshold)
            assert (round(point.precision.value or 0, 3), round(point.recall.value or 0, 3)) == (precision, recall)


PAIRS = Questions.from_columns(["a", "a", "b", "b"], np.array([1, 500, 1, 2]))
ORIGINAL = LabelSets.from_lists(["b", "a"], [[2], [1]])


def votes_on(rows: Sequence[Sequence[int]], items: Items = PAIRS) -> Votes:
    return votes_of(rows, items, (1, 2, 3))


EXPERTS = votes_on([(i, r, 2 if i in (0, 3) else 0) for i in range(4) for r in range(3)])
RATERS = votes_on([(0, 0, 2), (1, 0, 0), (2, 1, 0), (3, 1, 2), (3, 0, 1)])
VOTES = votes_on([(0, 0, 2), (0, 2, 2), (1, 1, 0), (3, 2, 1)])
RULES = ScoreRecipe(
    min_experts=2, min_experts_on_original=2, n_classes_with_original_vote=400, smoothing=1.0, pooling=0.0
)


def test_original_label_votes_yes_on_its_class_and_no_on_others() -> None:
    votes = original_label_votes(PAIRS, ORIGINAL)
    assert [votes.votes_on(row) for row in range(4)] == [
        (("original label", word),) for word in ("yes", "no", "no", "yes")
    ]
    below = original_label_votes(PAIRS, ORIGINAL, class_id_limit=2)
    assert below.sizes.tolist() == [1, 0, 1, 0]
    unknown = original_label_votes(PAIRS, LabelSets.from_lists(["a"], [[7]]))
    assert unknown.sizes.tolist() == [1, 1, 0, 0]


def test_scores_match_loop() -> None:
    valid = [1, 0, 0, 1]

    def ratio(rows: Sequence[Sequence[int]], answer: int) -> Any:
        """Log-likelihood ratio of an answer, by a rater with golden votes `rows` of (question, answer)."""
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
    scores = by_recipe(VOTES, EXPERTS, RATERS, ORIGINAL, recipe=RULES)
    np.testing.assert_allclose(scores.values, 1 / (1 + np.exp(-np.array(expected))), atol=1e-12)
    few = by_recipe(VOTES.select_items(np.array([0, 3])), EXPERTS, RATERS, ORIGINAL, recipe=RULES)
    assert np.array_equal(few.values, scores.values[[0, 3]])  # golden questions without votes count in the prior


PLAIN = votes_on([(0, 0, 2)], items=("x",))
BAD = {
    "wrong-items": (VOTES, EXPERTS.select_items(np.array([0, 1, 3])), RATERS, ORIGINAL),
    "not-on-questions": (PLAIN, PLAIN, PLAIN, ORIGINAL),
    "not-one-label": (VOTES, EXPERTS, RATERS, LabelSets.from_lists(["a"], [[1, 2]])),
}


@pytest.mark.parametrize("code", BAD)
def test_bad_input_raises(code: str) -> None:
    recipe = replace(RULES, min_experts=1, min_experts_on_original=1)
    assert code_of(by_recipe, *BAD[code], recipe=recipe) == code
    if code == "wrong-items":
        assert message(by_recipe, *BAD[code], recipe=recipe) == (
            "raters' golden votes are on questions without experts' votes\n  found:   1 of 4: image b, class 1\n"
            "  fix:     use the experts' and the raters' golden votes of the same release"
        )
