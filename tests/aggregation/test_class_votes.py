"""Votes for one class an image: every method gives the probability of each class, and golden classes judge it."""

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
    posterior,
    precision_recall,
    rater_reliability,
    simple_rules,
)
from reassess.aggregation.golden import votes_on_questions
from reassess.core import Classes, LabelSets, Questions, Scores, Votes
from tests.helpers import code_of, fault_of, message, votes_of

NAMES = ("ant", "bee", "cow")
CLASSES = Classes.from_texts(NAMES)
IMAGES = tuple(f"{row}.png" for row in range(12))
RATERS = ("ann", "bo", "cy")

ROWS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def chosen(rows: Any, **options: Any) -> Votes:
    """Votes from rows of an image, a rater and a class, each by its place."""
    return votes_of(rows, options.pop("images", IMAGES), RATERS, NAMES, classes=CLASSES, **options)


def plain(votes: Votes) -> Votes:
    """The same votes on plain items."""
    return replace(votes, classes=None)


def anonymous(votes: Votes) -> Votes:
    """The same votes without raters."""
    return replace(votes, raters=(), rater_ids=np.full(len(votes), -1, np.int32))


def expert(truth: dict[str, str]) -> Votes:
    """One expert's class of each image."""
    rows = [(place, 0, sorted(set(truth.values())).index(name)) for place, name in enumerate(truth.values())]
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


# Each image has a truth; ann is right but for one image, bo and cy often.
TRUTH = np.arange(12) % 3
ALL = chosen(
    [(i, 0, t if i else 1) for i, t in enumerate(TRUTH)]
    + [(i, 1, t if i % 4 else (t + 1) % 3) for i, t in enumerate(TRUTH)]
    + [(i, 2, t if i % 3 else 2) for i, t in enumerate(TRUTH)]
)


@given(ROWS)
def test_majority_and_mean_are_the_share_of_each_class_that_someone_chose(rows: Any) -> None:
    votes = chosen(rows)
    given_to, of = Counter((IMAGES[i], NAMES[a]) for i, _, a in rows), Counter(IMAGES[i] for i, _, _ in rows)
    for method in ("majority", "mean"):
        for each in (votes, anonymous(votes)):
            result = aggregate(each, method)
            assert result.scores.questions.classes == CLASSES
            assert probabilities(result.scores) == {key: count / of[key[0]] for key, count in given_to.items()}
            assert result.facts == {
                "ties": aggregate(plain(votes), "majority").facts["ties"],
                "without_votes": len(IMAGES) - len(of),
            }


@pytest.mark.filterwarnings("ignore:em leaves no item", "ignore:the votes do not support", "ignore:EM was stopped")
@given(ROWS)
@settings(max_examples=40)
def test_em_gives_each_class_what_it_gives_each_answer_of_a_plain_item(rows: Any) -> None:
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


def test_calibrated_is_bayes_rule_by_the_matrices_measured_on_golden_images() -> None:
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(6)})
    model = calibrate(plain(ALL).restrict(np.arange(6)), TRUTH[:6], truths=NAMES)
    expected = posterior(plain(ALL), model).values
    result = aggregate(ALL, "calibrated", experts=experts)
    assert result.model.truths == NAMES
    got = probabilities(result.scores)
    assert got == {(i, n): v for i, row in zip(IMAGES, expected, strict=True) for n, v in zip(NAMES, row, strict=True)}


@pytest.mark.filterwarnings("ignore:em leaves no item", "ignore:the votes do not support")
def test_an_image_without_votes_was_never_rated_unless_it_is_golden() -> None:
    """Of 11.png nobody chose a class; em keeps golden images at their truth."""
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


def test_a_class_that_only_experts_name_can_be_the_truth() -> None:
    experts = expert({IMAGES[0]: "elk", IMAGES[1]: "bee"})
    by_votes = aggregate(ALL, "em", experts=experts, smoothing=0.1)
    for result in (aggregate(ALL, "calibrated", experts=experts), by_votes):
        assert result.model.truths == ("ant", "bee", "cow", "elk")
    assert probabilities(by_votes.scores)[IMAGES[0], "elk"] == 1.0


