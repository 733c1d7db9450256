"""A folder with ten classes called by name goes through every command; the same with ids gives the same numbers."""

import csv
import json
from collections.abc import Callable, Iterator
from itertools import combinations, cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.core import Classed, Classes, LabelSets, Predictions, Questions, Scores, align_classes, classes_of
from reassess.core.classes import LIST_CLASSES
from reassess.data import read_scores
from tests.helpers import Run, message, results_of, votes_of, write_csv

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGES = [f"{i:03}.png" for i in range(150)]
PARTS = ("labels", "original", "scores", "votes", "golden", "rater-golden", "predictions")
VOTES = "image,class,rater,answer"


def draw() -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Files of a benchmark and of two models, each with its headings and rows, by class id."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 10, len(IMAGES))
    original = np.where(rng.random(len(IMAGES)) < 0.1, rng.integers(0, 10, len(IMAGES)), truth)
    models = {
        name: np.where(rng.random(len(IMAGES)) < p, rng.integers(0, 10, len(IMAGES)), truth) for name, p in MODELS
    }
    asked = sorted({(i, int(c)) for classes in (original, *models.values()) for i, c in enumerate(classes)})
    golden = [asked[k] for k in sorted(rng.choice(len(asked), 60, replace=False))]

    def answers(pairs: list[tuple[int, int]], raters: list[str], right: float) -> Iterator[tuple[Any, ...]]:
        for i, c in pairs:
            for rater in raters:
                yield IMAGES[i], c, rater, "yes" if (c == truth[i]) == (rng.random() < right) else "no"

    predictions = {
        f"{name}.csv": ("image,prediction", list(zip(IMAGES, ids.tolist(), strict=True)))
        for name, ids in models.items()
    }
    return predictions | {
        "digits/original.csv": ("image,class", list(zip(IMAGES, original.tolist(), strict=True))),
        "digits/votes.csv": (VOTES, list(answers(asked, ["a", "b", "c", "d", "e"], 0.9))),
        "digits/golden.csv": (VOTES, list(answers(golden, ["x", "y", "z"], 0.99))),
    }


MODELS = (("good", 0.1), ("poor", 0.3))
COMMANDS = {
    "aggregate": ["aggregate", "-o", "digits/scores.csv"],
    "labels": ["labels", "--threshold", "0.5", "-o", "digits/labels.csv"],
    "evaluate": ["evaluate", "good.csv", "poor.csv", "--by", "class"],
    "compare": ["compare", "good.csv", "poor.csv"],
    "curve": ["curve", "--leave-out", "image"],
    "raters": ["raters"],
    "propose": ["propose", "good.csv", "--unasked", "-o", "questions.jsonl"],
    "report": ["report", "good.csv", "poor.csv", "-o", "report.html"],
    "show": ["show", "000.png", "good.csv"],
}


