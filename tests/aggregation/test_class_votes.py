"""Votes for one class per image: scores of every method, and golden questions to measure them."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation import (
    Point,
    aggregate,
    calibrate,
    fit_dawid_skene,
    golden_truth,
    golden_votes,
    label_sets,
    measure_baseline_rules,
    posterior,
    precision_recall,
    rater_reliability,
)
from reassess.aggregation.golden import convert_to_votes_on_questions
from reassess.core import Classes, LabelSets, Questions, Scores, Votes
from reassess.core.class_votes import count_chosen_classes
from tests.helpers import code_of, fault_of, message, votes_of

NAMES = ("ant", "bee", "cow")
CLASSES = Classes.from_texts(NAMES)
IMAGES = tuple(f"{row}.png" for row in range(12))
RATERS = ("ann", "bo", "cy")

ROWS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def chosen(rows: Any, **options: Any) -> Votes:
    """Votes from rows of (image, rater, class) positions."""
    return votes_of(rows, options.pop("images", IMAGES), RATERS, NAMES, classes=CLASSES, **options)


def plain(votes: Votes) -> Votes:
    """The same votes on plain items."""
    return replace(votes, classes=None)


def anonymous(votes: Votes) -> Votes:
    """The same votes without raters."""
    return replace(votes, raters=(), rater_ids=np.full(len(votes), -1, np.int32))


def expert(truth: dict[str, str]) -> Votes:
    """One expert's class of each image."""
    rows = [(image, 0, sorted(set(truth.values())).index(name)) for image, name in enumerate(truth.values())]
    names = sorted(set(truth.values()))
    return votes_of(rows, tuple(truth), ("eve",), names, classes=Classes.from_texts(names))


def probabilities(scores: Scores) -> dict[tuple[str, str], float]:
    questions = scores.questions
    return {
        (questions.images[image], questions.classes.names[class_id]): value
        for image, class_id, value in zip(
            questions.image_ids.tolist(), questions.class_ids.tolist(), scores.values.tolist(), strict=True
        )
    }


# Each image has a truth. Ann is wrong on one image, bo on three and cy on four.
TRUTH = np.arange(12) % 3
ALL = chosen(
    [(i, 0, t if i else 1) for i, t in enumerate(TRUTH)]
    + [(i, 1, t if i % 4 else (t + 1) % 3) for i, t in enumerate(TRUTH)]
    + [(i, 2, t if i % 3 else 2) for i, t in enumerate(TRUTH)]
)


@given(ROWS)
def test_majority_and_mean_are_share_of_each_class(rows: Any) -> None:
    votes = chosen(rows)
    by_class, by_image = Counter((IMAGES[i], NAMES[a]) for i, _, a in rows), Counter(IMAGES[i] for i, _, _ in rows)
    for method in ("majority", "mean"):
        for each in (votes, anonymous(votes)):
            result = aggregate(each, method)
            assert result.scores.questions.classes == CLASSES
            assert probabilities(result.scores) == {key: count / by_image[key[0]] for key, count in by_class.items()}
            assert result.facts == {
                "ties": aggregate(plain(votes), "majority").facts["ties"],
                "without_votes": len(IMAGES) - len(by_image),
            }


@pytest.mark.filterwarnings(
    "ignore:em gives no item the truth", "ignore:the votes do not support", "ignore:EM did not converge"
)
@given(ROWS)
@settings(max_examples=40)
def test_em_of_classes_equals_em_of_plain_items(rows: Any) -> None:
    votes = chosen(rows)
    fitted = fit_dawid_skene(plain(votes))
    voted, rated = {(IMAGES[i], NAMES[a]) for i, _, a in rows}, {i for i, _, _ in rows}
    assert probabilities(aggregate(votes, "em").scores) == {
        (IMAGES[i], name): value
        for i in rated
        for name, value in zip(NAMES, fitted.posterior.values[i].tolist(), strict=True)
        if value >= 1e-6 or (IMAGES[i], name) in voted
    }
    assert fit_dawid_skene(votes).posterior.classes == CLASSES