def test_scores_cut_to_label_sets_keep_the_names() -> None:
    original = LabelSets.from_lists(["0.png", "new.png"], [[0], [1]], Classes.from_texts(["ant", "elk"]))
    cut = label_sets(aggregate(ALL, "majority").scores, 0.7, original=original)
    assert cut.classes.names == ("ant", "bee", "cow", "elk")
    named = {image: {cut.classes.names[i] for i in ids} for image, ids in cut.sets().items()}
    assert (named["new.png"], named["5.png"]) == ({"elk"}, {"cow"})
    assert named["0.png"] == set()  # two of three say bee
    assert label_sets(aggregate(ALL, "majority").scores, 0.7).classes == CLASSES
    ids = LabelSets.from_lists(["new.png"], [[1]], Classes(3))  # as many, and names are no ids by their rank
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
def test_what_needs_raters_is_refused_for_counts(what: str, method: Any) -> None:
    assert message(method, anonymous(ALL)) == (
        f"{what} needs votes with raters\n  found:   counts of votes, without raters\n"
        "  fix:     give a row a vote, with the columns image, rater and answer; or take the majority"
    )


def test_too_many_classes_for_a_rater_model_are_refused_before_it_is_made() -> None:
    ids, names = np.arange(4_097), tuple(range(4_097))
    votes = Votes.from_columns(tuple(map(str, ids)), ids, 0 * ids, ids, ("ann",), names, classes=Classes())
    expected = ("too-many", "4,097")
    assert fault_of(aggregate, votes, "em") == fault_of(aggregate, votes, "calibrated", experts=votes) == expected
    assert len(aggregate(votes, "majority").scores) == 4_097


def test_golden_pairs_are_each_golden_image_with_every_class() -> None:
    """Of 0.png nobody chose the class that the expert chose, and of 1.png nobody another; 9.png is not golden."""
    scores = Scores(
        Questions.from_columns(["0.png", "0.png", "1.png", "9.png"], np.array([0, 1, 1, 0]), CLASSES),
        np.array([0.6, 0.4, 1.0, 1.0]),
    )
    golden = golden_truth(expert({"0.png": "cow", "1.png": "bee"}), among=[scores.questions])
    values = precision_recall(scores, golden).values
    assert probabilities(Scores(golden.questions, values)) == {
        ("0.png", "ant"): 0.6,
        ("0.png", "bee"): 0.4,
        ("0.png", "cow"): 0.0,
        ("1.png", "ant"): 0.0,
        ("1.png", "bee"): 1.0,
        ("1.png", "cow"): 0.0,
    }
    assert golden.valid.tolist() == [False, False, True, False, True, False]
    assert golden.exclusive
    elsewhere = golden_truth(expert({"0.png": "ant", "7.png": "bee"}), among=[scores.questions])
    assert message(precision_recall, scores, elsewhere) == (
        "golden images that are not in the scores\n  found:   1 of 2: image 7.png\n"
        "  fix:     take both from one release, or leave these images out of the golden answers"
    )


def test_without_a_list_of_classes_golden_pairs_are_of_those_that_are_named() -> None:
    ids = Classes()
    experts = votes_of([(0, 0, 0), (1, 0, 1)], ("0.png", "1.png"), ("eve",), (7, 3), classes=ids)
    golden = golden_truth(experts, among=[Questions.from_columns(["0.png"], np.array([5]), ids)])
    assert golden.questions.class_ids.tolist() == [3, 5, 7, 3, 5, 7]
    assert golden.valid.tolist() == [False, False, True, True, False, False]
    assert golden_truth(experts).questions.class_ids.tolist() == [3, 7, 3, 7]


def test_a_class_that_nobody_chose_has_0_also_where_experts_answered_questions() -> None:
    votes = chosen([(0, 0, 0), (0, 1, 0), (1, 0, 1)])
    scores = aggregate(votes, "majority").scores
    asked = Questions.from_columns(["0.png", "0.png", "1.png"], np.array([0, 2, 0]), CLASSES)
    golden = golden_truth(votes_of([(0, 0, 2), (1, 0, 0), (2, 0, 2)], asked, ("eve",)))
    assert precision_recall(scores, golden).values.tolist() == [1.0, 0.0, 0.0]
    assert simple_rules(golden, votes=votes)[0].points == (Point(1.0, hits=1, kept=1, valid=2),)
    elsewhere = golden_truth(votes_of([(0, 0, 2)], Questions.from_columns(["7.png"], np.array([0]), CLASSES), ("eve",)))
    assert fault_of(precision_recall, scores, elsewhere) == ("wrong-items", "1 of 1: image 7.png, class ant")


