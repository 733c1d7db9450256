"""Arguments of a wrong kind in Python: one clear error each, and no wrong result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reassess
from reassess import (
    Benchmark,
    Classes,
    Findings,
    Golden,
    HeldOutPredictions,
    ImageSelection,
    LabelSets,
    Panel,
    Predictions,
    Questions,
    Scores,
    TrainingTargets,
    Votes,
    aggregate,
    checked_truth,
    compare,
    evaluate,
    find_label_errors,
    fit_dawid_skene,
    image_sheet,
    label_diff,
    label_sets,
    label_uncertainty,
    make_folds,
    open_benchmark,
    original_of_class_folders,
    rank_models,
    rater_reliability,
    read_collapsed,
    read_groups,
    read_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
    taxonomies,
    training_targets,
    write_chart,
    write_clean_list,
    write_duplicates,
    write_folds,
    write_labels,
    write_noise,
    write_report,
    write_scores,
    write_votes,
)
from reassess.aggregation import precision_recall
from reassess.comparison import labelling_biases, preferences
from reassess.core import Duplicates, Folds, align_classes
from reassess.data import benchmark_classes
from reassess.formats import write_details
from tests.helpers import CURVE, message

READERS: list[Callable[..., Any]] = [
    read_collapsed,
    read_groups,
    read_labels,
    read_original,
    read_predictions,
    read_scores,
    read_votes,
]


ONE_NAME = "a string was given as names of images\n  found:   'ab'\n  fix:     ['ab']"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: Classes.from_texts("cat"),
            "a string was given as names of classes\n  found:   'cat'\n  fix:     ['cat']",
        ),
        (lambda: Classes(2, names="ab"), "a string was given as class names\n  found:   'ab'\n  fix:     ['ab']"),
        (lambda: Classes(2, wnids="ab"), "a string was given as wnids\n  found:   'ab'\n  fix:     ['ab']"),
        (
            lambda: Classes(2, names=("a", "b"), synonyms=("xy", "z")),
            "a string was given as synonyms of a class\n  found:   'xy'\n  fix:     ['xy']",
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
            "class id is not a whole number\n  where:   image b\n  found:   1.7",
        ),
        (
            lambda: LabelSets.from_lists(["a", "b"], [["cat"], [1]]),
            "class id is not a whole number\n  where:   image a\n  found:   'cat'",
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
            "a string was given as names of images\n  found:   'a.png'\n  fix:     ['a.png']",
        ),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(make: Callable[[], object], expected: str) -> None:
    assert message(make) == expected


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("given", [["cat", "dog"], "cat", 2])
def test_names_are_no_list_of_classes(read: Callable[..., Any], given: Any) -> None:
    assert message(read, Path("any.csv"), classes=given) == (
        f"wrong type of classes\n  allowed: Classes\n  found:   {type(given).__name__}\n"
        '  fix:     classes=Classes(2, names=("cat", "dog")), or read_classes(FILE)'
    )


FROM_FILES = [name for name in dir(reassess) if name.startswith("read_")]


@pytest.mark.parametrize("name", FROM_FILES)
@pytest.mark.parametrize("given", [None, 3, b"any.csv"])
def test_what_is_no_path_is_refused_by_everything_that_reads_a_file(name: str, given: Any) -> None:
    options = {"classes": Classes(3)} if name in ("read_collapsed", "read_groups", "read_hierarchy") else {}
    text = message(getattr(reassess, name), given, **options)
    assert text == f"not a path of a file\n  allowed: a text or a Path\n  found:   {type(given).__name__}"


def test_what_is_no_path_is_refused_by_what_writes_a_file() -> None:
    for write, noun in ((write_folds, PARTS), (write_duplicates, DUPLICATES), (write_labels, LABELS)):
        assert message(write, None, noun).startswith("not a path of a file\n")
    assert len(FROM_FILES) > 10


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
        (lambda: benchmark_classes("imagenet"), Benchmark, "str"),
        (lambda: write_labels("any.csv", SCORES), LabelSets, "Scores"),
        (lambda: write_scores("any.csv", LABELS), Scores, "LabelSets"),
        (lambda: write_votes("any.csv", LABELS), Votes, "LabelSets"),
        (lambda: aggregate(LABELS, "em"), Votes, "LabelSets"),
        (lambda: aggregate(SCORES, "mean"), Votes, "Scores"),
        (lambda: aggregate("votes.csv"), Votes, "str"),
        (lambda: aggregate("votes.csv", "calibrated", experts="golden.csv"), Votes, "str"),
        (lambda: aggregate(LABELS, "imagenet-real", experts=LABELS), Votes, "LabelSets"),
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
    thing, fix = {
        Benchmark: ("benchmark", "open_benchmark(NAME or FOLDER)"),
        Findings: ("findings", "Findings.from_predictions(MODELS, LABELS)"),
        Golden: ("golden answers", "golden_truth(EXPERTS)"),
        Panel: ("models on the same images", "Panel.from_predictions(MODELS, LABELS)"),
        LabelSets: ("label sets", "read_labels(FILE), or the judging of reviews"),
        Scores: ("scores", "read_scores(FILE)"),
        Votes: ("votes", "read_votes(FILE)"),
    }[allowed]
    expected = f"wrong type of {thing}\n  allowed: {allowed.__name__}\n  found:   {found}\n  fix:     {fix}"
    assert message(make) == expected


@pytest.mark.parametrize("given", [None, 3])
def test_a_benchmark_is_called_by_a_text_or_a_path(given: Any) -> None:
    assert message(open_benchmark, given) == (
        f"not the name of a benchmark\n  allowed: the path of a folder, or one of imagenet\n  found:   {given}"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: align_classes({"labels.csv": LABELS}, ["cat"]),
        lambda: original_of_class_folders(["cat/1.png", "dog/2.png"], ["cat", "dog"]),
    ],
)
def test_names_are_no_list_in_which_classes_are_looked_up(make: Callable[[], object]) -> None:
    assert message(make).startswith("wrong type of classes\n  allowed: Classes\n  found:   list\n")


def test_numbers_of_numpy_are_numbers() -> None:
    assert Classes(np.int64(2), names=("cat", "dog")).label(1) == "dog"
    assert LabelSets.from_lists(["a"], [np.array([1, 0], np.uint8)]).sets() == {"a": {0, 1}}


# --- holding out, cleaning and training ------------------------------------------------------------------------------

ONE_OF_THREE = LabelSets.from_lists([f"{row}.png" for row in range(12)], [[row % 3] for row in range(12)], Classes(3))
HELD_OUT = HeldOutPredictions.of(
    {"model": Predictions.from_scores(np.eye(3)[np.arange(12) % 3], ONE_OF_THREE.images)}, ONE_OF_THREE
)
TARGETS = training_targets(ONE_OF_THREE, "uniform")
PARTS = Folds(ONE_OF_THREE.images, np.arange(12) % 3)
DUPLICATES = Duplicates.from_rows(["a", "b"], ["1.png", "2.png"], [1, 1], ["exact", "exact"])
ONE_VOTE = Votes.from_columns(
    Questions.from_columns(["a.png"], np.array([1])), np.array([0]), np.array([0]), np.array([1]), "x", ("no", "yes")
)
POSITIONS = "wrong type of the positions of images\n  allowed: integers of shape (rows,)\n  found:   "
NO_NAMES = "not names of images\n  allowed: a list\n  found:   "
NO_HELD_OUT = (
    "wrong type of held-out predictions\n  allowed: HeldOutPredictions\n  found:   Predictions\n"
    "  fix:     HeldOutPredictions.of(...)"
)


def targets(**parts: Any) -> TrainingTargets:
    """Of one image, changed in some parts."""
    usual = {"indptr": np.array([0, 1]), "indices": np.array([0], np.int32), "values": np.array([1.0], np.float32)}
    return TrainingTargets(**{"images": ("a",), **usual, "background": 0.0, "classes": 3, "loss": "sigmoid"} | parts)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: TARGETS.of_rows(np.array([0.5])), f"{POSITIONS}float64 (1,)"),
        (lambda: TARGETS.of_rows("a"), f"{POSITIONS}<U1 ()"),
        (lambda: TARGETS.of_rows(None), f"{POSITIONS}object ()"),
        (lambda: TARGETS.of_rows(3), POSITIONS.replace("type", "shape") + "int64 ()"),
        (lambda: TARGETS.of_rows([True, False]), f"{POSITIONS}bool (2,)"),
        (lambda: TARGETS.of_rows(np.zeros((2, 2), np.int64)), POSITIONS.replace("type", "shape") + "int64 (2, 2)"),
        (lambda: TARGETS.of(None), f"{NO_NAMES}NoneType"),
        (lambda: list(TARGETS.blocks(1.5)), "number of rows is not a whole number\n  found:   1.5"),
        (lambda: TARGETS.to_array(max_bytes=None), "number of bytes that are allowed is not a number\n  found:   None"),
        (
            lambda: training_targets(ONE_OF_THREE, "uniform", smoothing=[0.1, 0.2]),
            "smoothing is not a number\n  found:   [0.1, 0.2]",
        ),
        (
            lambda: training_targets(ONE_OF_THREE, "uniform", classes="3"),
            "number of classes is not a whole number\n  found:   '3'",
        ),
        (
            lambda: targets(indptr=[0, 1]),
            "wrong type of indptr of targets\n  allowed: ndarray\n  found:   list\n  fix:     np.array(...)",
        ),
        (
            lambda: targets(indptr=np.array([0, 5])),
            "indptr of targets does not fit their indices\n  allowed: numbers that rise from 0 to 1\n  found:   0, 5",
        ),
        (lambda: targets(images="a"), "a string was given as names of images\n  found:   'a'\n  fix:     ['a']"),
        (lambda: targets(classes=None), "number of classes is not a whole number\n  found:   None"),
        (lambda: targets(background=None), "number of the other classes is not a number\n  found:   None"),
        (lambda: targets(loss="hinge"), "unknown loss\n  allowed: sigmoid, soft-max\n  found:   'hinge'"),
        (
            lambda: make_folds(ONE_OF_THREE, k=3, duplicates=None),
            "not groups of images\n  allowed: a list\n  found:   NoneType\n  fix:     groups_within(DUPLICATES, SET)",
        ),
        (
            lambda: make_folds(ONE_OF_THREE, k=3, duplicates=DUPLICATES),
            "not groups of images\n  allowed: a list\n  found:   Duplicates\n  fix:     groups_within(DUPLICATES, SET)",
        ),
        (lambda: make_folds(ONE_OF_THREE, k=3, duplicates=[1, 2]), f"{NO_NAMES}int"),
        (lambda: make_folds(ONE_OF_THREE, k=True), "number of folds is not a whole number\n  found:   True"),
        (lambda: PARTS.of("0.png"), "a string was given as names of images\n  found:   '0.png'\n  fix:     ['0.png']"),
        (lambda: PARTS.of(None), f"{NO_NAMES}NoneType"),
        (lambda: Folds(None, np.array([0, 1])), f"{NO_NAMES}NoneType"),
        (
            lambda: ImageSelection(("a",), others="b"),
            "a string was given as names of images\n  found:   'b'\n  fix:     ['b']",
        ),
        (lambda: ImageSelection(("a",), others=3), f"{NO_NAMES}int"),
        (lambda: ImageSelection(name for name in "ab"), f"{NO_NAMES}generator"),
        (lambda: ImageSelection(("a",)).rows(None), f"{NO_NAMES}NoneType"),
        (lambda: find_label_errors(MODEL), NO_HELD_OUT),
        (lambda: find_label_errors(MODEL, "consistent"), NO_HELD_OUT),
        (lambda: find_label_errors(MODEL, "confident"), NO_HELD_OUT),
        (
            lambda: find_label_errors(HELD_OUT, threshold=[0.5, 0.6]),
            "threshold of label quality is not a number\n  found:   [0.5, 0.6]",
        ),
        (
            lambda: find_label_errors(HELD_OUT, precision="most"),
            "precision of kept labels is not a number\n  found:   'most'",
        ),
        (
            lambda: find_label_errors(HELD_OUT, checked={"0.png": True}),
            "wrong type of checked labels\n  allowed: Golden\n  found:   dict\n  fix:     checked_truth(ANSWERS)",
        ),
        (
            lambda: find_label_errors(HELD_OUT, "consistent", at_least=0.5),
            "number of repetitions is not a whole number\n  found:   0.5",
        ),
        (
            lambda: HeldOutPredictions.of({"model": np.eye(3)}, ONE_OF_THREE),
            "wrong type of predictions of model\n  allowed: Predictions\n  found:   ndarray\n"
            "  fix:     read_predictions(FILE)",
        ),
        (
            lambda: HeldOutPredictions.of({"model": MODEL}, ONE_OF_THREE, folds=["folds.csv"]),
            "wrong type of folds of a repetition\n  allowed: Folds\n  found:   str\n  fix:     read_folds(FILE)",
        ),
        (
            lambda: evaluate(MODEL, LABELS, exclude=DUPLICATES),
            f"{NO_NAMES}Duplicates\n  fix:     DUPLICATES.duplicated_elsewhere(SET)",
        ),
        (
            lambda: evaluate(MODEL, LABELS, exclude="a.png"),
            "a string was given as names of images\n  found:   'a.png'\n  fix:     ['a.png']",
        ),
    ],
)
def test_what_cleaning_cannot_take_is_refused(make: Callable[[], object], expected: str) -> None:
    assert message(make) == expected


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: HeldOutPredictions.of({"model": MODEL}, None), "LabelSets"),
        (lambda: checked_truth({"a.png": "yes"}), "Votes"),
        (lambda: write_clean_list("any.txt", PARTS), "Cleaning"),
        (lambda: write_details("any.csv", PARTS), "Cleaning"),
        (lambda: write_noise("any.csv", PARTS), "LabelNoise"),
        (lambda: write_folds("any.csv", DUPLICATES), "Folds"),
        (lambda: write_duplicates("any.csv", PARTS), "Duplicates"),
    ],
)
def test_other_kinds_are_refused_by_what_writes_and_checks(make: Callable[[], object], kind: str) -> None:
    assert f"\n  allowed: {kind}\n" in message(make)


SEEDED: list[Callable[[Any], object]] = [
    lambda seed: make_folds(ONE_OF_THREE, k=3, seed=seed),
    lambda seed: find_label_errors(HELD_OUT, seed=seed),
    lambda seed: rank_models(Panel.from_predictions({"one": MODEL, "two": MODEL}, LABELS), seed=seed),
    lambda seed: rater_reliability(ONE_VOTE, seed=seed),
    lambda seed: CURVE.bands(np.array([0.5]), seed=seed),
]


@pytest.mark.parametrize("call", SEEDED)
@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (None, "seed is not a whole number\n  found:   None"),
        ("0", "seed is not a whole number\n  found:   '0'"),
        (1.5, "seed is not a whole number\n  found:   1.5"),
        (-1, "seed out of range\n  allowed: 0 or more\n  found:   -1"),
    ],
)
def test_a_seed_is_a_whole_number_from_0(call: Callable[[Any], object], seed: Any, expected: str) -> None:
    assert message(call, seed) == expected


def test_numbers_of_numpy_are_seeds_and_counts() -> None:
    folds = make_folds(ONE_OF_THREE, k=np.int64(3), seed=np.uint8(1))
    assert folds.numbers.tolist() == make_folds(ONE_OF_THREE, k=3, seed=1).numbers.tolist()
    assert TARGETS.of_rows([0, 1]).shape == (2, 3)