def test_calibrated_is_bayes_rule_with_golden_matrices() -> None:
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(6)})
    model = calibrate(plain(ALL).select_items(np.arange(6)), TRUTH[:6], truths=NAMES)
    expected = posterior(plain(ALL), model).values
    result = aggregate(ALL, "calibrated", experts=experts)
    assert result.model.truths == NAMES
    got = probabilities(result.scores)
    assert got == {(i, n): v for i, row in zip(IMAGES, expected, strict=True) for n, v in zip(NAMES, row, strict=True)}


@pytest.mark.filterwarnings("ignore:em gives no item the truth", "ignore:the votes do not support")
def test_image_without_votes_is_unrated_unless_golden() -> None:
    """11.png has no votes; em keeps the truth of golden images."""
    fewer = chosen([(i, r, a) for i, r, a in zip(ALL.item_ids, ALL.rater_ids, ALL.answer_ids, strict=True) if i < 11])
    experts = expert({IMAGES[0]: "ant", IMAGES[11]: "cow"})
    for method, golden, images in (
        ("majority", None, IMAGES[:11]),
        ("mean", None, IMAGES[:11]),
        ("em", None, IMAGES[:11]),
        ("calibrated", experts, IMAGES[:11]),
        ("em", experts, IMAGES),
    ):
        result = aggregate(fewer, method, experts=golden)
        assert result.scores.images == images
        assert result.facts["without_votes"] == 12 - len(images)
    assert probabilities(aggregate(fewer, "em", experts=experts).scores)["11.png", "cow"] == 1.0


def test_class_named_only_by_experts_can_be_truth() -> None:
    experts = expert({IMAGES[0]: "elk", IMAGES[1]: "bee"})
    by_votes = aggregate(ALL, "em", experts=experts, smoothing=0.1)
    for result in (aggregate(ALL, "calibrated", experts=experts), by_votes):
        assert result.model.truths == ("ant", "bee", "cow", "elk")
    assert probabilities(by_votes.scores)[IMAGES[0], "elk"] == 1.0


def test_label_sets_keep_class_names() -> None:
    original = LabelSets.from_lists(["0.png", "new.png"], [[0], [1]], Classes.from_texts(["ant", "elk"]))
    labels = label_sets(aggregate(ALL, "majority").scores, 0.7, original=original)
    assert labels.classes.names == ("ant", "bee", "cow", "elk")
    names = {image: {labels.classes.names[i] for i in ids} for image, ids in labels.classes_by_image().items()}
    assert (names["new.png"], names["5.png"]) == ({"elk"}, {"cow"})
    assert names["0.png"] == set()  # two of three raters say bee
    assert label_sets(aggregate(ALL, "majority").scores, 0.7).classes == CLASSES
    ids = LabelSets.from_lists(["new.png"], [[1]], Classes(3))  # same number of classes, but ids and names do not mix
    assert code_of(label_sets, aggregate(ALL, "majority").scores, 0.7, original=ids) == "ids-and-names"


@pytest.mark.parametrize(
    ("what", "method"),
    [
        ("EM", partial(aggregate, method="em")),
        ("a rater model", lambda votes: aggregate(votes, "calibrated", experts=expert({IMAGES[0]: "ant"}))),
        ("a rater model", lambda votes: posterior(votes, aggregate(ALL, "em", smoothing=0.1).model)),
        ("measuring raters", rater_reliability),
    ],
)
def test_counts_without_raters_raise(what: str, method: Any) -> None:
    assert message(method, anonymous(ALL)) == (
        f"{what} needs votes with raters\n  found:   counts of votes, without raters\n"
        "  fix:     write one row per vote, with the columns image, rater and answer; or use method majority"
    )


