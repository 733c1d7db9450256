"""Arguments of a wrong kind in Python: one clear error each, and no wrong result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import (
    Benchmark,
    Classes,
    Findings,
    Golden,
    LabelSets,
    Panel,
    Predictions,
    Questions,
    Scores,
    Votes,
    by_calibration,
    by_em,
    by_majority,
    by_mean,
    by_recipe,
    compare,
    evaluate,
    fit_dawid_skene,
    image_sheet,
    in_one_list,
    label_diff,
    label_sets,
    label_uncertainty,
    labelling_biases,
    load_classes,
    open_benchmark,
    original_of_class_folders,
    precision_recall,
    preferences,
    rank_models,
    rater_reliability,
    read_collapsed,
    read_groups,
    read_labels,
    read_multi_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
    taxonomies,
    write_chart,
    write_labels,
    write_report,
    write_scores,
    write_votes,
)
from tests.helpers import message

READERS: list[Callable[..., Any]] = [
    read_collapsed,
    read_groups,
    read_labels,
    read_multi_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
]


ONE_NAME = "one text was given as names of images\n  found:   'ab'\n  to mend: ['ab']"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: Classes.from_texts("cat"),
            "one text was given as names of classes\n  found:   'cat'\n  to mend: ['cat']",
        ),
        (lambda: Classes(2, names="ab"), "one text was given as class names\n  found:   'ab'\n  to mend: ['ab']"),
        (lambda: Classes(2, wnids="ab"), "one text was given as wnids\n  found:   'ab'\n  to mend: ['ab']"),
        (
            lambda: Classes(2, names=("a", "b"), synonyms=("xy", "z")),
            "one text was given as synonyms of a class\n  found:   'xy'\n  to mend: ['xy']",
        ),
        (
            lambda: Classes("2"),
            "wrong type of the number of classes\n  allowed: integers of shape ()\n  found:   <U1 ()",
        ),
        (
            lambda: Classes(2.5),
            "wrong type of the number of classes\n  allowed: integers of shape ()\n  found:   float64 ()",
        ),
        (
            lambda: Classes(-1),
            "number of classes out of range\n  allowed: 0 to 2147483648\n  found:   -1",
        ),
        (
            lambda: LabelSets.from_lists(["a", "b"], [[0], [1, 1.7]]),
            "a class id is not a whole number\n  where:   image b\n  found:   1.7",
        ),
        (
            lambda: LabelSets.from_lists(["a", "b"], [["cat"], [1]]),
            "a class id is not a whole number\n  where:   image a\n  found:   'cat'",
        ),
        (
            lambda: Questions.from_columns(["a"], np.array([0, 1])),
            "wrong number of class ids\n  allowed: 1, one for each name of an image\n  found:   2",
        ),
        (lambda: LabelSets.from_lists("ab", [[0], [1]]), ONE_NAME),
        (lambda: LabelSets.from_pairs("ab", np.array([0, 1]), np.array([0, 1])), ONE_NAME),
        (lambda: Questions.from_columns("ab", np.array([0, 1])), ONE_NAME),
        (lambda: Predictions.from_ids([0, 1], images="ab"), ONE_NAME),
        (lambda: Predictions.from_scores(np.eye(2), images="ab"), ONE_NAME),
        (
            lambda: LabelSets.from_lists(["a.png"], [[0]]).find("a.png"),
            "one text was given as names of images\n  found:   'a.png'\n  to mend: ['a.png']",
        ),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(make: Callable[[], object], expected: str) -> None:
    assert message(make) == expected


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("given", [["cat", "dog"], "cat", 2])
def test_names_are_no_list_of_classes(read: Callable[..., Any], given: Any) -> None:
    assert message(read, Path("any.csv"), classes=given) == (
        f"these are no classes\n  allowed: Classes\n  found:   {type(given).__name__}\n"
        '  to mend: classes=Classes(2, names=("cat", "dog")), or those of read_classes(FILE) or open_benchmark(FOLDER)'
    )


LABELS = LabelSets.from_lists(["a.png"], [[0]])
SCORES = Scores(Questions.from_columns(["a.png"], np.array([0])), np.array([1.0]))
MODEL = Predictions.from_ids([0], images=["a.png"])


@pytest.mark.parametrize(
    ("make", "allowed", "found"),
    [
        (lambda: evaluate(MODEL, "labels.json"), LabelSets, "str"),
        (lambda: evaluate(MODEL, None), LabelSets, "NoneType"),
        (lambda: evaluate(MODEL, SCORES), LabelSets, "Scores"),
        (lambda: evaluate(MODEL, LABELS, original="original.csv"), LabelSets, "str"),
        (lambda: evaluate(MODEL, LABELS, scores=LABELS), Scores, "LabelSets"),
        (lambda: evaluate(MODEL, LABELS, experts=SCORES), Votes, "Scores"),
        (lambda: evaluate(MODEL, LABELS, benchmark="pets"), Benchmark, "str"),
        (lambda: image_sheet("a.png", labels=SCORES), LabelSets, "Scores"),
        (lambda: image_sheet("a.png", votes=SCORES), Votes, "Scores"),
        (lambda: label_sets(LABELS, 0.5), Scores, "LabelSets"),
        (lambda: label_diff(LABELS, SCORES), LabelSets, "Scores"),
        (lambda: load_classes("imagenet"), Benchmark, "str"),
        (lambda: write_labels("any.csv", SCORES), LabelSets, "Scores"),
        (lambda: write_scores("any.csv", LABELS), Scores, "LabelSets"),
        (lambda: write_votes("any.csv", LABELS), Votes, "LabelSets"),
        (lambda: by_em(LABELS), Votes, "LabelSets"),
        (lambda: by_mean(SCORES), Votes, "Scores"),
        (lambda: by_majority("votes.csv"), Votes, "str"),
        (lambda: by_calibration("votes.csv", "golden.csv"), Votes, "str"),
        (lambda: by_recipe(LABELS, LABELS, LABELS, LABELS), Votes, "LabelSets"),
        (lambda: fit_dawid_skene("votes.csv"), Votes, "str"),
        (lambda: rater_reliability(None), Votes, "NoneType"),
        (lambda: precision_recall(SCORES, LABELS), Golden, "LabelSets"),
        (lambda: compare({"a": MODEL}, "a", "b"), Panel, "dict"),
        (lambda: rank_models([MODEL]), Panel, "list"),
        (lambda: taxonomies({"a": MODEL}, LABELS), Panel, "dict"),
        (lambda: preferences(MODEL, LABELS, SCORES), Panel, "Predictions"),
        (lambda: labelling_biases(MODEL, LABELS, LABELS), Panel, "Predictions"),
        (lambda: label_uncertainty(MODEL, SCORES), Panel, "Predictions"),
        (lambda: write_report("any.html", {"a": MODEL}), Findings, "dict"),
        (lambda: write_chart("any.svg", "scatter", MODEL), Findings, "Predictions"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_the_way_to_come_by_it(
    make: Callable[[], object], allowed: type, found: str
) -> None:
    what, mend = {
        Benchmark: ("parts of a benchmark", "reassess.open_benchmark(NAME or FOLDER)"),
        Findings: ("findings", "Findings.from_predictions(MODELS, LABELS)"),
        Golden: ("golden answers", "golden_truth(EXPERTS)"),
        Panel: ("models on the same images", "Panel.from_predictions(MODELS, LABELS)"),
        LabelSets: ("label sets", "reassess.load_labels(NAME or FILE); of multi-label sets, their judging"),
        Scores: ("scores", "reassess.load_scores(NAME or FILE)"),
        Votes: ("votes", "reassess.load_votes(NAME or FILE)"),
    }[allowed]
    expected = f"these are no {what}\n  allowed: {allowed.__name__}\n  found:   {found}\n  to mend: {mend}"
    assert message(make) == expected


@pytest.mark.parametrize("given", [None, 3])
def test_a_benchmark_is_called_by_a_text_or_a_path(given: Any) -> None:
    assert message(open_benchmark, given) == (
        f"this names no benchmark\n  allowed: the path of a folder, or one of imagenet\n  found:   {given}"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: in_one_list({"labels.csv": LABELS}, ["cat"]),
        lambda: original_of_class_folders(["cat/1.png", "dog/2.png"], ["cat", "dog"]),
    ],
)
def test_names_are_no_list_in_which_classes_are_looked_up(make: Callable[[], object]) -> None:
    assert message(make).startswith("these are no classes\n  allowed: Classes\n  found:   list\n")


def test_numbers_of_numpy_are_numbers() -> None:
    assert Classes(np.int64(2), names=("cat", "dog")).label(1) == "dog"
    assert LabelSets.from_lists(["a"], [np.array([1, 0], np.uint8)]).sets() == {"a": {0, 1}}