def all_numbers(
    folder: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, classes: bool
) -> dict[str, Any]:
    """What each command gives, of the files in a folder."""
    monkeypatch.chdir(folder)
    if classes:
        Path("digits/classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    results = {}
    for name, argv in COMMANDS.items():
        done = run(*argv, "--benchmark", "digits", "--json")
        assert (done.code, done.err) == (0, ""), name
        results[name] = json.loads(done.out)["results"]
    results["report"].pop("bytes")  # a name is longer than an id
    return results


def write_all(folder: Path, called: Callable[[int], object]) -> None:
    for file, (headings, rows) in draw().items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_csv(folder / file, headings, [(image, called(class_id), *rest) for image, class_id, *rest in rows])


@pytest.mark.parametrize("by_list", [True, False])
def test_names_give_the_same_integers_as_ids(
    by_list: bool, tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    """With a list of classes ids are its lines; without one, ranks among the sorted names."""
    order = NAMES if by_list else tuple(sorted(NAMES))
    write_all(tmp_path / "names", lambda class_id: order[class_id])
    write_all(tmp_path / "ids", int)
    by_name = all_numbers(tmp_path / "names", run, monkeypatch, by_list)
    by_id = all_numbers(tmp_path / "ids", run, monkeypatch, False)
    called = {str(class_id): name for class_id, name in enumerate(order)}

    def with_names(value: Any) -> Any:
        """A document by id with each class's name where the other one has it."""
        if isinstance(value, dict):
            renamed = {key: with_names(part) for key, part in value.items()}
            return renamed | ({"name": called[renamed["name"]]} if renamed.get("name") in called else {})
        return [with_names(part) for part in value] if isinstance(value, list) else value

    assert with_names(by_id) == with_names(by_name)
    assert by_name["evaluate"][0]["by_class"][0]["name"] == order[0]


def test_names_stay_names_in_every_file(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    write_all(tmp_path, lambda class_id: NAMES[class_id])
    all_numbers(tmp_path, run, monkeypatch, True)
    run("evaluate", "good.csv", "--benchmark", "digits", "--details", "images.csv", "--quiet")
    run("compare", "good.csv", "poor.csv", "--benchmark", "digits", "--details", "pairs.csv", "--quiet")
    columns = {
        "digits/scores.csv": ["class"],
        "digits/labels.csv": ["class"],
        "images.csv": ["top1"],
        "pairs.csv": ["correct_class", "wrong_class"],
    }
    for file, headings in columns.items():
        with Path(file).open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert rows, file
        assert {row[heading] for row in rows for heading in headings} <= {*NAMES, ""}, file
    questions = [json.loads(line) for line in Path("questions.jsonl").read_text().splitlines()]
    assert {question["class"] for question in questions} <= set(NAMES)


def nouns(classes: Classes) -> dict[str, Classed | Predictions]:
    """A small one of each kind of file."""
    questions = Questions.from_columns(["a"], np.array([0]), classes)
    sets = LabelSets.from_lists(["a"], [[0]], classes)
    votes = votes_of([(0, 0, 1)], questions, ("x",), ("no", "yes"))
    return {
        "labels": sets,
        "original": sets,
        "scores": Scores(questions, np.array([0.5])),
        "votes": votes,
        "golden": votes,
        "rater-golden": votes,
        "predictions": Predictions.from_ids([0], ["a"], classes=classes),
    }


@pytest.mark.parametrize(("named", "numbered"), [*combinations(PARTS, 2), *combinations(PARTS[::-1], 2)])
def test_names_in_one_file_and_numbers_in_another_are_an_error_in_every_pair(named: str, numbered: str) -> None:
    names, numbers = nouns(Classes.from_texts(["cat"])), nouns(Classes())
    pair = {f"{named}.csv": names[named], f"{numbered}.csv": numbers[numbered]}
    assert message(lambda: align_classes(pair)) == (
        "the classes are named in one file and numbered in another\n"
        f"  where:   {named}.csv and {numbered}.csv\n"
        "  found:   cat, and ids\n"
        f"  fix:     {LIST_CLASSES}"
    )
    listed = Classes(2, names=("cat", "dog"))
    assert [classes_of(noun) for noun in align_classes(pair, listed).values()] == [listed, listed]


COMPARE, REPORT = ["compare", "good.csv", "poor.csv"], ["report", "good.csv", "-o", "r.html"]
SHOW = ["show", "000.png"]


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        *product([COMPARE, REPORT, SHOW], ["original", "scores", "votes", "golden"]),
        *product([COMPARE, REPORT], ["rater-golden"]),  # which show does not read
    ],
)
def test_a_file_of_ids_beside_labels_by_name_is_refused_by_every_command(
    argv: list[str],
    part: str,
    tmp_path: Path,
    run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    no_known_data: None,
) -> None:
    """Never joined by position; the error names both files, and the list of classes that would mend it."""
    write_all(tmp_path, lambda class_id: NAMES[class_id])
    monkeypatch.chdir(tmp_path)
    labels = [(image, NAMES[class_id]) for image, class_id in draw()["digits/original.csv"][1]]
    write_csv("digits/labels.csv", "image,class", labels)
    write_csv("digits/scores.csv", "image,class,score", [(image, name, 0.9) for image, name in labels])
    (_, rows) = draw()["digits/votes.csv"]
    headings = {"original": "image,class", "scores": "image,class,score"}.get(part, VOTES)
    given = [(image, class_id, *([0.9] if part == "scores" else rest)) for image, class_id, *rest in rows]
    if part == "original":
        given = draw()["digits/original.csv"][1]
    write_csv(
        f"digits/{part}.csv", headings, dict.fromkeys(given) if part != "scores" else {r[:2]: r for r in given}.values()
    )
    done = run(*argv, "--benchmark", "digits")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: the classes are named in one file and numbered in another\n")
    assert "digits/labels.csv (labels)" in done.err
    assert f"digits/{part}.csv ({part})" in done.err
    assert "the file classes" in done.err


AGREE = ["labels", "digits/labels.csv", "digits/original.csv"]
TWO, OTHER = (
    "benchmark would have two files of one part",
    "in a benchmark folder, a file {} is another part of it",
)
NEARLY = "output name is almost that of a benchmark part"


@pytest.mark.parametrize(
    ("argv", "output", "what", "instead"),
    [
        (["aggregate", "-o"], "scores.npz", TWO, None),
        (["labels", "--threshold", "0.5", "-o"], "labels.json", TWO, None),
        (["aggregate", "-o"], "golden.csv", "output is the golden of the benchmark", "scores.csv"),
        (["aggregate", "-o"], "golden.npz", OTHER, "scores.npz"),
        (["aggregate", "-o"], "Scores.csv", NEARLY, "scores.csv"),
        (["aggregate", "-o"], "rater_golden.csv", NEARLY, "scores.csv"),
        (["labels", "--threshold", "0.5", "-o"], "original.jsonl", OTHER, "labels.jsonl"),
        (["labels", "--threshold", "0.5", "-o"], "Labels.json", NEARLY, "labels.json"),
        (
            ["labels", "--threshold", "0.5", "-o"],
            "benchmark.json",
            "in a benchmark folder, this file has the settings",
            "labels.json",
        ),
        (
            ["labels", "--threshold", "0.5", "-o"],
            "Benchmark.json",
            "in a benchmark folder, this file has the settings",
            "labels.json",
        ),
        ([*AGREE, "-o"], "groups.csv", OTHER, ""),
        (["propose", "good.csv", "--unasked", "-o"], "votes.jsonl", OTHER, ""),
        (["propose", "good.csv", "--unasked", "-o"], "Votes.jsonl", NEARLY, ""),
        (["evaluate", "good.csv", "--details"], "collapsed.csv", OTHER, ""),
        (["compare", "good.csv", "poor.csv", "--details"], "groups.csv", OTHER, ""),
        (["curve", "-o"], "scores.csv", "output is the scores of the benchmark", ""),
        (["curve", "-o"], "collapsed.csv", OTHER, ""),
        (["curve", "-o"], "../votes.csv", "output is the votes of the benchmark", ""),
    ],
)
def test_no_output_takes_the_place_of_another_part(
    argv: list[str],
    output: str,
    what: str,
    instead: str | None,
    tmp_path: Path,
    run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    no_known_data: None,
) -> None:
    """Nor its name, nor one that is nearly it, after which no command could read the folder; with --force neither."""
    monkeypatch.chdir(tmp_path)
    write_judges(tmp_path)
    Path("digits/votes.csv").rename("votes.csv")
    Path("digits/votes.csv").symlink_to("../votes.csv")
    before = {path: path.read_bytes() for path in Path("digits").iterdir()}
    done = run(*argv, f"digits/{output}", "--benchmark", "digits", "--force")
    assert (done.code, done.out) == (1, "")
    fix = "choose another name or folder" + (f", such as {instead}" if instead else "")
    if instead is None:
        there = Path(output).stem + ".csv"
        fix = f"write {there} (--force), or remove it first"
    found = f"  found:   {there}\n" if instead is None else ""
    assert done.err == (
        f"Error: {what.format(Path(output).stem)}\n  where:   digits/{output}\n{found}  fix:     {fix}\n"
    )
    assert {path: path.read_bytes() for path in Path("digits").iterdir()} == before


@pytest.mark.parametrize(
    "argv", [["report", "good.csv", "-o", "digits/images.html"], ["curve", "-o", "digits/scores.svg"]]
)
def test_an_output_that_is_read_as_no_part_may_be_called_like_one(
    argv: list[str], tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    monkeypatch.chdir(tmp_path)
    write_judges(tmp_path)
    assert run(*argv, "--benchmark", "digits").code == 0
    assert run("curve", "--benchmark", "digits").code == 0


def test_the_path_of_the_images_folder_is_no_part_of_a_name_in_any_file(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    """Each file calls the images in another way, and the numbers of every command are the same."""
    spellings = (
        *("digits/images/{}", "images/{}", "{folder}/digits/images/{}", "{}"),
        *("./digits/images/{}", "../mixed/digits/images/{}", "./images/{}", "./{}"),
    )
    results = []
    for name, ways in (("plain", ["{}"]), ("mixed", spellings)):
        folder = tmp_path / name
        (folder / "digits/images").mkdir(parents=True)
        for image in IMAGES:
            (folder / "digits/images" / image).touch()
        for way, (file, (headings, rows)) in zip(cycle(ways), draw().items(), strict=False):
            named = [(way.format(image, folder=folder), NAMES[class_id], *rest) for image, class_id, *rest in rows]
            write_csv(folder / file, headings, named)
        results.append(all_numbers(folder, run, monkeypatch, False))
    assert results[0] == results[1]
    assert results[0]["evaluate"][0]["scorable"] > 100


def test_images_are_joined_as_the_benchmark_says_in_votes_and_golden_answers(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    """By stem, the files drop the suffix: the numbers stay, and what is written has the names of the images."""
    results = []
    for name, stem in (("names", False), ("stems", True)):
        folder = tmp_path / name
        write_all(folder, lambda class_id: NAMES[class_id])
        (folder / "digits/benchmark.json").write_text('{"match": "stem"}')
        (folder / "digits/images").mkdir()
        for image in IMAGES:
            (folder / "digits/images" / image).touch()
        for file in ("votes.csv", "golden.csv") if stem else ():
            path = folder / "digits" / file
            path.write_text(path.read_text().replace(".png", ""))
        results.append(all_numbers(folder, run, monkeypatch, False))
        assert set(read_scores(folder / "digits/scores.csv").questions.images) <= set(IMAGES)
    assert results[0] == results[1]


@pytest.mark.parametrize("command", ["evaluate", "compare", "report"])
def test_match_is_how_the_images_of_every_file_are_joined(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None, command: str
) -> None:
    """With --match stem, files of judges that drop the suffix give the same numbers as those that have it."""
    write_all(tmp_path, lambda class_id: NAMES[class_id])
    (tmp_path / "digits/images").mkdir()
    for image in IMAGES:
        (tmp_path / "digits/images" / image).touch()
    numbers = json.dumps(all_numbers(tmp_path, run, monkeypatch, False)[command])
    for file in ("original", "votes", "golden", "scores"):
        path = tmp_path / f"digits/{file}.csv"
        path.write_text(path.read_text().replace(".png", ""))
    given = ("--force",) if command == "report" else ()
    found = results_of(run, *COMMANDS[command], "--benchmark", "digits", "--match", "stem", *given)
    if command == "report":
        del found["bytes"]
    assert found == json.loads(numbers.replace("joined by path", "joined by stem"))


def write_judges(folder: Path) -> None:
    """All parts of a benchmark by name: also label sets, scores, and the raters' votes on golden pairs."""
    write_all(folder, lambda class_id: NAMES[class_id])
    rows = [(image, NAMES[class_id]) for image, class_id in draw()["digits/original.csv"][1]]
    write_csv(folder / "digits/labels.csv", "image,class", rows)
    votes = [(image, NAMES[class_id], *vote) for image, class_id, *vote in draw()["digits/votes.csv"][1]]
    pairs = dict.fromkeys((image, name) for image, name, *_ in votes)
    write_csv(folder / "digits/scores.csv", "image,class,score", [(*pair, 0.9) for pair in pairs])
    golden = {(image, NAMES[class_id]) for image, class_id, *_ in draw()["digits/golden.csv"][1]}
    write_csv(folder / "digits/rater-golden.csv", VOTES, [vote for vote in votes if vote[:2] in golden])


# The first of two files that are joined, and by which commands with which other ones.
JOINED = {
    "labels": [
        *product(["evaluate", "compare", "report", "show"], ["original", "scores"]),
        *product(["compare", "report", "show"], ["votes"]),
        *product(["evaluate", "show"], ["golden"]),
    ],
    "golden": [("compare", "rater-golden"), ("raters", "rater-golden"), ("aggregate", "rater-golden")],
    "scores": [("labels", "original"), ("curve", "votes"), ("curve", "original")],
}


@pytest.mark.parametrize(
    ("first", "command", "part"), [(first, *pair) for first, pairs in JOINED.items() for pair in pairs]
)
def test_a_file_of_which_not_one_image_joins_is_refused_by_every_command(
    first: str,
    command: str,
    part: str,
    tmp_path: Path,
    run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    no_known_data: None,
) -> None:
    """The error names both files, and a match by which they join."""
    monkeypatch.chdir(tmp_path)
    write_judges(tmp_path)
    path = Path(f"digits/{part}.csv")
    path.write_text(path.read_text().replace(".png", ".jpg"))
    argv = ["curve"] if command == "curve" else COMMANDS[command]
    argv = [*(word.replace("digits/", "") for word in argv), "--benchmark", "digits", "--quiet"]
    done = run(*argv)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(
        "Error: two files have no image in common\n"
        f"  where:   digits/{first}.csv ({first}) and digits/{part}.csv ({part})\n"
    )
    assert done.err.endswith('\n  fix:     they fit by stem: --match stem, or "match": "stem" in benchmark.json\n')
    assert run(*argv, "--match", "stem").code == 0


def test_label_sets_of_a_benchmark_are_compared_as_it_joins_them(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, no_known_data: None
) -> None:
    monkeypatch.chdir(tmp_path)
    write_judges(tmp_path)
    for place in ("images", "pets/images"):
        other = Path("digits/labels.csv").read_text().replace("\n0", f"\n{place}/0").replace("\n1", f"\n{place}/1")
        Path(f"{place[0]}.csv").write_text(other.replace("\npets", "\n./digits/../digits"))
    for file in ("i.csv", "p.csv"):
        pair = ["digits/labels.csv", file]
        assert run("labels", *pair).code == 1
        (agreement,) = results_of(run, "labels", *pair, "--benchmark", "digits")
        assert (agreement["images"], agreement["equal"]) == (len(IMAGES), len(IMAGES))
    Path("stems.csv").write_text(Path("i.csv").read_text().replace(".png", ""))
    pair = ["digits/labels.csv", "stems.csv"]
    assert run("labels", *pair).error == "no-common-image"
    assert results_of(run, "labels", *pair, "--match", "stem")[0]["images"] == len(IMAGES)
    Path("digits/benchmark.json").write_text('{"match": "stem"}')
    assert results_of(run, "labels", *pair, "--benchmark", "digits")[0]["images"] == len(IMAGES)
