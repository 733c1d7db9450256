"""Label sets follow from votes, also with other weights of the raters."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reassess.aggregation import calibrated_recipe, find_label_resampler, imagenet_real_scores, label_sets
from reassess.core import REAL_RECIPE, LabelSets, Questions, ScoreRecipe, Votes
from reassess.errors import DataError
from tests.helpers import WORDS, RealVotes, code_of, message

RATERS = ("ann", "bo", "cy", "new")
PLAIN = ScoreRecipe(
    min_experts=2, min_experts_on_original=2, n_classes_with_original_vote=None, smoothing=1.0, pooling=0.0
)


def questions(images: int, classes: int = 3) -> Questions:
    names = [f"{i}.png" for i in range(images)]
    return Questions(tuple(names), np.repeat(np.arange(images), classes), np.tile(np.arange(classes), images))


def cast(rng: np.random.Generator, items: Questions, raters: tuple[str, ...], most: int) -> Votes:
    """Random votes, from 0 to `most` on each question."""
    item_ids = np.repeat(np.arange(len(items)), rng.integers(0, most + 1, len(items)))
    rater_ids, answer_ids = rng.integers(0, len(raters), item_ids.size), rng.integers(0, 3, item_ids.size)
    return Votes.from_columns(items, item_ids, rater_ids, answer_ids, raters, WORDS)


def case(seed: int) -> tuple[Votes, Votes, Votes, LabelSets]:
    """Votes, experts' votes, golden votes by the first three raters, and original labels of some images."""
    rng = np.random.default_rng(seed)
    golden = questions(4)
    answers = np.array([0, 2])[rng.integers(0, 2, 36)]
    answers[:6] = [2, 2, 2, 0, 0, 0]
    experts = Votes.from_columns(golden, np.repeat(np.arange(12), 3), np.tile(np.arange(3), 12), answers, "xyz", WORDS)
    rated = np.repeat(np.arange(12), 3)
    rater_golden = Votes.from_columns(
        golden, rated, np.tile(np.arange(3), 12), rng.integers(0, 3, 36), RATERS[:3], WORDS
    )
    names = [f"{i}.png" for i in range(6)]
    original = LabelSets.from_lists(names, rng.integers(0, 3, (6, 1)).tolist())
    return cast(rng, questions(8), RATERS, 4), experts, rater_golden, original


def odds(case_: tuple[Votes, Votes, Votes, LabelSets], times: dict[str, int], recipe: ScoreRecipe) -> list[float]:
    """Compute P(valid) of each question in plain loops; each rater's votes count `times`."""
    votes, experts, rater_golden, original = case_
    yes = [sum(answer == "yes" for _, answer in experts.votes_on(row)) for row in range(len(experts.items))]
    valid = [count >= recipe.min_experts for count in yes]
    matrices = {
        rater: [
            [
                1 + sum((rater, word) in rater_golden.votes_on(q) for q in range(12) if valid[q] == truth)
                for word in WORDS
            ]
            for truth in (False, True)
        ]
        for rater in RATERS[:3]
    }
    matrices = {rater: [[n / sum(row) for n in row] for row in matrix] for rater, matrix in matrices.items()}
    weights = times if any(times[rater] for rater in RATERS[:3]) else dict.fromkeys(RATERS, 1)
    total = sum(weights[rater] for rater in RATERS[:3])
    matrices["new"] = [
        [sum(weights[rater] * matrices[rater][truth][word] for rater in RATERS[:3]) / total for word in range(3)]
        for truth in range(2)
    ]
    own = original.classes_by_image()
    golden, main = experts.items, votes.items
    label = [[1, 1], [1, 1]]  # counts by [is valid][is the original label]
    n = [3, 3]  # the smoothing counts the answer maybe too
    for q in range(12):
        image = golden.images[golden.image_ids[q]]
        label[valid[q]][golden.class_ids[q] in own[image]] += 1
        n[valid[q]] += 1
    result = []
    for q in range(len(main)):
        log_odds = math.log(sum(valid) / (12 - sum(valid)))
        for rater, answer in votes.votes_on(q):
            matrix = matrices[rater]
            word = WORDS.index(answer)
            log_odds += times[rater] * math.log(matrix[1][word] / matrix[0][word])
        image = main.images[main.image_ids[q]]
        if image in own:
            is_label = main.class_ids[q] in own[image]
            log_odds += math.log(label[1][is_label] / n[1] / (label[0][is_label] / n[0]))
        result.append(1 / (1 + math.exp(-log_odds)))
    return result


@settings(max_examples=30)
@given(st.integers(0, 1000), st.lists(st.integers(0, 3), min_size=4, max_size=4), st.floats(0.05, 0.95))
@example(3, [0, 0, 0, 0], 0.25)  # a question has this score, within rounding
def test_reweighted_raters_match_loop(seed: int, times: list[int], threshold: float) -> None:
    world = case(seed)
    votes, experts, rater_golden, original = world
    labels = label_sets(imagenet_real_scores(votes, experts, rater_golden, original, recipe=PLAIN), threshold)
    again = find_label_resampler(labels, votes, experts, rater_golden, original, threshold=threshold, recipes=[PLAIN])
    assert again.n_raters == 4
    expected = np.array(odds(world, dict(zip(RATERS, times, strict=True)), PLAIN))
    clear = np.abs(expected - threshold) > 1e-9
    assert (
        again.find_questions_that_reach_threshold(np.array([times]))[clear, 0] == (expected >= threshold)[clear]
    ).all()


