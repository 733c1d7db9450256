"""`reassess predict`: run models on images."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    make_benchmark_arguments,
    show_progress_bars,
)
from reassess.cli.distributed_runs import (
    dask_option,
    open_executor,
    print_share,
    reject_share_with_cluster,
    share_option,
)
from reassess.cli.help_pages import Command
from reassess.cli.options import benchmark_option, count_usable_cores, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import find_images_path
from reassess.cli.prediction_inputs import select_value_for_name
from reassess.cli.screen import print_table
from reassess.core import Benchmark, find_predefined_benchmark
from reassess.data import has_class_folders, open_images
from reassess.data.shares import RunShare
from reassess.errors import DataError
from reassess.formats.predictions.output_lists import OUTPUT_LIST, read_output_classes
from reassess.proposals import ModelSource, PredictionSummary
from reassess.proposals import predict as run_models
from reassess.proposals.inference import predict_share
from reassess.text import count_noun

_MAX_PRINTED_UNREADABLE = 10
_MAX_WORKERS = 16


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
    "Write the predictions: npy, with a txt file of image names; or csv, tsv, jsonl or parquet, with the 20 best "
    "classes. For several models: a folder, with an npy file for each model.",
)
@click.option(
    "--images",
    type=INPUT_PATH_TYPE,
    metavar="DIR|LIST|ZIP|TAR",
    help="Images: a folder, an archive, or a list of paths (txt, or a table with the column image).  [default: the "
    "benchmark's]",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="[MODEL=]F",
    help="Weights of a timm or torchvision model: pt, pth or safetensors; MODEL=F for one of several models.  "
    "[default: the library's]",
)
@click.option(
    "--transform",
    "transforms",
    multiple=True,
    metavar="[MODEL=]F",
    help="Preprocessing: json or toml with size, crop, mean, deviation and interpolation.  [default: the "
    "model's configuration; ONNX files have none]",
)
@click.option(
    "--classes",
    "class_lists",
    multiple=True,
    metavar="[MODEL=]F",
    help="Class of each output: one wnid or name per line, or a table with the columns output (number or range) and "
    "class. Outputs of the same class are summed.  [default: the benchmark's classes in their order]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    metavar="N",
    help="Images per batch.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Additional processes that decode images; not used for few images.  "
    f"[default: cores - 1, at most {_MAX_WORKERS}]",
)
@click.option("--device", metavar="D", help="Where models run, such as cpu or cuda:1.  [default: a GPU, if available]")
@share_option
@dask_option
@benchmark_option
@add_common_options
def predict(
    run: CommandRun,
    models: tuple[str, ...],
    output: Path,
    images: Path | None,
    checkpoints: Sequence[str],
    transforms: Sequence[str],
    class_lists: Sequence[str],
    batch_size: int,
    workers: int | None,
    device: str | None,
    share: RunShare | None,
    cluster: str | None,
    benchmark: Benchmark | None,
) -> None:
    """Run models on images.

    MODEL is timm:NAME, torchvision:NAME, onnx:FILE, or python:MODULE:FUNCTION, which returns scores for a list of
    images (the code of the module is executed). To continue an interrupted run, repeat the command.
    """
    reject_share_with_cluster(share, cluster, workers)
    for kind in dict.fromkeys(model.partition(":")[0] for model in models):
        if kind in ("onnx", "timm", "torchvision"):
            check_packages(kind, f"{kind} models")
    check_packages("scan", "reading images")
    run.add_outputs(output, *([output.with_suffix(".txt")] if output.suffix.lower() == ".npy" else []))
    class_list_files: dict[str, Path] = {}
    sources = [
        _make_model_source(run, model, models, checkpoints, transforms, class_lists, class_list_files)
        for model in models
    ]
    if images is None and benchmark is not None:
        find_images_path(run, benchmark, needed_by="predict")
    if images is not None and images.is_file():
        run.add_input("images", images)
    options: dict[str, Any] = {
        "images": images,
        "benchmark": benchmark,
        "batch_size": batch_size,
        "workers": min(count_usable_cores() - 1, _MAX_WORKERS) if workers is None else workers,
        "device": device,
        "force": run.force,
        "report": run.print_progress_line,
    }
    with (
        open_executor(cluster) as executor,
        show_progress_bars(run) as progress,
        _add_class_list_file_to_errors(class_list_files),
    ):
        if share is not None:
            counts = predict_share(sources, output, share, progress=progress, **options)
            print_share(run, "predict", share, output, counts)
            return
        results = run_models(sources, output, executor=executor, progress=progress, **options)
    files = [result.file for result in results]
    if benchmark is None:
        known_benchmark_name = find_predefined_benchmark(open_images(images).names).name if images is not None else ""
        run.suggest_command("evaluate", *files, *([] if known_benchmark_name else ["--labels", "labels.csv"]))
    elif "labels" in benchmark.sources:
        run.suggest_command("evaluate", *files, *make_benchmark_arguments(benchmark))
    elif "original" in benchmark.sources or has_class_folders(benchmark):
        page = ["--page", find_unused_path("wrong.html")] if "images" in benchmark.sources else []
        run.suggest_command(
            "clean", *files, *make_benchmark_arguments(benchmark), "-o", find_unused_path("wrong.csv"), *page
        )
    else:
        run.suggest_command(
            "propose", *files, *make_benchmark_arguments(benchmark), "-o", find_unused_path("proposals.csv")
        )
    if run.json:
        run.print_json("predict", {"models": [_to_json(result) for result in results]})
    else:
        _print_predictions(run, results, has_classes=benchmark is not None)


def _make_model_source(
    run: CommandRun,
    model: str,
    models: Sequence[str],
    checkpoints: Sequence[str],
    transforms: Sequence[str],
    class_lists: Sequence[str],
    class_list_files: dict[str, Path],  # by model
) -> ModelSource:
    """Return a model with its files. Add the files to the inputs, and a class list to `class_list_files`."""
    files = {}
    for option, values in (("checkpoint", checkpoints), ("transform", transforms), ("classes", class_lists)):
        models_with_option = [source_name for source_name in models if ModelSource(source_name).takes_option(option)]
        if models_with_option and model not in models_with_option:  # a file for all models is not for this model
            values = [text for text in values if text.startswith(f"{model}=")]
        path = select_value_for_name(model, models, values, f"--{option}")
        files[option] = None if path is None else run.add_input(option, Path(path))
    if model.startswith("onnx:"):
        run.add_input("model", Path(model.removeprefix("onnx:")))
    outputs = (
        None if files["classes"] is None else read_output_classes(class_list_files.setdefault(model, files["classes"]))
    )
    return ModelSource(model, checkpoint=files["checkpoint"], transform=files["transform"], outputs=outputs)


@contextmanager
def _add_class_list_file_to_errors(class_list_files: Mapping[str, Path]) -> Iterator[None]:
    """In the `with` block, add the file name of a model's class list to errors about the class list."""
    try:
        yield
    except DataError as error:
        model, _, rest = str(error.where).partition(f", {OUTPUT_LIST}")
        if model in class_list_files:
            error.where = f"{class_list_files[model]}{rest} (for {model})"
        raise