def test_too_many_classes_raise() -> None:
    ids, names = np.arange(4_097), tuple(range(4_097))
    votes = Votes.from_columns(tuple(map(str, ids)), ids, 0 * ids, ids, ("ann",), names, classes=Classes())
    expected = ("too-many", "4,097")
    assert fault_of(aggregate, votes, "em") == fault_of(aggregate, votes, "calibrated", experts=votes) == expected
    assert len(aggregate(votes, "majority").scores) == 4_097


def test_golden_questions_are_every_class_of_golden_images() -> None:
    """On 0.png, no rater chose the expert's class; on 1.png, all did; 9.png is not golden."""
    scores = Scores(
        Questions.from_columns(["0.png", "0.png", "1.png", "9.png"], np.array([0, 1, 1, 0]), CLASSES),
        np.array([0.6, 0.4, 1.0, 1.0]),
    )
    golden = golden_truth(expert({"0.png": "cow", "1.png": "bee"}), scored_questions=[scores.questions])
    values = precision_recall(scores, golden).golden_scores
    assert probabilities(Scores(golden.questions, values)) == {
        ("0.png", "ant"): 0.6,
        ("0.png", "bee"): 0.4,
        ("0.png", "cow"): 0.0,
        ("1.png", "ant"): 0.0,
        ("1.png", "bee"): 1.0,
        ("1.png", "cow"): 0.0,
    }
    assert golden.is_valid.tolist() == [False, False, True, False, True, False]
    assert golden.has_one_class_per_image
    elsewhere = golden_truth(expert({"0.png": "ant", "7.png": "bee"}), scored_questions=[scores.questions])
    assert message(precision_recall, scores, elsewhere) == (
        "golden images are not in the scores\n  found:   1 of 2: image 7.png\n"
        "  fix:     use files from the same release, or remove these golden images"
    )


def test_without_class_list_golden_questions_use_named_classes() -> None:
    ids = Classes()
    experts = votes_of([(0, 0, 0), (1, 0, 1)], ("0.png", "1.png"), ("eve",), (7, 3), classes=ids)
    golden = golden_truth(experts, scored_questions=[Questions.from_columns(["0.png"], np.array([5]), ids)])
    assert golden.questions.class_ids.tolist() == [3, 5, 7, 3, 5, 7]
    assert golden.is_valid.tolist() == [False, False, True, True, False, False]
    assert golden_truth(experts).questions.class_ids.tolist() == [3, 7, 3, 7]


def test_class_without_votes_scores_0() -> None:
    votes = chosen([(0, 0, 0), (0, 1, 0), (1, 0, 1)])
    scores = aggregate(votes, "majority").scores
    asked = Questions.from_columns(["0.png", "0.png", "1.png"], np.array([0, 2, 0]), CLASSES)
    golden = golden_truth(votes_of([(0, 0, 2), (1, 0, 0), (2, 0, 2)], asked, ("eve",)))
    assert precision_recall(scores, golden).golden_scores.tolist() == [1.0, 0.0, 0.0]
    assert measure_baseline_rules(golden, votes=votes)[0].points == (
        Point(1.0, n_hits=1, n_kept_questions=1, n_valid=2),
    )
    elsewhere = golden_truth(votes_of([(0, 0, 2)], Questions.from_columns(["7.png"], np.array([0]), CLASSES), ("eve",)))
    assert fault_of(precision_recall, scores, elsewhere) == ("wrong-items", "1 of 1: image 7.png, class ant")


@given(ROWS)
def test_rules_of_class_votes_equal_rules_of_questions(rows: Any) -> None:
    votes, experts = chosen(rows), expert({IMAGES[i]: NAMES[TRUTH[i]] for i in {row[0] for row in rows}})
    golden = golden_truth(experts, scored_questions=[count_chosen_classes(votes)[0]])
    on_pairs = convert_to_votes_on_questions(votes, golden.questions)
    expected = measure_baseline_rules(golden, votes=on_pairs, rater_golden=on_pairs)
    for rule, plainly in zip(measure_baseline_rules(golden, votes=votes, rater_golden=votes), expected, strict=True):
        assert (rule.name, rule.point_names, rule.points) == (plainly.name, plainly.point_names, plainly.points)
        assert rule.average_precision == plainly.average_precision


