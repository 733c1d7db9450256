"""Summaries claim only what the tests support."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from reassess.comparison import ClassifiedMistakes
from reassess.comparison.comparison_words import describe_significant_differences
from reassess.comparison.mistake_kinds import ERROR_KINDS
from reassess.comparison.summary import _describe_mistakes, summarize_findings
from reassess.core import LabelSets, Match, Questions, Scores
from reassess.evaluation import describe_rated_images
from tests.report.cases import findings


def test_best_model_is_better_only_if_significant() -> None:
    text = " ".join(summarize_findings(findings("one", "two", "three")))
    assert "one has the highest accuracy, " in text
    worse = [
        model
        for model in ("two", "three")
        if findings("one", "two", "three").compare("one", model).real_hits.winner_sign
    ]
    assert ("is significantly better than each of the 2 others, by tests corrected for all pairs" in text) == (
        len(worse) == 2
    )


def test_equal_models_share_a_sentence() -> None:
    """Also if another model is worse."""
    for others, rows, names in (
        (["two"], [0, 0], "one and two"),
        (["two", "three"], [0, 0, 0], "one, three and two"),
        (["two", "three"], [0, 1, 0], "one and three"),
    ):
        results = findings("one", *others)
        equal = {name: getattr(results.panel, name)[rows] for name in ("top1", "is_valid", "is_original_hit")}
        text = summarize_findings(replace(results, panel=replace(results.panel, **equal)))[1]
        assert text.startswith(f"{names} have the highest accuracy, ")
        assert ("significantly better than two" in text) == (rows == [0, 1, 0])
        assert (" and are significantly" in text or ", but are not significantly" in text) == (rows == [0, 1, 0])


def test_summary_has_three_to_six_sentences() -> None:
    for models in (("one",), ("one", "two"), ("one", "two", "three")):
        assert 3 <= len(summarize_findings(findings(*models))) <= 6
    assert all(sentence.endswith(".") for sentence in summarize_findings(findings("one", complete=False)))


def test_most_means_more_than_half() -> None:
    results = findings("one")
    (sentence,) = [each for each in summarize_findings(results) if "of the mistakes" in each]
    n, total = max(n or 0 for n in results.classified_mistakes[0].counts.values()), len(results.classified_mistakes[0])
    assert sentence.startswith("All" if n == total else "Most" if 2 * n > total else "The largest part")
    assert f"({n:,} of {total:,})" in sentence


@pytest.mark.parametrize(
    ("counts", "scores", "words"),
    [
        ({"collapsed": 1}, True, "The only mistake of m is of one kind: another name for a valid class"),
        (
            {"same_group": 2},
            True,
            "All of the mistakes of m are of one kind: a class in the same group as a valid one (2 of 2)",
        ),
        (
            {"same_group": 2, "no_class": 1},
            True,
            "Most of the mistakes of m are of one kind: a class in the same group",
        ),
        (
            {"same_group": 2, "no_class": 1, "collapsed": 1},
            True,
            "The largest part of the mistakes of m is of one kind",
        ),
        ({"remaining": 1}, False, "m makes 1 mistake; its kind is unknown: scores are missing"),
        ({"remaining": 21}, False, "m makes 21 mistakes; their kind is unknown: scores are missing"),
        (
            {"remaining": 21, "collapsed": 4},
            False,
            "m makes 25 mistakes; the kind of 21 of them is unknown: scores are missing",
        ),
        ({}, True, "m makes no mistake"),
    ],
)
def test_sentence_names_most_frequent_kind_of_mistake(counts: dict[str, int], scores: bool, words: str) -> None:
    kinds = np.repeat([ERROR_KINDS.index(kind) for kind in counts], list(counts.values())).astype(np.int8)
    mistakes = ClassifiedMistakes(
        "m", tuple(f"{i}.png" for i in range(len(kinds))), np.zeros(len(kinds), np.int32), kinds
    )
    (text,) = _describe_mistakes(SimpleNamespace(models=("m",), classified_mistakes=[mistakes], scores=scores or None))
    assert text.startswith(words)


def test_summary_names_one_example_of_changes() -> None:
    pairs = {"changed_pairs": [[0, 1], [0, 2]], "vanished_pairs": [[2, 1]], "reversed_pairs": np.zeros((0, 2), int)}
    gaps = SimpleNamespace(
        n_pairs=3, n_by_original=3, n_by_real=2, **{name: np.array(of) for name, of in pairs.items()}
    )
    ranking = SimpleNamespace(models=("a", "b", "c"), gaps=gaps)
    short, long = (next(describe_significant_differences(ranking, max_pairs=most)) for most in (1, 5))
    assert short.endswith("the lead changes significantly in 2 (a gains on b and 1 more)")
    assert long.endswith("the lead changes significantly in 2 (a gains on b, a gains on c)")


def test_share_of_valid_original_labels_has_no_interval_if_only_some_images_were_rated() -> None:
    results = findings("one")
    original = results.original
    assert original is not None
    assert results.scores is not None
    rows = [list(original.classes_of_rows(np.array([row]))[0]) for row in range(len(original))]
    labels = LabelSets.from_lists(original.images, rows, original.classes)
    words = summarize_findings(replace(results, labels=labels))[0]
    assert "200 of 400 images were rated; the other 200 keep their original label, unchecked; this favours" in words
    assert words.endswith("The original label is valid for 100.0 % of the images with a valid class.")

    favours = "this favours models that chose the images to rate"

    def unrated(*kept: int, match: Match = "path") -> str:
        known = original.images if match == "path" else tuple(f"x/{name}" for name in original.images)
        scores = Scores(
            Questions.from_columns([known[row] for row in kept], np.zeros(len(kept), int)), np.ones(len(kept))
        )
        return describe_rated_images(labels, original, scores, match=match)

    assert unrated(0) == "1 of 400 images was rated; the other 399 keep their original label, unchecked; " + favours
    assert unrated(*range(399), match="name").endswith("the other one keeps its original label, unchecked; " + favours)
    assert unrated(*range(400)) == ""
    changed = LabelSets.from_lists(original.images, [[0, 1], *rows[1:]], original.classes)
    assert describe_rated_images(changed, original, results.scores, match="path") != "", "the first image was rated"
    changed = LabelSets.from_lists(original.images, [*rows[:-1], [0, 1]], original.classes)
    assert describe_rated_images(changed, original, results.scores, match="path") == ""
