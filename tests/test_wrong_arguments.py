"""Python arguments of a wrong type raise one clear error, and never give a wrong result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import reassess
from reassess import (
    Benchmark,
    Classes,
    Findings,
    GoldenQuestions,
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
    classify_mistakes,
    compare,
    decide_checked_labels,
    evaluate,
    find_label_errors,
    fit_dawid_skene,
    image_sheet,
    label_diff,
    label_sets,
    label_uncertainty,
    labels_from_folders,
    make_folds,
    open_benchmark,
    rank_models,
    rater_reliability,
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
from reassess.comparison import labelling_biases, model_or_label_preferences
from reassess.core import Duplicates, Folds, align_classes
from reassess.data import benchmark_classes
from reassess.formats import write_cleaning_details
from tests.helpers import CURVE, code_of, message

LABELS = LabelSets.from_lists(["a.png"], [[0]])
ONE_VOTE = Votes.from_columns(
    Questions.from_columns(["a.png"], np.array([1])), np.array([0]), np.array([0]), np.array([1]), "x", ("no", "yes")
)
SCORES = Scores(Questions.from_columns(["a.png"], np.array([0])), np.array([1.0]))
MODEL = Predictions.from_ids([0], images=["a.png"])
READ_CLASSES = ("collapsed_classes", "groups", "labels", "original_labels", "predictions", "scores", "votes")
READERS: list[Callable[..., Any]] = [getattr(reassess, f"read_{name}") for name in READ_CLASSES]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Classes.from_texts("cat"), "wrong-type"),
        (lambda: Classes(2, names="ab"), "wrong-type"),
        (lambda: Classes(2, wnids="ab"), "wrong-type"),
        (lambda: Classes(2, names=("a", "b"), synonyms=("xy", "z")), "wrong-type"),
        (lambda: Classes("2"), "wrong-type"),
        (lambda: Classes(2.5), "wrong-type"),
        (lambda: Classes(-1), "out-of-range"),
        (lambda: LabelSets.from_lists(["a", "b"], [["cat"], [1]]), "wrong-type"),
        (lambda: Questions.from_columns(["a"], np.array([0, 1])), "wrong-length"),
        (lambda: LabelSets.from_lists("ab", [[0], [1]]), "wrong-type"),
        (lambda: LabelSets.from_pairs("ab", np.array([0, 1]), np.array([0, 1])), "wrong-type"),
        (lambda: Questions.from_columns("ab", np.array([0, 1])), "wrong-type"),
        (lambda: Predictions.from_ids([0, 1], images="ab"), "wrong-type"),
        (lambda: Predictions.from_scores(np.eye(2), images="ab"), "wrong-type"),
        (lambda: LABELS.find("a.png"), "wrong-type"),
        (lambda: LabelSets.from_lists(["a", "b"], [[True, False], [False, True]]), "wrong-type"),
        (lambda: reassess.padded_ids(LABELS, LABELS.find(["gone.png"])), "out-of-range"),
        (lambda: reassess.multi_hot(LABELS, [0.5], 2), "wrong-type"),
        (lambda: reassess.top1_hits([1, 2], [0, 1], [1]), "wrong-shape"),
        (lambda: reassess.label_sets(SCORES, [0.9, 0.1]), "not-a-number"),
        (lambda: reassess.golden_truth(ONE_VOTE, min_experts=[1]), "not-a-number"),
        (lambda: reassess.make_tasks(SCORES.questions, size=1.5), "not-a-number"),
        (lambda: Votes.from_columns(["q", "q"], [0, 1], [0, 0], [1, 0], ["x"], ["no", "yes"]), "duplicate-name"),
        (lambda: Votes.from_columns("qr", [0, 1], [0, 0], [1, 0], ["x"], ["no", "yes"]), "wrong-type"),
        (lambda: Votes.from_columns(["q"], [0, 0], [0, 1], [1, 0], ["1", 1], ["no", "yes"]), "duplicate-name"),
        (lambda: reassess.evaluate([0], LABELS, exclude=pl.DataFrame({"image": ["a.png"]})), "wrong-type"),
        (lambda: reassess.update_benchmark(".", answers="ab"), "wrong-type"),
        (lambda: reassess.update_benchmark(".", stop=(0.1, 0.9)), "wrong-type"),
        (lambda: reassess.update_benchmark(".", name="\ud800"), "invalid-text"),
        (lambda: reassess.make_tasks(SCORES), "wrong-type"),
        (lambda: reassess.golden_truth(LABELS), "wrong-type"),
        (lambda: reassess.golden_votes(ONE_VOTE, LABELS), "wrong-type"),
        (lambda: reassess.with_golden_votes(ONE_VOTE, LABELS), "wrong-type"),
        (lambda: reassess.posterior(ONE_VOTE, LABELS), "wrong-type"),
        (lambda: reassess.co_occurrence(SCORES), "wrong-type"),
        (lambda: reassess.place_models(LABELS, []), "wrong-type"),
        (lambda: reassess.fit_trend(LABELS), "wrong-type"),
        (lambda: reassess.multi_label_accuracy([0], LABELS), "wrong-type"),
        (lambda: reassess.seconds_per_vote(LABELS), "wrong-type"),
        (lambda: reassess.write_predictions("p.npz", LABELS), "wrong-type"),
        (lambda: reassess.write_tasks("t.jsonl", LABELS), "wrong-type"),
        (lambda: reassess.padded_ids(SCORES, [0]), "wrong-type"),
        (lambda: reassess.propose([LABELS]), "wrong-type"),
        (lambda: reassess.propose({"a": LABELS}), "wrong-type"),
        (lambda: reassess.choose_models({"a": LABELS}, LABELS), "wrong-type"),
        (lambda: reassess.rater_reliability(ONE_VOTE, ONE_VOTE), "wrong-type"),
        (lambda: reassess.measure_curves("a", SCORES, LABELS), "wrong-type"),
        (lambda: reassess.outcomes_table(LABELS, LABELS), "wrong-type"),
    ],
)
def test_misleading_argument_raises(make: Callable[[], object], code: str) -> None:
    assert code_of(make) == code


def test_message_shows_the_wrong_value() -> None:
    assert message(LABELS.find, "a.png") == (
        "a string was given as names of images\n  found:   'a.png'\n  fix:     ['a.png']"
    )
    assert message(LabelSets.from_lists, ["a", "b"], [[0], [1, 1.7]]) == (
        "class id is not a whole number\n  where:   image b\n  found:   1.7"
    )


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("classes", [["cat", "dog"], "cat", 2])
def test_names_instead_of_classes_raise(read: Callable[..., Any], classes: Any) -> None:
    assert message(read, Path("any.csv"), classes=classes) == (
        f"wrong type of classes\n  allowed: Classes\n  found:   {type(classes).__name__}\n"
        '  fix:     classes=Classes(2, names=("cat", "dog")), or read_classes(FILE)'
    )


FROM_FILES = [name for name in dir(reassess) if name.startswith("read_")]


@pytest.mark.parametrize("name", FROM_FILES)
@pytest.mark.parametrize("path", [None, 3, b"any.csv"])
def test_every_reader_raises_for_an_invalid_path(name: str, path: Any) -> None:
    options = {"classes": Classes(3)} if name in ("read_collapsed_classes", "read_groups", "read_hierarchy") else {}
    text = message(getattr(reassess, name), path, **options)
    assert text == f"not a path of a file\n  allowed: a string or a Path\n  found:   {type(path).__name__}"


def test_writers_raise_for_an_invalid_path() -> None:
    for write, value in ((write_folds, FOLDS), (write_duplicates, DUPLICATES), (write_labels, LABELS)):
        assert message(write, None, value).startswith("not a path of a file\n")
    assert len(FROM_FILES) > 10


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
        (lambda: precision_recall(SCORES, LABELS), GoldenQuestions, "LabelSets"),
        (lambda: compare({"a": MODEL}, "a", "b"), Panel, "dict"),
        (lambda: rank_models([MODEL]), Panel, "list"),
        (lambda: classify_mistakes({"a": MODEL}, LABELS), Panel, "dict"),
        (lambda: model_or_label_preferences(MODEL, LABELS, SCORES), Panel, "Predictions"),
        (lambda: labelling_biases(MODEL, LABELS, LABELS), Panel, "Predictions"),
        (lambda: label_uncertainty(MODEL, SCORES), Panel, "Predictions"),
        (lambda: write_report("any.html", {"a": MODEL}), Findings, "dict"),
        (lambda: write_chart("any.svg", "scatter", MODEL), Findings, "Predictions"),
    ],
)
def test_wrong_type_error_says_how_to_make_the_right_type(
    make: Callable[[], object], allowed: type, found: str
) -> None:
    thing, fix = {
        Benchmark: ("benchmark", "open_benchmark(NAME or FOLDER)"),
        Findings: ("findings", "Findings.from_predictions(MODELS, LABELS)"),
        GoldenQuestions: ("golden answers", "golden_truth(EXPERTS)"),
        Panel: ("models on the same images", "Panel.from_predictions(MODELS, LABELS)"),
        LabelSets: ("label sets", "read_labels(FILE), or evaluation_labels of MultiLabels"),
        Scores: ("scores", "read_scores(FILE), or aggregate(VOTES).scores"),
        Votes: ("votes", "read_votes(FILE)"),
    }[allowed]
    expected = f"wrong type of {thing}\n  allowed: {allowed.__name__}\n  found:   {found}\n  fix:     {fix}"
    assert message(make) == expected


@pytest.mark.parametrize("name", [None, 3])
def test_invalid_benchmark_name_raises(name: Any) -> None:
    assert message(open_benchmark, name) == (
        f"not the name of a benchmark\n  allowed: the path of a folder, or one of imagenet\n  found:   {name}"
    )


def test_list_of_names_instead_of_classes_raises() -> None:
    assert code_of(align_classes, {"labels.csv": LABELS}, ["cat"]) == "wrong-type"
    assert code_of(labels_from_folders, ["cat/1.png", "dog/2.png"], ["cat", "dog"]) == "wrong-type"


def test_numpy_numbers_are_accepted() -> None:
    assert Classes(np.int64(2), names=("cat", "dog")).short_name(1) == "dog"
    assert LabelSets.from_lists(["a"], [np.array([1, 0], np.uint8)]).classes_by_image() == {"a": {0, 1}}


# --- folds, cleaning and training ------------------------------------------------------------------------------------

ONE_OF_THREE = LabelSets.from_lists([f"{row}.png" for row in range(12)], [[row % 3] for row in range(12)], Classes(3))
HELD_OUT = HeldOutPredictions.from_predictions(
    {"model": Predictions.from_scores(np.eye(3)[np.arange(12) % 3], ONE_OF_THREE.images)}, ONE_OF_THREE
)
TARGETS = training_targets(ONE_OF_THREE, "uniform")
FOLDS = Folds(ONE_OF_THREE.images, np.arange(12) % 3)
DUPLICATES = Duplicates.from_columns(["a", "b"], ["1.png", "2.png"], [1, 1], ["exact", "exact"])


def targets(**parts: Any) -> TrainingTargets:
    """Make the targets of one image, with some fields replaced."""
    defaults: dict[str, Any] = {
        "indptr": np.array([0, 1]),
        "indices": np.array([0], np.int32),
        "values": np.array([1.0], np.float32),
    }
    return TrainingTargets(
        **{"images": ("a",), **defaults, "background_value": 0.0, "n_classes": 3, "loss": "sigmoid"} | parts
    )


@pytest.mark.parametrize(
    "make",
    [
        *(lambda rows=rows: TARGETS.targets_of_rows(rows) for rows in (np.array([0.5]), "a", None, [True, False])),
        lambda: TARGETS.targets_of(None),
        lambda: targets(indptr=[0, 1]),
        lambda: targets(images="a"),
        lambda: make_folds(ONE_OF_THREE, k=3, duplicates=[1, 2]),
        *(lambda images=images: FOLDS.fold_numbers_of(images) for images in ("0.png", None)),
        lambda: Folds(None, np.array([0, 1])),
        *(lambda others=others: ImageSelection(("a",), other_images=others) for others in ("b", 3)),
        lambda: ImageSelection(name for name in "ab"),
        lambda: ImageSelection(("a",)).selected_rows(None),
        *(
            lambda method=method: find_label_errors(MODEL, method)
            for method in ("posterior", "consistent", "confident")
        ),
        lambda: evaluate(MODEL, LABELS, exclude="a.png"),
        lambda: HeldOutPredictions.from_predictions({"model": MODEL}, None),
        lambda: decide_checked_labels({"a.png": "yes"}),
        lambda: write_clean_list("any.txt", FOLDS),
        lambda: write_cleaning_details("any.csv", FOLDS),
        lambda: write_noise("any.csv", FOLDS),
        lambda: write_folds("any.csv", DUPLICATES),
        lambda: write_duplicates("any.csv", FOLDS),
    ],
)
def test_wrong_types_raise(make: Callable[[], object]) -> None:
    assert code_of(make) == "wrong-type"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: TARGETS.targets_of_rows(3), "wrong-shape"),
        (lambda: TARGETS.targets_of_rows(np.zeros((2, 2), np.int64)), "wrong-shape"),
        (lambda: list(TARGETS.blocks(1.5)), "not-a-number"),
        (lambda: TARGETS.to_array(max_bytes=None), "not-a-number"),
        (lambda: training_targets(ONE_OF_THREE, "uniform", smoothing=[0.1, 0.2]), "not-a-number"),
        (lambda: training_targets(ONE_OF_THREE, "uniform", n_classes="3"), "not-a-number"),
        (lambda: targets(indptr=np.array([0, 5])), "wrong-indptr"),
        (lambda: targets(n_classes=None), "not-a-number"),
        (lambda: targets(background_value=None), "not-a-number"),
        (lambda: targets(loss="hinge"), "unknown-name"),
        (lambda: make_folds(ONE_OF_THREE, k=True), "not-a-number"),
        (lambda: find_label_errors(HELD_OUT, threshold=[0.5, 0.6]), "not-a-number"),
        (lambda: find_label_errors(HELD_OUT, precision="most"), "not-a-number"),
        (lambda: find_label_errors(HELD_OUT, "consistent", min_repetitions=0.5), "not-a-number"),
    ],
)
def test_wrong_numbers_raise(make: Callable[[], object], code: str) -> None:
    assert code_of(make) == code


@pytest.mark.parametrize(
    ("make", "error", "fix"),
    [
        (lambda: targets(indptr=[0, 1]), "wrong type of indptr of targets", "np.array(...)"),
        (
            lambda: make_folds(ONE_OF_THREE, k=3, duplicates=None),
            "groups of images: not a list",
            "duplicate_groups(DUPLICATES, SET)",
        ),
        (
            lambda: make_folds(ONE_OF_THREE, k=3, duplicates=DUPLICATES),
            "groups of images: not a list",
            "duplicate_groups(DUPLICATES, SET)",
        ),
        (
            lambda: find_label_errors(MODEL),
            "wrong type of held-out predictions",
            "HeldOutPredictions.from_predictions(...)",
        ),
        (
            lambda: find_label_errors(HELD_OUT, checked_labels={"0.png": True}),
            "wrong type of checked labels",
            "decide_checked_labels(ANSWERS)",
        ),
        (
            lambda: HeldOutPredictions.from_predictions({"model": np.eye(3)}, ONE_OF_THREE),
            "wrong type of predictions of model",
            "read_predictions(FILE)",
        ),
        (
            lambda: HeldOutPredictions.from_predictions({"model": MODEL}, ONE_OF_THREE, folds=["folds.csv"]),
            "wrong type of folds of a repetition",
            "read_folds(FILE)",
        ),
        (
            lambda: evaluate(MODEL, LABELS, exclude=DUPLICATES),
            "names of images: not a list",
            "DUPLICATES.images_duplicated_elsewhere(SET)",
        ),
    ],
)
def test_message_says_how_to_make_the_argument(make: Callable[[], object], error: str, fix: str) -> None:
    text = message(make)
    assert text.startswith(f"{error}\n")
    assert text.endswith(f"\n  fix:     {fix}")


SEEDED: list[Callable[[Any], object]] = [
    lambda seed: make_folds(ONE_OF_THREE, k=3, seed=seed),
    lambda seed: find_label_errors(HELD_OUT, seed=seed),
    lambda seed: rank_models(Panel.from_predictions({"one": MODEL, "two": MODEL}, LABELS), seed=seed),
    lambda seed: rater_reliability(ONE_VOTE, seed=seed),
    lambda seed: CURVE.bands(np.array([0.5]), seed=seed),
]


@pytest.mark.parametrize("call", SEEDED)
def test_seed_must_be_a_whole_number_from_0(call: Callable[[Any], object]) -> None:
    assert [code_of(call, seed) for seed in (None, "0", 1.5)] == ["not-a-number"] * 3
    assert message(call, -1) == "seed out of range\n  allowed: 0 or more\n  found:   -1"


def test_numpy_numbers_are_seeds_and_counts() -> None:
    folds = make_folds(ONE_OF_THREE, k=np.int64(3), seed=np.uint8(1))
    assert folds.fold_numbers.tolist() == make_folds(ONE_OF_THREE, k=3, seed=1).fold_numbers.tolist()
    assert TARGETS.targets_of_rows([0, 1]).shape == (2, 3)