def _to_json(result: PredictionSummary) -> dict[str, Any]:
    unreadable = [{"image": image, "reason": reason} for image, reason in result.unreadable]
    return {
        "model": result.model,
        "file": str(result.file),
        "images": result.n_images,
        "unreadable": unreadable,
        "outputs": result.n_outputs,
        "summed": result.has_summed_outputs,
        "softmax": result.has_softmax_before_sum,
        "without_class": result.n_outputs_without_class,
        "without_output": result.n_classes_without_output,
        "classes": result.n_classes,
        "unknown_outputs": result.unknown_outputs,
        "moved": result.n_top1_changed_by_rounding,
    }


def _print_predictions(run: CommandRun, results: Sequence[PredictionSummary], *, has_classes: bool) -> None:
    rows = [
        [result.model, f"{result.n_images:,}", f"{len(result.unreadable):,}", f"{result.n_outputs:,}"]
        for result in results
    ]
    print_table(["model", "images", "unreadable", "outputs"], rows)
    lists = dict.fromkeys(result.unreadable for result in results if result.unreadable)
    for unreadable in lists:
        models = [result.model for result in results if result.unreadable == unreadable]
        click.echo()
        limit = run.limit_printed_rows(len(unreadable), _MAX_PRINTED_UNREADABLE, "unreadable images")
        title = None if len(lists) == 1 else f"unreadable for {', '.join(models)}"
        print_table(["image", "reason"], unreadable[:limit], title=title, n_text_columns=2)
    if has_classes and any(result.file.suffix.lower() == ".npy" for result in results):
        run.add_note("columns of npy files: the benchmark's classes, in their order")
    for result in results:
        run.print_line(f"{result.file}: {_describe_contents(result)}")
        if remarks := _describe_caveats(result):
            run.print_line(f"{result.file}: {remarks}")


def _describe_contents(result: PredictionSummary) -> str:
    images = count_noun(result.n_images, "image")
    summed = ""
    if result.has_summed_outputs:
        summed = (
            f", {count_noun(result.n_classes, 'class', 'classes')} ({count_noun(result.n_outputs, 'output')}, "
            f"{'softmax probabilities' if result.has_softmax_before_sum else 'probabilities'} summed by class)"
        )
    if result.file.suffix.lower() != ".npy":
        return f"the best classes of {images}, with scores{summed}"
    scores = "probabilities" if result.has_summed_outputs else "scores"
    return f"float16 {scores} of {images}{summed}; image names: {result.file.with_suffix('.txt')}"


def _describe_caveats(result: PredictionSummary) -> str:
    phrases = []
    if result.n_outputs_without_class:
        phrases.append(count_noun(result.n_outputs_without_class, "output is not a class", "outputs are not classes"))
    if result.n_classes_without_output:
        phrases.append(count_noun(result.n_classes_without_output, "class has no output", "classes have no output"))
    if result.n_top1_changed_by_rounding:
        images = count_noun(result.n_top1_changed_by_rounding, "image")
        phrases.append(f"rounding scores to float16 changed the best class of {images}")
    return "; ".join(phrases)
