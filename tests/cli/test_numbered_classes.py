"""Classes named by numbers: a number is an id in every file, or it is an error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Runner, document_of, message_of, output_of, write_csv

COUNT = 12
IMAGES = [f"{row:02}.png" for row in range(4 * COUNT)]
TRUTH = {image: row % COUNT for row, image in enumerate(IMAGES)}
WRONG_CLASS = {image: (class_id + 1) % COUNT for image, class_id in TRUTH.items()}


def wide() -> Iterator[tuple[Any, ...]]:
    for image, class_id in TRUTH.items():
        yield image, *(5 if other == class_id else 0 for other in range(COUNT))


VOTES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "one class per image": ("image,rater,answer", [(image, "ann", TRUTH[image]) for image in IMAGES]),
    "counts": ("image,class,count", [(image, TRUTH[image], 3) for image in IMAGES]),
    "a column of counts per class": (f"image,{','.join(map(str, range(COUNT)))}", list(wide())),
    "questions": (
        "image,class,rater,answer",
        [(image, TRUTH[image], "ann", "yes") for image in IMAGES]
        + [(image, WRONG_CLASS[image], "ann", "no") for image in IMAGES],
    ),
}
PREDICTIONS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "numbers": ("image,prediction", list(TRUTH.items())),
    "floats": ("image,prediction", [(image, float(class_id)) for image, class_id in TRUTH.items()]),
    "some names": (
        "image,prediction",
        [(image, class_id if class_id < 9 else f"no. {class_id}") for image, class_id in TRUTH.items()],
    ),
    "scores": VOTES["a column of counts per class"],
}


@pytest.mark.parametrize("votes", list(VOTES))
@pytest.mark.parametrize("predictions", list(PREDICTIONS))
def test_perfect_model_and_votes_have_accuracy_one(votes: str, predictions: str, folder: Path, run: Runner) -> None:
    """Twelve classes are named by ids, and some have synonyms; sorted as text, 10 comes before 2."""
    Path("b").mkdir()
    write_csv("b/classes.csv", "name,synonyms", [(class_id, f"no. {class_id}") for class_id in range(COUNT)])
    write_csv("b/votes.csv", *VOTES[votes])
    write_csv("p.csv", *PREDICTIONS[predictions])
    for argv in (
        ["aggregate", "--method", "majority", "-o", "b/scores.csv"],
        ["labels", "--threshold", "0.5", "-o", "b/labels.csv"],
    ):
        output_of(run(*argv, "--benchmark", "b"))
    result = document_of(run("evaluate", "p.csv", "--benchmark", "b", "--json"), "evaluate")["results"][0]
    assert result["real"]["1"]["accuracy"] == 1
    assert result["real"]["1"]["n"] == len(IMAGES)


@pytest.mark.parametrize(
    "argv",
    [
        ["evaluate", "p.csv", "--benchmark", "b"],
        ["status", "b"],
        ["propose", "p.csv", "--unasked", "--benchmark", "b", "-o", "q.jsonl"],
    ],
)
def test_numbered_class_folders_in_text_order_are_an_error(argv: list[str], folder: Path, run: Runner) -> None:
    for image, class_id in TRUTH.items():
        path = Path(f"b/images/{class_id}/{image}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_csv("p.csv", "image,prediction", [(f"{class_id}/{image}", class_id) for image, class_id in TRUTH.items()])
    run_result = run(*argv)
    assert (run_result.code, "  found:   '10' (id 2), '11' (id 3), '2' (id 4) and 7 more\n" in run_result.err) == (
        1,
        True,
    )
    Path("b/classes.txt").write_text("".join(f"{class_id}\n" for class_id in range(COUNT)))
    assert run("propose", "p.csv", "--unasked", "--benchmark", "b", "-o", "q.jsonl").code == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["propose", "p.csv", "--unasked", "--benchmark", "b", "-o", "q.jsonl"],
        ["evaluate", "p.csv", "--labels", "l.csv"],
    ],
)
def test_missing_class_list_is_reported_without_numbered_classes(argv: list[str], folder: Path, run: Runner) -> None:
    """A flat image folder or empty label sets, with predictions by name."""
    Path("b/images").mkdir(parents=True)
    Path("b/images/a.png").touch()
    write_csv("p.csv", "image,prediction", [("a.png", "cat")])
    write_csv("l.csv", "image,class", [("a.png", "")])
    assert message_of(run(*argv)).startswith("Error: class names cannot be used: a class list is missing\n")
    Path("b/classes.txt").write_text("cat\ndog\n")
    assert run("propose", "p.csv", "--unasked", "--benchmark", "b", "-o", "q.jsonl").code == 0