@given(ROWS)
def test_rules_of_votes_for_classes_are_those_of_the_votes_on_every_golden_pair(rows: Any) -> None:
    votes, experts = chosen(rows), expert({IMAGES[i]: NAMES[TRUTH[i]] for i in {row[0] for row in rows}})
    golden = golden_truth(experts, among=[votes.counts_by_class()[0]])
    on_pairs = votes_on_questions(votes, golden.questions)
    expected = simple_rules(golden, votes=on_pairs, rater_golden=on_pairs)
    for rule, plainly in zip(simple_rules(golden, votes=votes, rater_golden=votes), expected, strict=True):
        assert (rule.name, rule.variants, rule.points) == (plainly.name, plainly.variants, plainly.points)
        assert rule.average_precision == plainly.average_precision


def test_most_experts_make_the_class_and_an_image_without_such_is_left_out() -> None:
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 0), (1, 1, 1), (1, 2, 2), (2, 0, 2), (2, 1, 2)]
    golden = golden_truth(chosen(rows))
    assert golden.questions.images == ("0.png", "2.png")
    assert golden.questions.class_ids[golden.valid].tolist() == [0, 2]
    assert golden.by_experts.undecided == ("image 1.png",)
    assert golden_truth(chosen(rows), at_least=1).questions.images == ("0.png", "2.png")  # all three differ on 1.png
    assert fault_of(golden_truth, chosen(rows), at_least=4) == ("out-of-range", "4")


@given(ROWS, st.lists(st.tuples(st.integers(0, 13), st.integers(0, 2)), min_size=1, max_size=20, unique=True))
def test_a_vote_for_a_class_is_a_yes_to_it_and_a_no_to_each_other_question(rows: Any, pairs: Any) -> None:
    questions = Questions.from_columns([f"{i}.png" for i, _ in pairs], np.array([c for _, c in pairs]), CLASSES)
    votes = votes_on_questions(chosen(rows), questions)
    for row, (image, class_id) in enumerate(pairs):
        expected = Counter((RATERS[r], "yes" if a == class_id else "no") for i, r, a in rows if i == image)
        assert Counter(votes.on(row)) == expected


@pytest.mark.filterwarnings("ignore:em leaves no item")
def test_scores_say_which_of_them_experts_answers_made() -> None:
    golden_images = {IMAGES[i] for i in range(6)}
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(6)})
    for made in (aggregate(ALL, "calibrated", experts=experts), aggregate(ALL, "em", experts=experts)):
        scores = made.scores
        on_golden = [scores.images[i] in golden_images for i in scores.questions.image_ids]
        assert scores.golden.tolist() == on_golden
        golden = golden_truth(experts, among=[scores.questions])
        assert golden.is_in_sample(scores) is True
        elsewhere = golden_truth(expert({IMAGES[8]: NAMES[TRUTH[8]]}), among=[scores.questions])
        assert elsewhere.is_in_sample(scores) is False
    for made in (aggregate(ALL, "majority"), aggregate(ALL, "mean"), aggregate(ALL, "em")):
        assert made.scores.golden is None
        assert golden.is_in_sample(made.scores) is None


def test_a_rater_is_wrong_where_the_expert_chose_a_class_that_no_rater_did() -> None:
    """Also where the golden votes are the main ones, which then are not repeated."""
    golden = golden_votes(expert({IMAGES[1]: "elk", IMAGES[2]: "cow"}), ALL)
    result = rater_reliability(ALL, golden)
    assert (result.truths, result.answers) == (("ant", "bee", "cow", "elk"),) * 2
    assert [(one.rater, one.correct.hits, one.correct.n, one.self_agreement) for one in result.raters] == [
        (name, 1, 2, None) for name in RATERS
    ]
    apart = golden_votes(expert({IMAGES[1]: "elk", IMAGES[2]: "cow"}), ALL.restrict(np.arange(3)))
    assert [one.self_agreement.n for one in rater_reliability(ALL, apart).raters] == [3, 3, 3]


def test_raters_are_measured_on_golden_images_as_on_plain_items() -> None:
    experts = expert({IMAGES[i]: NAMES[TRUTH[i]] for i in range(9)})
    result = rater_reliability(ALL, golden_votes(experts, ALL))
    same = plain(ALL)
    expected = rater_reliability(same, golden_votes(plain(experts), same))
    assert (result.truths, result.metric) == (NAMES, "nominal")
    assert str(result.to_json()) == str(expected.to_json())