def test_question_without_counted_votes_keeps_prior() -> None:
    votes, experts, rater_golden, _ = case(0)
    prior = 0.25
    for threshold, kept in ((prior - 1e-9, True), (prior + 1e-9, False)):
        answers = np.repeat([2, 0, 0, 0] * 3, 3).astype(np.uint8)
        quarter = Votes(experts.items, experts.indptr, experts.rater_ids, answers, experts.raters, WORDS)
        labels = label_sets(imagenet_real_scores(votes, quarter, rater_golden, None, recipe=PLAIN), threshold)
        again = find_label_resampler(labels, votes, quarter, rater_golden, None, threshold=threshold, recipes=[PLAIN])
        assert (again.find_questions_that_reach_threshold(np.zeros((1, 4), int)) == kept).all()


def test_raters_with_only_golden_votes_are_included() -> None:
    votes, experts, rater_golden, original = case(1)
    few = votes.select_items(np.arange(3))
    names = ("ann", "bo", "zoe", "new")
    renamed = Votes(few.items, few.indptr, few.rater_ids, few.answer_ids, names, WORDS)
    labels = label_sets(imagenet_real_scores(renamed, experts, rater_golden, original, recipe=PLAIN), 0.8)
    again = find_label_resampler(
        labels, renamed, experts, rater_golden, original, threshold=0.8, recipes=[REAL_RECIPE, PLAIN]
    )
    assert again.n_raters == 5
    assert again.has_own_matrix.tolist() == [True, True, False, False, True]


def test_recipe_and_original_vote_are_found_from_label_sets() -> None:
    votes, experts, rater_golden, original = case(2)
    labels = label_sets(imagenet_real_scores(votes, experts, rater_golden, None, recipe=PLAIN), 0.5)
    again = find_label_resampler(
        labels, votes, experts, rater_golden, original, threshold=0.5, recipes=[REAL_RECIPE, PLAIN]
    )
    assert len(set(again.base_log_odds.tolist())) == 1, "only the prior: the original label has no vote"


def test_recipe_with_too_many_experts_is_skipped() -> None:
    votes, experts, rater_golden, _ = case(2)
    kept = experts.rater_ids == 0
    answers = experts.answer_ids[kept]
    one_expert = Votes.from_columns(
        experts.items, experts.item_ids[kept], np.zeros(answers.size, int), answers, "x", WORDS
    )
    rules = calibrated_recipe()
    scores = imagenet_real_scores(votes, one_expert, rater_golden, None, recipe=rules)
    labels = label_sets(scores, 0.5)
    again = find_label_resampler(
        labels, votes, one_expert, rater_golden, None, threshold=0.5, recipes=[REAL_RECIPE, rules]
    )
    assert (again.find_questions_that_reach_threshold(np.ones((1, 4), int))[:, 0] == (scores.values >= 0.5)).all()
    assert code_of(find_label_resampler, labels, votes, one_expert, rater_golden, None, threshold=0.5) == "out-of-range"


def test_label_sets_that_do_not_follow_from_votes_raise() -> None:
    votes, experts, rater_golden, _ = world = case(2)

    def error(labels: LabelSets, threshold: float = 0.5) -> str:
        return message(find_label_resampler, labels, *world, threshold=threshold, recipes=[PLAIN])

    labels = label_sets(imagenet_real_scores(votes, experts, rater_golden, None, recipe=PLAIN), 0.5)
    lists = [list(labels[name]) for name in labels.images]
    lists[3] = [0] if lists[3] != [0] else [1]
    assert error(LabelSets.from_lists(labels.images, lists)) == (
        "label sets cannot be computed again from these votes\n"
        "  allowed: label sets that the ReaL recipe makes from these votes at threshold 0.5\n"
        "  found:   1 of 8 rated images get other label sets\n"
        "  fix:     use the votes, golden answers, original labels and threshold that made the label sets, or "
        'make scores with method="calibrated"'
    )
    few = labels.images[:3]
    assert "5 of 8 rated images get other label sets" in error(LabelSets.from_lists(few, lists[:3]))
    empty = error(LabelSets.from_lists(few, [[]] * 3), 1.0)
    assert "5 of 8 rated images get other label sets" in empty, "an empty set is not a missing image"
    assert error(labels, 1.5).startswith("threshold out of range")
    plain = replace(votes, items=tuple(range(len(votes.items))))
    assert code_of(find_label_resampler, labels, plain, *world[1:], threshold=0.5) == "not-on-questions"


def test_published_labels_follow_from_published_votes(
    real_votes: RealVotes, real_labels: LabelSets, real_original: LabelSets
) -> None:
    answers = [real_votes(f"{name}.npz") for name in ("raters", "golden", "raters_golden")]
    again = find_label_resampler(real_labels, *answers, real_original, threshold=0.8)
    assert (again.n_raters, int(again.has_own_matrix.sum())) == (85, 78)
    assert int(again.find_questions_that_reach_threshold(np.ones((1, 85), int)).sum()) == 57_553 - 25_111
    recipes = [REAL_RECIPE, replace(REAL_RECIPE, min_experts=2)]
    with pytest.raises(DataError, match=r"[\d,]+ of 24,889 rated images get other label sets"):
        find_label_resampler(real_labels, *answers, None, threshold=0.8, recipes=recipes)
