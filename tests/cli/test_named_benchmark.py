"""All commands on a benchmark with ten named classes; class ids give equal results."""

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.data import read_scores
from tests.helpers import Runner, message_of, results_of, write_csv

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGES = [f"{i:03}.png" for i in range(150)]
VOTES = "image,class,rater,answer"
CachedResults = tuple[Path, dict[str, Any]]


def draw() -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Draw the files of a benchmark and two models: headings and rows, with class ids."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 10, len(IMAGES))
    original = np.where(rng.random(len(IMAGES)) < 0.1, rng.integers(0, 10, len(IMAGES)), truth)
    models = {
        name: np.where(rng.random(len(IMAGES)) < p, rng.integers(0, 10, len(IMAGES)), truth) for name, p in MODELS
    }
    rated_questions = sorted({(i, int(c)) for classes in (original, *models.values()) for i, c in enumerate(classes)})
    golden = [rated_questions[k] for k in sorted(rng.choice(len(rated_questions), 60, replace=False))]

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
        "digits/votes.csv": (VOTES, list(answers(rated_questions, ["a", "b", "c", "d", "e"], 0.9))),
        "digits/golden.csv": (VOTES, list(answers(golden, ["x", "y", "z"], 0.99))),
    }


MODELS = (("good", 0.1), ("poor", 0.3))
COMMANDS = {
    "aggregate": ["aggregate", "-o", "digits/scores.csv"],
    "labels": ["labels", "--threshold", "0.5", "-o", "digits/labels.csv"],
    "evaluate": ["evaluate", "good.csv", "poor.csv", "--by", "class"],
    "compare": ["compare", "good.csv", "poor.csv"],
    "curve": ["curve", "--leave-out", "3"],
    "raters": ["raters"],
    "propose": ["propose", "good.csv", "--unasked", "-o", "questions.jsonl"],
    "report": ["report", "good.csv", "poor.csv", "-o", "report.html"],
    "show": ["show", "000.png", "good.csv"],
}


