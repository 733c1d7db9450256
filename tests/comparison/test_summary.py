"""Findings in sentences: no more is claimed than the tests show."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from reassess.comparison import Taxonomy
from reassess.comparison.comparison_words import gaps_in_words
from reassess.comparison.summary import _mistakes, summary
from reassess.comparison.taxonomy import ERROR_KINDS
from tests.report.cases import findings


def test_the_best_model_is_better_if_the_tests_show_it() -> None:
    told = " ".join(summary(findings("one", "two", "three")))
    assert "one has the highest accuracy, " in told
    better = [model for model in ("two", "three") if findings("one", "two", "three").compare("one", model).real.better]
    assert ("is significantly better than each of the 2 others, by tests corrected for all pairs" in told) == (
        len(better) == 2
    )


def test_equal_models_do_not_differ_and_share_a_sentence() -> None:
    for others, names in ((["two"], "two"), (["two", "three"], "two and three")):
        results = findings("one", *others)
        rows = [0] * (1 + len(others))
        alike = {name: getattr(results.panel, name)[rows] for name in ("top1", "valid", "original_hit")}
        told = summary(replace(results, panel=replace(results.panel, **alike)))[1]
        assert "but is not significantly better than " in told
        assert set(names.split(" and ")) <= set(told.split(" than ")[-1].split(";")[0].replace(".", "").split())


def test_there_are_three_to_six_sentences() -> None:
    for models in (("one",), ("one", "two"), ("one", "two", "three")):
        assert 3 <= len(summary(findings(*models))) <= 6
    assert all(sentence.endswith(".") for sentence in summary(findings("one", complete=False)))


def test_most_mistakes_are_more_than_half() -> None:
    results = findings("one")
    (sentence,) = [one for one in summary(results) if "of the mistakes" in one]
    n, total = max(n or 0 for n in results.taxonomies[0].counts.values()), len(results.taxonomies[0])
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
def test_mistakes_in_words(counts: dict[str, int], scores: bool, words: str) -> None:
    kinds = np.repeat([ERROR_KINDS.index(kind) for kind in counts], list(counts.values())).astype(np.int8)
    taxonomy = Taxonomy("m", tuple(f"{i}.png" for i in range(len(kinds))), np.zeros(len(kinds), np.int32), kinds)
    (told,) = _mistakes(SimpleNamespace(models=("m",), taxonomies=[taxonomy], scores=scores or None))
    assert told.startswith(words)


def test_of_many_changes_one_is_an_example() -> None:
    """By the original labels, the last models are the first."""
    pairs = {"changed": [[0, 1], [0, 2]], "vanished": [[2, 1]], "reversed": np.zeros((0, 2), int)}
    gaps = SimpleNamespace(pairs=3, by_original=3, by_real=2, **{name: np.array(of) for name, of in pairs.items()})
    ranking = SimpleNamespace(models=("a", "b", "c"), gaps=gaps)
    short, long = (next(gaps_in_words(ranking, most=most)) for most in (1, 5))
    assert short.endswith("the lead changes significantly in 2 (a gains on b and 1 more)")
    assert long.endswith("the lead changes significantly in 2 (a gains on b, a gains on c)")