def test_image_without_expert_majority_is_not_golden() -> None:
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 0), (1, 1, 1), (1, 2, 2), (2, 0, 2), (2, 1, 2)]
    golden = golden_truth(chosen(rows))
    assert golden.questions.images == ("0.png", "2.png")
    assert golden.questions.class_ids[golden.is_valid].tolist() == [0, 2]
    assert golden.expert_truth.undecided_items == ("image 1.png",)
    assert golden_truth(chosen(rows), min_experts=1).questions.images == ("0.png", "2.png")  # all three differ on 1.png
    assert fault_of(golden_truth, chosen(rows), min_experts=4) == ("out-of-range", "4")


@given(ROWS, st.lists(st.tuples(st.integers(0, 13), st.integers(0, 2)), min_size=1, max_size=20, unique=True))
def test_class_vote_is_yes_to_class_and_no_to_others(rows: Any, pairs: Any) -> None:
    questions = Questions.from_columns([f"{i}.png" for i, _ in pairs], np.array([c for _, c in pairs]), CLASSES)
    votes = convert_to_votes_on_questions(chosen(rows), questions)
    for row, (image, class_id) in enumerate(pairs):
        expected = Counter((RATERS[r], "yes" if a == class_id else "no") for i, r, a in rows if i == image)
        assert Counter(votes.votes_on(row)) == expected


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
def test_scores_record_which_questions_are_golden() -> None:
    golden_images = {IMAGES[i] for i in range(6)}
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(6)})
    for result in (aggregate(ALL, "calibrated", experts=experts), aggregate(ALL, "em", experts=experts)):
        scores = result.scores
        on_golden = [scores.images[i] in golden_images for i in scores.questions.image_ids]
        assert scores.is_golden.tolist() == on_golden
        golden = golden_truth(experts, scored_questions=[scores.questions])
        assert golden.is_in_sample(scores) is True
        elsewhere = golden_truth(expert({IMAGES[8]: NAMES[TRUTH[8]]}), scored_questions=[scores.questions])
        assert elsewhere.is_in_sample(scores) is False
    for result in (aggregate(ALL, "majority"), aggregate(ALL, "mean"), aggregate(ALL, "em")):
        assert result.scores.is_golden is None
        assert golden.is_in_sample(result.scores) is None


def test_rater_is_wrong_if_only_expert_chose_class() -> None:
    """If the golden votes are the main votes, self-agreement is not measured."""
    golden = golden_votes(expert({IMAGES[1]: "elk", IMAGES[2]: "cow"}), ALL)
    result = rater_reliability(ALL, golden)
    assert (result.truths, result.answers) == (("ant", "bee", "cow", "elk"),) * 2
    assert [(rater.rater, rater.accuracy.hits, rater.accuracy.n, rater.self_agreement) for rater in result.raters] == [
        (name, 1, 2, None) for name in RATERS
    ]
    separate = golden_votes(expert({IMAGES[1]: "elk", IMAGES[2]: "cow"}), ALL.select_items(np.arange(3)))
    assert [rater.self_agreement.n for rater in rater_reliability(ALL, separate).raters] == [3, 3, 3]


def test_raters_are_measured_on_golden_images_as_on_plain_items() -> None:
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(9)})
    result = rater_reliability(ALL, golden_votes(experts, ALL))
    same = plain(ALL)
    expected = rater_reliability(same, golden_votes(plain(experts), same))
    assert (result.truths, result.metric) == (NAMES, "nominal")
    assert str(result.to_json()) == str(expected.to_json())
