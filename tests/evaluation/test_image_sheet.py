"""Image sheets: everything about one image, from all parts of a benchmark."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reassess.aggregation import aggregate
from reassess.core import Classes, LabelSets, Predictions, Questions, Scores
from reassess.evaluation import Candidate, image_sheet
from tests.helpers import code_of, message, votes_of

SKI, ALP, FOX = 0, 1, 2
CLASSES = Classes(3, names=("ski", "alp", "fox"))
IMAGES = ["hill.png", "fog.png", "new.png"]
LABELS = LabelSets.from_lists(IMAGES, [[ALP, SKI], [], [FOX]], CLASSES)
ORIGINAL = LabelSets.from_lists(IMAGES, [[ALP], [FOX], [FOX]], CLASSES)
QUESTIONS = Questions.from_columns(["hill.png", "fog.png", "hill.png", "hill.png"], np.array([ALP, FOX, FOX, SKI]))
SCORES = Scores(QUESTIONS, np.array([0.9, 0.2, 0.1, 0.9]))
VOTES = votes_of([(0, 0, 1), (0, 1, 0), (1, 0, 0), (3, 1, 1)], QUESTIONS, answers=("no", "yes"))
EXPERTS = votes_of([(0, 0, 1)], Questions.from_columns(["hill.png"], np.array([SKI])), ("eve",), VOTES.answers)
PARTS = {"labels": LABELS, "original": ORIGINAL, "scores": SCORES, "votes": VOTES, "experts": EXPERTS}


def test_states_of_an_image_are_distinct() -> None:
    """The images are rated with labels, rated without labels, unrated, and missing from the label sets."""
    sheet = image_sheet("hill.png", **PARTS)
    assert (sheet.image, sheet.original_class_id, sheet.valid_class_ids) == ("hill.png", ALP, (SKI, ALP))
    assert sheet.candidates == (  # the highest score first, then the lower class
        Candidate(SKI, 0.9, (("bo", "yes"),), (("eve", "yes"),)),
        Candidate(ALP, 0.9, (("ann", "yes"), ("bo", "no")), ()),
        Candidate(FOX, 0.1, (), ()),
    )
    assert image_sheet("fog.png", **PARTS).valid_class_ids == ()
    assert image_sheet("fog.png", **PARTS).candidates == (Candidate(FOX, 0.2, (("ann", "no"),)),)
    assert image_sheet("new.png", **PARTS).candidates == ()
    elsewhere = image_sheet("new.png", original=ORIGINAL, labels=LabelSets.from_lists(["hill.png"], [[SKI]], CLASSES))
    assert (elsewhere.valid_class_ids, elsewhere.original_class_id) == (None, FOX)
    assert image_sheet("new.png", labels=LABELS).candidates is None
    assert image_sheet("new.png", labels=LABELS, scores=SCORES).candidates == ()
    assert image_sheet("hill.png", experts=EXPERTS).candidates == (Candidate(SKI, None, (), (("eve", "yes"),)),)


@pytest.mark.parametrize("image", ["{}", "{}.JPEG", "val/n04228054/{}_n04228054.png"])
def test_validation_image_is_found_in_every_spelling_and_part(image: str) -> None:
    image, name = image.format("ILSVRC2012_val_00000002"), "ILSVRC2012_val_00000002.JPEG"
    labels = LabelSets.from_lists([f"in/{name}"], [[795]])
    scores = Scores(Questions.from_columns([name], np.array([795])), np.array([1.0]))
    models = {"m": Predictions.from_ids([7], [f"x_{name}"])}
    sheet = image_sheet(image, labels=labels, scores=scores, predictions=models)
    assert (sheet.image, sheet.valid_class_ids, sheet.candidates) == (image, (795,), (Candidate(795, 1.0),))
    assert sheet.predictions == {"m": (7,)}


@pytest.mark.parametrize(
    ("nouns", "allowed"),
    [
        (PARTS, "  allowed: a name such as hill.png\n"),
        ({"original": ORIGINAL}, "  allowed: a name such as hill.png\n"),
        ({"scores": SCORES}, ""),
        ({"predictions": {"m": Predictions.from_ids([1], ["hull.png"])}}, ""),
    ],
)
def test_unknown_image_raises(nouns: Any, allowed: str) -> None:
    expected = f"unknown image\n  where:   hull.png\n{allowed}  fix:     check the name"
    assert message(image_sheet, "hull.png", **nouns) == expected


# --- one class per image --------------------------------------------------------------------------------------------

# For hill.png, ann and bo choose alp, cy chooses fox, and the expert chooses ski. Nobody saw new.png.
CHOICES = votes_of(
    [(0, 0, ALP), (1, 0, FOX), (0, 1, ALP), (0, 2, FOX)],
    ("hill.png", "fog.png"),
    ("ann", "bo", "cy"),
    CLASSES.names,
    classes=CLASSES,
)
CHOICE_PARTS = PARTS | {
    "scores": aggregate(CHOICES, "majority").scores,
    "votes": CHOICES,
    "experts": votes_of([(0, 0, SKI)], ("hill.png",), ("eve",), CLASSES.names, classes=CLASSES),
}


def test_chosen_classes_list_the_people_who_chose_them() -> None:
    """For counts of votes, the raters are unknown."""
    sheet = image_sheet("hill.png", **CHOICE_PARTS)
    assert sheet.candidates == (
        Candidate(ALP, 2 / 3, (("ann", "alp"), ("bo", "alp")), ()),
        Candidate(FOX, 1 / 3, (("cy", "fox"),), ()),
        Candidate(SKI, None, (), (("eve", "ski"),)),  # valid, and chosen only by the expert
    )
    assert (sheet.n_raters, sheet.n_experts) == (3, 1)
    counts = replace(CHOICES, raters=(), rater_ids=np.full(len(CHOICES), -1, np.int32))
    sheet = image_sheet("hill.png", **CHOICE_PARTS | {"votes": counts, "experts": None})
    assert [candidate.votes for candidate in sheet.candidates or ()] == [
        ((None, "alp"), (None, "alp")),
        ((None, "fox"),),
        (),
    ]
    assert (sheet.n_raters, sheet.n_experts) == (3, None)


def test_image_without_choices_is_unrated() -> None:
    sheet = image_sheet("new.png", **CHOICE_PARTS)
    assert (sheet.candidates, sheet.n_raters, sheet.n_experts) == ((), 0, 0)
    assert image_sheet("new.png", **CHOICE_PARTS | {"scores": None}).candidates == ()


@pytest.mark.parametrize("without", ["scores", "votes"])
def test_class_that_nobody_chose_counts_as_asked_and_rejected(without: str) -> None:
    """The kinds are the same from scores and from votes."""
    nouns: Any = CHOICE_PARTS | {without: None, "experts": None}
    models = {"m": Predictions.from_ids([[FOX, ALP], [SKI, ALP], [SKI, FOX]], IMAGES)}
    kinds = {image: image_sheet(image, **nouns, predictions=models).mistake_kinds for image in IMAGES}
    assert kinds == {
        "hill.png": {FOX: "asked_and_rejected"},
        "fog.png": {SKI: "asked_and_rejected", ALP: "asked_and_rejected"},
        "new.png": {SKI: "never_rated"},
    }
    sheet = image_sheet("fog.png", **PARTS, predictions={"m": Predictions.from_ids([[FOX, ALP]], ["fog.png"])})
    assert sheet.mistake_kinds == {FOX: "asked_and_rejected", ALP: "not_asked"}


# --- predictions of models ------------------------------------------------------------------------------------------


def test_predictions_are_the_first_five_classes_or_none_without_the_image() -> None:
    images = ["x.png", "a.png"]
    sheet = image_sheet(
        "a.png",
        labels=LabelSets.from_lists(images, [[1], [2]]),
        predictions={
            "scores": Predictions.from_scores(np.array([[0.0] * 7, [3, 9, 1, 9, 2, 8, 0]]), images),
            "ids": Predictions.from_ids([[4, 1], [2, 0]], images),
            "output without a class": Predictions.from_ids(
                [[0, 1], [1, 2]], images, output_class_ids=np.array([5, -1, 3])
            ),
            "elsewhere": Predictions.from_ids([1], ["b.png"]),
        },
    ).predictions
    assert sheet == {"scores": (1, 3, 5, 0, 4), "ids": (2, 0), "output without a class": (3,), "elsewhere": None}


def test_rows_without_names_have_the_order_of_the_label_sets() -> None:
    models = {"m": Predictions.from_ids([0, 2, 1])}
    assert image_sheet("fog.png", labels=LABELS, predictions=models).predictions == {"m": (2,)}
    few = {"m.npy": Predictions.from_ids([0, 2])}
    for nouns, allowed in (({"labels": LABELS}, "  allowed: 3 rows\n"), ({"original": ORIGINAL}, "")):
        assert message(image_sheet, "fog.png", **nouns, predictions=few) == (
            f"image names are missing, and the number of rows differs\n  where:   m.npy\n{allowed}  found:   2 rows\n"
            "  fix:     name the image of each row: image_names=[...], or in the file itself"
        )


def test_error_for_nan_names_file_image_and_row() -> None:
    scores = np.array([[0.1, 0.2, 0.3], [0.1, np.nan, 0.3]], np.float32)
    models = {"m.npy": Predictions.from_scores(scores, ["hill.png", "fog.png"])}
    assert image_sheet("hill.png", labels=LABELS, predictions=models).predictions == {"m.npy": (2, 1, 0)}
    text = message(image_sheet, "fog.png", labels=LABELS, predictions=models)
    assert text.startswith("score is NaN\n  where:   m.npy, image fog.png, row 1, output 1\n")


def test_class_id_missing_from_the_labels_raises() -> None:
    scores = Scores(Questions.from_columns(["hill.png"], np.array([3])), np.array([1.0]))
    for nouns in ({"predictions": {"m.npy": Predictions.from_ids([[0, 3]], ["hill.png"])}}, {"scores": scores}):
        assert code_of(image_sheet, "hill.png", labels=LABELS, **nouns) == "out-of-range"


def test_json_names_every_class() -> None:
    models = {"m": Predictions.from_ids([[FOX, SKI]], ["hill.png"]), "other": Predictions.from_ids([1], ["x"])}
    sheet = image_sheet("hill.png", **(PARTS | {"scores": None}), predictions=models)
    document = sheet.to_json(CLASSES)
    assert list(document) == ["image", "original", "valid", "candidates", "raters", "experts", "predictions"]
    assert document["original"] == {"class": ALP, "name": "alp"}
    assert document["valid"] == [{"class": SKI, "name": "ski"}, {"class": ALP, "name": "alp"}]
    assert document["candidates"][0] == {
        "class": SKI,
        "name": "ski",
        "score": None,
        "votes": [{"rater": "bo", "answer": "yes"}],
        "experts": [{"rater": "eve", "answer": "yes"}],
    }
    assert document["predictions"] == {
        "m": [
            {"class": FOX, "name": "fox", "kind": "not_asked"},  # nobody answered the question
            {"class": SKI, "name": "ski", "kind": "valid"},
        ],
        "other": None,
    }
    bare = image_sheet("hill.png", original=ORIGINAL).to_json(CLASSES)
    assert (bare["valid"], bare["candidates"], bare["predictions"]) == (None, None, {})
