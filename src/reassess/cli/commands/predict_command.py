"""`reassess predict`: run models on images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reassess.cli.call import FILE, Call, benchmark_words, call_options, counting, free_name
from reassess.cli.help_pages import Command
from reassess.cli.options import benchmark_option, output_option, usable_cores
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import images_path
from reassess.cli.prediction_inputs import own_value
from reassess.cli.screen import print_table
from reassess.core import Benchmark, benchmark_of
from reassess.data import has_class_folders, open_images
from reassess.errors import DataError
from reassess.formats.predictions.output_lists import OUTPUT_LIST, read_output_classes
from reassess.proposals import ImagePredictions, ModelSource
from reassess.proposals import predict as run_models
from reassess.text import counted

_MOST_UNREADABLE = 10
_MOST_WORKERS = 16


@click.command(
    cls=Command,
    docs="docs/predict.md",
    examples=[
        "reassess predict python:brightness:scores --images photos -o brightness.npy",
        "reassess predict timm:resnet18 --checkpoint resnet18.pth --benchmark pets -o resnet18.parquet",
    ],
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@output_option(
    "OUT",
    "Write the predictions: npy, with the image names beside it; or csv, tsv, jsonl or parquet, with the 20 best "
    "classes. For several models, a folder with an npy file for each.",
)
@click.option(
    "--images",
    type=FILE,
    metavar="DIR|LIST|ZIP|TAR",
    help="The images: a folder, an archive, or a list of paths (txt, or a table with a column image).  [default: the "
    "benchmark's]",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="[MODEL=]F",
    help="The weights of a model of timm or torchvision: pt, pth or safetensors; MODEL=F for one of several models.  "
    "[default: the library's]",
)
@click.option(
    "--transform",
    "transforms",
    multiple=True,
    metavar="[MODEL=]F",
    help="Preprocessing: json or toml with size, crop, mean, deviation and interpolation.  [default: as "
    "in the model's configuration; ONNX files have none]",
)
@click.option(
    "--classes",
    "class_lists",
    multiple=True,
    metavar="[MODEL=]F",
    help="Class of each output: one wnid or name per line, or a table headed output,class with numbers or ranges; "
    "outputs of one class are summed.  [default: the benchmark's classes in their order]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="Images that a model gets at once.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help=f"Processes that decode images, if there are many.  [default: cores - 1, {_MOST_WORKERS} at most]",
)
@click.option(
    "--device", metavar="D", help="Where models run, such as cpu or cuda:1.  [default: a GPU if there is one]"
)
@benchmark_option
@call_options
def predict(
    call: Call,
    models: tuple[str, ...],
    output: Path,
    images: Path | None,
    checkpoints: Sequence[str],
    transforms: Sequence[str],
    class_lists: Sequence[str],
    batch_size: int,
    workers: int | None,
    device: str | None,
    benchmark: Benchmark | None,
) -> None:
    """Run models on images.

    MODEL is timm:NAME, torchvision:NAME, onnx:FILE or python:MODULE:FUNCTION, which returns the scores of a list of
    images; the code of the module runs. An interrupted run goes on if the command is called again.
    """
    for kind in dict.fromkeys(model.partition(":")[0] for model in models):
        if kind in ("onnx", "timm", "torchvision"):
            check_packages(kind, f"models of {kind}")
    check_packages("scan", "reading images")
    call.note_outputs(output, *([output.with_suffix(".txt")] if output.suffix.lower() == ".npy" else []))
    lists: dict[str, Path] = {}
    sources = [_source(call, model, models, checkpoints, transforms, class_lists, lists) for model in models]
    if images is None and benchmark is not None:
        images_path(call, benchmark, needed_by="predict")
    if images is not None and images.is_file():
        call.read("images", images)
    with counting(call) as progress, _in_lists(lists):
        results = run_models(
            sources,
            output,
            images=images,
            benchmark=benchmark,
            batch_size=batch_size,
            workers=min(usable_cores() - 1, _MOST_WORKERS) if workers is None else workers,
            device=device,
            force=call.force,
            tell=call.tell_first,
            progress=progress,
        )
    files = [result.file for result in results]
    if benchmark is None:
        are_known = benchmark_of(open_images(images).names).name if images is not None else ""
        call.next("evaluate", *files, *([] if are_known else ["--labels", "labels.csv"]))
    elif "labels" in benchmark.sources:
        call.next("evaluate", *files, *benchmark_words(benchmark))
    elif "original" in benchmark.sources or has_class_folders(benchmark):
        page = ["--page", free_name("wrong.html")] if "images" in benchmark.sources else []
        call.next("clean", *files, *benchmark_words(benchmark), "-o", free_name("wrong.csv"), *page)
    else:
        call.next("propose", *files, *benchmark_words(benchmark), "-o", free_name("proposals.csv"))
    if call.json:
        call.print_document("predict", {"models": [_to_json(result) for result in results]})
    else:
        _print(call, results, has_classes=benchmark is not None)


def _source(
    call: Call,
    model: str,
    models: Sequence[str],
    checkpoints: Sequence[str],
    transforms: Sequence[str],
    class_lists: Sequence[str],
    lists: dict[str, Path],
) -> ModelSource:
    """A model with its files, which are noted as inputs; `lists` gets its list of outputs."""
    files = {}
    for option, given in (("checkpoint", checkpoints), ("transform", transforms), ("classes", class_lists)):
        takers = [each for each in models if ModelSource(each).takes(option)]
        if takers and model not in takers:  # what is given for all is not for this one
            given = [text for text in given if text.startswith(f"{model}=")]
        path = own_value(model, models, given, f"--{option}")
        files[option] = None if path is None else call.read(option, Path(path))
    if model.startswith("onnx:"):
        call.read("model", Path(model.removeprefix("onnx:")))
    outputs = None if files["classes"] is None else read_output_classes(lists.setdefault(model, files["classes"]))
    return ModelSource(model, checkpoint=files["checkpoint"], transform=files["transform"], outputs=outputs)


@contextmanager
def _in_lists(lists: Mapping[str, Path]) -> Iterator[None]:
    """Name the file in errors about a model's list of outputs."""
    try:
        yield
    except DataError as error:
        model, _, rest = str(error.where).partition(f", {OUTPUT_LIST}")
        if model in lists:
            error.where = f"{lists[model]}{rest} (for {model})"
        raise


