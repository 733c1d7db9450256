"""`reassess predict` on images of known colours."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reassess import ModelSource
from tests.helpers import Runner, document_of, output_of, picture, results_of, write_files

pytestmark = pytest.mark.usefixtures("report_extra")

CODE = """
import numpy as np

def scores(pictures):
    numbers = [round(picture.getpixel((0, 0))[0] / 20) for picture in pictures]
    return np.array([[number % 3 == k for k in range(3)] for number in numbers], float)

def twice(pictures):
    return 2 * scores(pictures)

def four(pictures):
    return np.tile(np.arange(4.0), (len(pictures), 1))
"""
FILES = {"cat/3.png": 3, "cat/6.png": 6, "dog/1.png": 1, "fox/2.png": 2, "fox/é b.png": 5}


@pytest.fixture
def pets(folder: Path) -> Iterator[Path]:
    """A benchmark with class folders, and a model that is always correct."""
    write_files(folder, {f"pets/images/{name}": picture(number, "PNG") for name, number in FILES.items()})
    write_files(folder, {"pet_models.py": CODE})
    yield folder
    sys.modules.pop("pet_models", None)


MODEL = "python:pet_models:scores"


def test_predictions_can_be_evaluated(pets: Path, run: Runner) -> None:
    assert output_of(run("predict", MODEL, "--benchmark", "pets", "--workers", "0", "-o", "model.npy")) == (
        "5 images; the run needs 60 bytes of disk space, with temporary files\n"
        "model                      images   unreadable   outputs\n"
        "────────────────────────────────────────────────────────\n"
        "python:pet_models:scores        5            0         3\n"
        "model.npy: float16 scores of 5 images; image names: model.txt\n"
        "columns of npy files: the benchmark's classes, in their order\n"
        "next: reassess clean model.npy --benchmark pets -o wrong.csv --page wrong.html\n"
    )
    write_files(pets, {"pets/labels.csv": "image,class\n" + "".join(f"{n},{n.split('/')[0]}\n" for n in FILES)})
    argv = ("model.npy", "--names", "model.txt", "--benchmark", "pets")
    (evaluated,) = results_of(run, "evaluate", *argv)
    assert evaluated["real"]["1"] == evaluated["original"]["1"]
    assert (evaluated["real"]["1"]["hits"], evaluated["real"]["1"]["n"]) == (5, 5)


def test_unreadable_images_are_listed(pets: Path, run: Runner) -> None:
    write_files(pets, {f"pets/images/cat/x{n:02d}.png": b"" for n in range(12)})
    argv = ("predict", MODEL, "--benchmark", "pets", "--workers", "0", "-o", "model.npy")
    result = run(*argv)
    lines = result.out.splitlines()
    assert lines[3].split() == [MODEL, "5", "12", "3"]
    assert lines[5:8] == [
        "the first 10 of 12 unreadable images (--verbose shows all)",
        "image         reason",
        "───────────────────────────",
    ]
    assert lines[8:18] == [f"cat/x{n:02d}.png   file is empty" for n in range(10)]
    assert lines[18] == "model.npy: float16 scores of 5 images; image names: model.txt"


@pytest.mark.parametrize("argv", [("predict", MODEL), ("scan",)])
def test_unreadable_images_are_counted_once(pets: Path, run: Runner, argv: tuple[str, ...]) -> None:
    images = {"scan": ("pets/images",), "predict": ("--images", "pets/images", "--benchmark", "pets")}[argv[0]]
    write_files(pets, {"pets/images/cat/1.heic": b"", "pets/images/fox/notes.txt": b"", "pets/images/fox/2.HEIC": b""})
    result = run(*argv, *images, "--workers", "0", "-o", "out.csv")
    warning = "Warning: pets/images: skipped 2 images in unsupported formats: 2 .heic\n"
    assert (result.code, result.err) == (0, warning)


def test_outputs_in_another_order_need_a_class_list(pets: Path, run: Runner) -> None:
    argv = ("predict", "python:pet_models:four", "--benchmark", "pets", "--workers", "0", "-o", "model.npy")
    assert run(*argv).err == (
        "Error: wrong number of outputs\n  where:   python:pet_models:four\n"
        "  allowed: 3, as many as there are classes of the benchmark\n  found:   4\n"
        "  fix:     name the class of each output with --classes FILE, one wnid or name per line\n"
    )
    write_files(pets, {"outputs.txt": "fox\n-\ncow\ndog\n"})
    result = run(*argv, "--classes", "outputs.txt")
    assert result.out.splitlines()[1] == (
        "python:pet_models:four: 1 name of outputs is not a class, so these outputs are not used: 'cow'"
    )
    assert result.out.splitlines()[-3] == "model.npy: 2 outputs are not classes; 1 class has no output"
    assert np.load("model.npy")[0].tolist() == [-np.inf, 3, 0]


@pytest.mark.parametrize("names", ["fxo\n-\ncow\ndog\n", "fox\nfoxx\ncat\ndog\n", "cat\ncat\ndogg\ndog\n"])
def test_misspelt_output_is_an_error(pets: Path, run: Runner, names: str) -> None:
    """Unless the class has its own output, and outputs are not summed: lists may name classes of no interest."""
    write_files(pets, {"outputs.txt": names})
    argv = ("python:pet_models:four", "--benchmark", "pets", "--workers", "0", "-o", "model.npy")
    result = run("predict", *argv, "--classes", "outputs.txt")
    if "foxx" in names:
        assert "1 name of outputs is not a class" in output_of(result)
    else:
        assert result.error == "unknown-class"
        assert "\n  where:   outputs.txt (for python:pet_models:four)\n" in result.err
        assert "(did you mean " in result.err


def test_each_model_has_its_own_output(pets: Path, run: Runner) -> None:
    write_files(pets, {"outputs.txt": "fox\n-\ncow\ndog\n", "pets/images/cat/x.png": b""})
    argv = ["predict", MODEL, "python:pet_models:four", "--classes", "python:pet_models:four=outputs.txt"]
    argv += ["--benchmark", "pets", "--workers", "0", "-o", "models"]
    models = results_of(run, *argv)["models"]
    one, four = models
    assert (one["model"], one["file"]) == (MODEL, "models/python-pet_models-scores.npy")
    assert one["unreadable"] == four["unreadable"] == [{"image": "cat/x.png", "reason": "file is empty"}]
    counts = ("images", "outputs", "without_class", "without_output", "unknown_outputs", "moved")
    assert [one[name] for name in counts] == [5, 3, 0, 0, [], 0]
    assert [four[name] for name in counts] == [5, 4, 2, 1, ["cow"], 0]
    assert np.load("models/python-pet_models-scores.npy")[0].tolist() == [1, 0, 0]
    assert run(*argv, "--force").out.count("cat/x.png") == 1, "what no model can read is listed once"


def test_next_command_evaluates_all_models(pets: Path, run: Runner) -> None:
    write_files(pets, {"pets/labels.csv": "image,class\n" + "".join(f"{n},{n.split('/')[0]}\n" for n in FILES)})
    argv = ("predict", MODEL, "python:pet_models:twice", "--benchmark", "pets", "--workers", "0", "-o", "models")
    following = document_of(run(*argv, "--json"), "predict")["next"].split()
    assert following[:2] == ["reassess", "evaluate"]
    evaluated = results_of(run, *following[1:])
    assert [each["real"]["1"]["hits"] for each in evaluated] == [5, 5]


def test_document_names_input_files(pets: Path, run: Runner) -> None:
    write_files(pets, {"outputs.txt": "cat\ndog\nfox\n"})
    result = run(
        *("predict", MODEL, "--images", "pets/images", "--classes", "outputs.txt", "--workers", "0", "-o", "m.npy"),
        "--json",
    )
    document = document_of(result, "predict")
    assert [(entry["name"], entry["path"]) for entry in document["inputs"]] == [("classes", "outputs.txt")]


def test_interrupted_run_is_continued(pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ("predict", MODEL, "--benchmark", "pets", "--workers", "0", "--batch-size", "2", "-o", "model.npy")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reassess.proposals.model_runs.write_output_file", interrupt)
    stopped = run(*argv)
    assert (stopped.code, Path("model.npy").exists()) == (130, False)
    assert (
        stopped.err
        == "\nStopped.\nmodel.npy.unfinished contains the finished part; run the same command again to continue.\n"
    )
    monkeypatch.undo()
    monkeypatch.chdir(pets)
    assert run(*argv[:-4], "--batch-size", "3", "-o", "model.npy").err == (
        "Error: unfinished run has other settings\n  where:   model.npy.unfinished\n"
        "  found:   batch_size: 2 before, 3 now\n"
        "  fix:     use the same settings to continue, or delete the finished part and start again: rm -r "
        "model.npy.unfinished\n"
    )
    assert run(*argv).out.splitlines()[1] == "model.npy.unfinished: continues after 1 of 1 shard"


def test_file_for_all_models_is_used_where_it_applies(pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    sources: list[ModelSource] = []
    monkeypatch.setattr(
        "reassess.cli.commands.predict_command.run_models",
        lambda model_sources, *_, **__: sources.extend(model_sources) or [],
    )
    write_files(pets, {"w.pth": b"", "t.toml": b"", "m.onnx": b"", "c.txt": "cat\n"})
    files = ("--checkpoint", "w.pth", "--transform", "t.toml", "--classes", "c.txt")
    run("predict", MODEL, "timm:a", "onnx:m.onnx", *files, "-o", "out")
    assert [(source.checkpoint, source.transform, source.outputs) for source in sources] == [
        (None, None, ["cat"]),
        (Path("w.pth"), Path("t.toml"), ["cat"]),
        (None, Path("t.toml"), ["cat"]),
    ]


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        ("predict", 2, "Missing argument 'MODEL...'"),
        (f"predict {MODEL}", 2, "Missing option '-o' / '--output'"),
        (
            f"predict {MODEL} -o m.npy",
            1,
            "no images were given\n  fix:     --images PLACE, or use a benchmark that contains images",
        ),
        (f"predict {MODEL} -o m.npy --images none", 1, "folder, archive or list of images not found\n  where:   none"),
        (f"predict {MODEL} -o m.npy --images pets/images --device cpu", 1, "a Python function takes no device"),
        (f"predict {MODEL} onnx:m.onnx -o m --images pets/images --checkpoint {MODEL}=w", 1, "function takes no check"),
        (f"predict {MODEL} -o pets/images/m.npy --benchmark pets", 1, "output file would be among the images"),
        (f"predict {MODEL} {MODEL} -o m --images pets/images", 1, f"model is named twice\n  found:   {MODEL}"),
        (f"predict {MODEL} -o m.npy --images pets/images --classes a --classes b", 2, "--classes is given twice for"),
        (
            f"predict {MODEL} onnx:m.onnx -o m --images pets/images --classes python:m:h=c.txt",
            2,
            f"--classes is given for python:m:h, which is not one of {MODEL}, onnx:m.onnx.",
        ),
        (
            f"predict {MODEL} {MODEL}s -o m.csv --images pets/images",
            1,
            "output path must be a folder for several models",
        ),
        (
            f"predict {MODEL} -o pets/scores.npy --benchmark pets",
            1,
            "in a benchmark folder, the name scores is kept for another part\n  where:   pets/scores.txt",
        ),
    ],
)
def test_wrong_call_is_an_error(pets: Path, run: Runner, argv: str, code: int, expected: str) -> None:
    result = run(*argv.split(" "))
    assert result.code == code
    assert expected in result.err
    assert not list(pets.rglob("*.unfinished"))


def test_terminal_shows_progress(pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    result = run("predict", MODEL, "--benchmark", "pets", "--workers", "0", "--batch-size", "2", "-o", "model.npy")
    assert result.code == 0
    terminal_text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", result.err)
    assert re.search(r"python:pet_models:scores .*5/5 [\d,.]+ per second 0:00:00", terminal_text)


def test_image_list_is_not_overwritten(pets: Path, run: Runner) -> None:
    names = "\n".join(str(path) for path in sorted(Path("pets/images").rglob("*.png")))
    Path("list.txt").write_text(names)
    result = run("predict", MODEL, "--images", "list.txt", "-o", "list.npy", "--workers", "0", "--force")
    assert (result.code, Path("list.txt").read_text()) == (1, names)
    assert result.err.startswith("Error: output file is also an input\n  where:   list.txt\n")


def test_class_table_sums_outputs(pets: Path, run: Runner) -> None:
    argv = ["python:pet_models:four", "--benchmark", "pets", "--classes", "outputs.csv", "-o", "model.npy"]
    Path("outputs.csv").write_text('output,class\n1-2,dog\n\n3,"cat"\n0,fox\n')
    lines = output_of(run("predict", *argv)).splitlines()
    assert lines[-3] == (
        "model.npy: float16 probabilities of 5 images, 3 classes (4 outputs, softmax probabilities summed by class); "
        "image names: model.txt"
    )
    assert np.load("model.npy")[0] == pytest.approx([0.6439, 0.3241, 0.0321], abs=1e-3)
    for command in (["evaluate", "--labels", "labels.csv"], ["clean", "-o", "wrong.csv", "--benchmark", "pets"]):
        Path("labels.csv").write_text("image,class\ncat/3.png,cat\n")
        result = run(*command, "model.npy", "--classes", "outputs.csv")
        assert (result.error, "a table of outputs works only with `predict`" in result.err) == ("unused-option", True)
    for line, error in {
        "x,cat": "wrong-row",
        "3-1,cat": "wrong-row",
        "1": "wrong-row",
        "1-2,cat\n2,dog": "duplicate-value",
        "4,cat": "out-of-range",
        "1,fish": "unknown-class",
        "1,dog\n2,cat": "missing-classes",
    }.items():
        Path("outputs.csv").write_text(f"output,class\n{line}\n")
        result = run("predict", *argv, "--force")
        assert (result.error, "\n  where:   outputs.csv" in result.err) == (error, True), line
    Path("outputs.csv").write_text("1-2,dog\n3,cat\n0,fox\n")
    assert run("predict", *argv, "--force").err == (
        "Error: header is missing\n  where:   outputs.csv, line 1\n"
        "  allowed: output,class and lines such as 281-285,cat; or the class of each output, one per line\n"
        "  found:   '1-2,dog'\n  fix:     write output,class into the first line\n"
    )
    Path("outputs.csv").write_text("0,5\ndog\ncat\n-\n")  # a class can be named so
    assert "header" not in run("predict", *argv, "--force").err
    Path("outputs.csv").write_text("cat\ndog\n\ndog\n")
    blank = run("predict", *argv, "--force")
    assert (blank.error, "line 3" in blank.err) == ("missing-value", True)
    write_files(Path(), {f"single/images/only/{number}.png": picture(number, "PNG") for number in range(2)})
    argv[2:5] = ["single", "--classes", "outputs.csv"]
    Path("outputs.csv").write_text("output,class\n0-3,only\n")
    equal = run("predict", *argv, "--force")
    assert equal.error == "duplicate-class"
    assert "  fix:     list the classes in classes.txt of a benchmark folder: --benchmark FOLDER\n" in equal.err