def all_numbers(folder: Path, run: Runner, monkeypatch: pytest.MonkeyPatch, classes: bool) -> dict[str, Any]:
    """Run all commands in a folder, and return their results."""
    monkeypatch.chdir(folder)
    if classes:
        Path("digits/classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
    results = {}
    for name, argv in COMMANDS.items():
        run_result = run(*argv, "--benchmark", "digits", "--json")
        assert (run_result.code, run_result.err) == (0, ""), name
        results[name] = json.loads(run_result.out)["results"]
    results["report"].pop("bytes")  # a name is longer than an id
    return results


def write_all(folder: Path, format_class: Callable[[int], object]) -> None:
    for file, (headings, rows) in draw().items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        write_csv(folder / file, headings, [(image, format_class(class_id), *rest) for image, class_id, *rest in rows])
    (folder / "digits/images").mkdir()
    for image in IMAGES:
        (folder / "digits/images" / image).touch()


@pytest.fixture(scope="module")
def cached_results() -> dict[bool, CachedResults]:
    return {}


@pytest.fixture
def by_name(
    cached_results: dict[bool, CachedResults],
    tmp_path_factory: pytest.TempPathFactory,
    run: Runner,
    monkeypatch: pytest.MonkeyPatch,
    no_known_data: None,
) -> Callable[[bool], CachedResults]:
    """A cached folder with class names, with or without a class list, and the results of all commands."""

    def call(is_listed: bool) -> CachedResults:
        if is_listed not in cached_results:
            folder = tmp_path_factory.mktemp("names")
            write_all(folder, NAMES.__getitem__)
            cached_results[is_listed] = folder, all_numbers(folder, run, monkeypatch, is_listed)
        return cached_results[is_listed]

    return call


@pytest.mark.parametrize("is_listed", [True, False])
def test_class_names_give_the_same_results_as_ids(
    is_listed: bool,
    by_name: Callable[[bool], CachedResults],
    tmp_path: Path,
    run: Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a class list, ids are its lines; without a class list, positions among the sorted names."""
    order = NAMES if is_listed else tuple(sorted(NAMES))
    write_all(tmp_path, lambda class_id: order.index(NAMES[class_id]))
    by_id = all_numbers(tmp_path, run, monkeypatch, False)
    name_of_id = {str(class_id): name for class_id, name in enumerate(order)}

    def with_names(value: Any) -> Any:
        """Add class names to results with ids."""
        if isinstance(value, dict):
            renamed = {key: with_names(part) for key, part in value.items()}
            return renamed | ({"name": name_of_id[renamed["name"]]} if renamed.get("name") in name_of_id else {})
        return [with_names(part) for part in value] if isinstance(value, list) else value

    _, numbers = by_name(is_listed)
    assert with_names(by_id) == with_names(numbers)
    assert numbers["evaluate"][0]["by_class"][0]["name"] == order[0]


def test_all_files_contain_class_names(
    by_name: Callable[[bool], CachedResults], run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = by_name(True)
    monkeypatch.chdir(folder)
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


COMPARE, REPORT = ["compare", "good.csv", "poor.csv"], ["report", "good.csv", "-o", "r.html"]
SHOW = ["show", "000.png"]


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        *product([COMPARE, REPORT, SHOW], ["original", "scores", "votes", "golden"]),
        *product([COMPARE, REPORT], ["rater-golden"]),  # not read by show
    ],
)
def test_commands_reject_class_ids_beside_class_names(argv: list[str], part: str, folder: Path, run: Runner) -> None:
    """Files are never joined by position; the error names both files, and the class list that is needed."""
    write_parts(folder)
    path = Path(f"digits/{part}.csv")
    path.write_text(re.sub("|".join(NAMES), lambda name: str(NAMES.index(name[0])), path.read_text()))
    error = message_of(run(*argv, "--benchmark", "digits"))
    assert error.startswith("Error: one file has class names, another has class ids\n")
    assert "digits/labels.csv (labels)" in error
    assert f"digits/{part}.csv ({part})" in error
    assert "the file classes" in error


AGREE = ["labels", "digits/labels.csv", "digits/original.csv"]
TWO, OTHER = (
    "benchmark would have two files for one part",
    "in a benchmark folder, the name {} is kept for another part",
)
NEARLY = "name of the output file is almost the name of a benchmark part"


@pytest.mark.parametrize(
    ("argv", "output", "what", "instead"),
    [
        (["aggregate", "-o"], "scores.npz", TWO, None),
        (["labels", "--threshold", "0.5", "-o"], "labels.json", TWO, None),
        (["aggregate", "-o"], "golden.csv", "output file is the golden of the benchmark", "scores.csv"),
        (["aggregate", "-o"], "golden.npz", OTHER, "scores.npz"),
        (["aggregate", "-o"], "Scores.csv", NEARLY, "scores.csv"),
        (["aggregate", "-o"], "rater_golden.csv", NEARLY, "scores.csv"),
        (["labels", "--threshold", "0.5", "-o"], "original.jsonl", OTHER, "labels.jsonl"),
        (
            ["labels", "--threshold", "0.5", "-o"],
            "benchmark.json",
            "in a benchmark folder, this file contains the settings",
            "labels.json",
        ),
        ([*AGREE, "-o"], "groups.csv", OTHER, ""),
        (["propose", "good.csv", "--unasked", "-o"], "votes.jsonl", OTHER, ""),
        (["evaluate", "good.csv", "--details"], "collapsed.csv", OTHER, ""),
        (["curve", "-o"], "scores.csv", "output file is the scores of the benchmark", ""),
        (["curve", "-o"], "../votes.csv", "output file is the votes of the benchmark", ""),
    ],
)
def test_output_cannot_replace_another_part(
    argv: list[str], output: str, what: str, instead: str | None, folder: Path, run: Runner
) -> None:
    """Equal and similar names are errors, also with --force, since commands could not read the folder."""
    write_parts(folder)
    Path("digits/votes.csv").rename("votes.csv")
    Path("digits/votes.csv").symlink_to("../votes.csv")
    before = {path: path.read_bytes() for path in Path("digits").iterdir()}
    error = message_of(run(*argv, f"digits/{output}", "--benchmark", "digits", "--force"))
    fix = "choose another name or folder" + (f", such as {instead}" if instead else "")
    if instead is None:
        existing_file = Path(output).stem + ".csv"
        fix = f"overwrite {existing_file} (--force), or remove {existing_file} first"
    error_field = f"  found:   {existing_file}\n" if instead is None else ""
    assert error == (
        f"Error: {what.format(Path(output).stem)}\n  where:   digits/{output}\n{error_field}  fix:     {fix}\n"
    )
    assert {path: path.read_bytes() for path in Path("digits").iterdir()} == before


def test_figure_can_be_named_like_a_part(folder: Path, run: Runner) -> None:
    write_parts(folder)
    assert run("curve", "-o", "digits/scores.svg", "--benchmark", "digits").code == 0
    assert run("curve", "--benchmark", "digits").code == 0


def test_path_of_the_image_folder_is_removed_from_names(
    by_name: Callable[[bool], CachedResults], tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file spells image paths differently; the results of all commands are equal."""
    folder = tmp_path / "mixed"
    write_all(folder, NAMES.__getitem__)
    spellings = (
        *("digits/images/{}", "images/{}", "{folder}/digits/images/{}", "{}"),
        *("./digits/images/{}", "../mixed/digits/images/{}", "./images/{}", "./{}"),
    )
    for way, (file, (headings, rows)) in zip(cycle(spellings), draw().items(), strict=False):
        renamed_rows = [(way.format(image, folder=folder), NAMES[class_id], *rest) for image, class_id, *rest in rows]
        write_csv(folder / file, headings, renamed_rows)
    _, numbers = by_name(False)
    assert all_numbers(folder, run, monkeypatch, False) == numbers
    assert numbers["evaluate"][0]["scorable"] > 100


def test_match_in_benchmark_json_joins_votes_and_golden_answers(
    by_name: Callable[[bool], CachedResults], tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without suffixes join by stem; results are equal, and outputs have full image names."""
    write_all(tmp_path, NAMES.__getitem__)
    (tmp_path / "digits/benchmark.json").write_text('{"match": "stem"}')
    for file in ("votes.csv", "golden.csv"):
        path = tmp_path / "digits" / file
        path.write_text(path.read_text().replace(".png", ""))
    numbers = all_numbers(tmp_path, run, monkeypatch, False)
    assert numbers == joined_by_stem(by_name(False)[1])
    assert set(read_scores(tmp_path / "digits/scores.csv").questions.images) <= set(IMAGES)


def joined_by_stem(numbers: Any) -> Any:
    return json.loads(json.dumps(numbers).replace("joined by path", "joined by stem"))


@pytest.mark.parametrize("command", ["evaluate", "compare", "report"])
def test_match_option_joins_all_files(
    command: str, by_name: Callable[[bool], CachedResults], tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --match stem, files without suffixes give equal results."""
    folder, numbers = by_name(False)
    shutil.copytree(folder, tmp_path / "stems")
    monkeypatch.chdir(tmp_path / "stems")
    for file in ("original", "votes", "golden", "scores"):
        path = Path(f"digits/{file}.csv")
        path.write_text(path.read_text().replace(".png", ""))
    report_options = ("--force",) if command == "report" else ()
    match_results = results_of(run, *COMMANDS[command], "--benchmark", "digits", "--match", "stem", *report_options)
    expected = joined_by_stem(numbers[command])
    if command == "report":
        del match_results["bytes"]
    if command == "compare":  # the method is recorded with the hash of the scores, which were changed
        assert "made by stacking" in expected.pop("label_uncertainty_reason")
        del match_results["label_uncertainty_reason"]
    assert match_results == expected


def write_parts(folder: Path) -> None:
    """Write all parts of a benchmark except images, with class names."""
    write_all(folder, NAMES.__getitem__)
    shutil.rmtree(folder / "digits/images")
    rows = [(image, NAMES[class_id]) for image, class_id in draw()["digits/original.csv"][1]]
    write_csv(folder / "digits/labels.csv", "image,class", rows)
    votes = [(image, NAMES[class_id], *vote) for image, class_id, *vote in draw()["digits/votes.csv"][1]]
    pairs = dict.fromkeys((image, name) for image, name, *_ in votes)
    write_csv(folder / "digits/scores.csv", "image,class,score", [(*pair, 0.9) for pair in pairs])
    golden = {(image, NAMES[class_id]) for image, class_id, *_ in draw()["digits/golden.csv"][1]}
    write_csv(folder / "digits/rater-golden.csv", VOTES, [vote for vote in votes if vote[:2] in golden])


# First file: commands that join it with a second file.
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
def test_commands_reject_file_without_matching_images(
    first: str, command: str, part: str, folder: Path, run: Runner
) -> None:
    """The error names both files, and a --match that joins them."""
    write_parts(folder)
    path = Path(f"digits/{part}.csv")
    path.write_text(path.read_text().replace(".png", ".jpg"))
    quick = {"curve": ["curve"], "report": ["report", "good.csv", "--chart", "label-count", "-o", "chart.svg"]}
    argv = quick.get(command, COMMANDS[command])
    argv = [*(word.replace("digits/", "") for word in argv), "--benchmark", "digits", "--quiet"]
    error = message_of(run(*argv))
    assert error.startswith(
        "Error: two files have no image in common\n"
        f"  where:   digits/{first}.csv ({first}) and digits/{part}.csv ({part})\n"
    )
    assert error.endswith(
        '\n  fix:     the names match by stem; use --match stem, or "match": "stem" in benchmark.json\n'
    )
    assert run(*argv, "--match", "stem").code == 0


def test_compared_label_sets_are_joined_by_the_benchmark(folder: Path, run: Runner) -> None:
    write_parts(folder)
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
    assert results_of(run, "labels", *pair, "--match", "stem")[0]["images"] == len(IMAGES)
    Path("digits/benchmark.json").write_text('{"match": "stem"}')
    assert results_of(run, "labels", *pair, "--benchmark", "digits")[0]["images"] == len(IMAGES)