def _to_json(result: ImagePredictions) -> dict[str, Any]:
    unreadable = [{"image": image, "reason": reason} for image, reason in result.unreadable]
    return {**vars(result), "file": str(result.file), "unreadable": unreadable}


def _print(call: Call, results: Sequence[ImagePredictions], *, has_classes: bool) -> None:
    rows = [[one.model, f"{one.images:,}", f"{len(one.unreadable):,}", f"{one.outputs:,}"] for one in results]
    print_table(["model", "images", "unreadable", "outputs"], rows)
    lists = dict.fromkeys(one.unreadable for one in results if one.unreadable)
    for unreadable in lists:
        models = [one.model for one in results if one.unreadable == unreadable]
        click.echo()
        shown = call.first_rows(len(unreadable), _MOST_UNREADABLE, "unreadable images")
        title = None if len(lists) == 1 else f"unreadable for {', '.join(models)}"
        print_table(["image", "reason"], unreadable[:shown], title=title, text_columns=2)
    if has_classes and any(one.file.suffix.lower() == ".npy" for one in results):
        call.note("columns of npy files: the benchmark's classes, in its order")
    for one in results:
        call.tell(f"{one.file}: {_contents(one)}")
        if remarks := _remarks(one):
            call.tell(f"{one.file}: {remarks}")


def _contents(result: ImagePredictions) -> str:
    images = counted(result.images, "image")
    summed = ""
    if result.summed:
        summed = (
            f", {counted(result.classes, 'class', 'classes')} ({counted(result.outputs, 'output')}, "
            f"{'their softmax' if result.softmax else 'probabilities'} summed by class)"
        )
    if result.file.suffix.lower() != ".npy":
        return f"the best classes of {images}, with their scores{summed}"
    scores = "probabilities" if result.summed else "scores"
    return f"float16 {scores} of {images}{summed}, named in {result.file.with_suffix('.txt')}"


def _remarks(result: ImagePredictions) -> str:
    parts = []
    if result.without_class:
        parts.append(counted(result.without_class, "output is not a class", "outputs are not classes"))
    if result.without_output:
        parts.append(counted(result.without_output, "class has no output", "classes have no output"))
    if result.moved:
        images = counted(result.moved, "image")
        parts.append(f"{images} with another best class, since float16 rounds scores")
    return "; ".join(parts)
