"""Findings in sentences: no more is claimed than the tests show."""

from dataclasses import replace

from reassess.comparison.summary import summary
from tests.report.cases import findings


def test_the_best_model_is_better_than_those_that_the_tests_tell_it_apart_from() -> None:
    told = " ".join(summary(findings("one", "two", "three")))
    assert "one has the highest accuracy by these labels, " in told
    better = [model for model in ("two", "three") if findings("one", "two", "three").compare("one", model).real.better]
    assert ("is better than each of the 2 others, by tests corrected for all pairs" in told) == (len(better) == 2)


def test_models_that_are_alike_cannot_be_told_apart() -> None:
    results = findings("one", "two")
    same = {name: getattr(results.panel, name)[[0, 0]] for name in ("top1", "valid", "original_hit")}
    alike = replace(results.panel, **same)
    assert "but cannot be told apart from two" in summary(replace(results, panel=alike))[1]


def test_there_are_three_to_five_sentences() -> None:
    for models in (("one",), ("one", "two"), ("one", "two", "three")):
        assert 3 <= len(summary(findings(*models))) <= 5
    assert all(sentence.endswith(".") for sentence in summary(findings("one", complete=False)))


def test_most_mistakes_are_more_than_half() -> None:
    results = findings("one")
    (sentence,) = [one for one in summary(results) if "of the mistakes" in one]
    n, total = max(n or 0 for n in results.taxonomies[0].counts.values()), len(results.taxonomies[0])
    assert sentence.startswith("All" if n == total else "Most" if 2 * n > total else "The largest part")
    assert f"({n:,} of {total:,})" in sentence
