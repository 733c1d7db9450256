"""Read the data that models are evaluated with: labels, scores, votes and golden answers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import label_sets, with_golden_votes
from reassess.cli.command_run import CommandRun, reject_repeated_files
from reassess.cli.part_inputs import NO_SOURCE, BenchmarkPartReader, apply_match_option, require_part
from reassess.core import (
    IMAGENET,
    USUAL_THRESHOLD,
    Benchmark,
    Classes,
    DataWithClasses,
    JudgedMistakes,
    LabelSets,
    MultiLabels,
    Predictions,
    Scores,
    Votes,
    classes_of,
)
from reassess.core.common_classes import class_ids_of
from reassess.data import (
    SOURCES,
    are_scores_from_golden,
    find_all_files_of_source,
    label_set_name,
    to_benchmark_names,
)
from reassess.errors import DataError, Fix, ReassessError, UnreadableFileError, add_error_place
from reassess.evaluation import Outcomes, find_outcomes
from reassess.evaluation.evaluation_words import describe_missing_class_names
from reassess.formats import read_judged_mistakes
from reassess.text import count_noun, join_first

_ORIGINAL_FIX = "give --benchmark FOLDER, or --original FILE; or --original none, if there are no original labels"


@dataclass(frozen=True)
class EvaluationInputs:
    """The data that models are evaluated with: label sets, and other parts of the benchmark."""

    benchmark: Benchmark
    is_imagenet_by_default: bool  # whether the benchmark is ImageNet because no option names labels or a benchmark
    files: Mapping[str, Path]  # the file of each part
    class_file: Path | None  # the first file that contains a class
    label_sets: dict[float | str | None, LabelSets]  # by threshold, or by name; the key of a single label set is None
    original: LabelSets | None = None
    scores: Scores | None = None
    votes: Votes | None = None  # of raters; also raters' golden votes, on golden items without other votes
    experts: Votes | None = None  # experts' votes on golden items
    rater_golden_votes: Votes | None = None
    reviewed_labels: MultiLabels | None = None  # a label set that also has unclear, wrong or problematic labels

    @property
    def labels(self) -> LabelSets:
        """The first label set, often the only one."""
        return next(iter(self.label_sets.values()))

    @property
    def keyword_arguments_for_findings(self) -> dict[str, Any]:
        """The keyword arguments of the class `reassess.Findings` that come from these inputs."""
        names = ("benchmark", "original", "scores", "votes", "experts")
        return {name: getattr(self, name) for name in (*names, "rater_golden_votes")}

    @property
    def are_scores_in_sample(self) -> bool | None:
        """Whether the scores were made with the golden answers; None if the files do not tell."""
        if "scores" not in self.files or "golden" not in self.files:
            return None
        return are_scores_from_golden(self.files["scores"], self.files["golden"], benchmark=self.benchmark)

    @property
    def class_names_note(self) -> str | None:
        """A note that tells how to get class names, if they are missing for a known benchmark."""
        return describe_missing_class_names(self.benchmark, self.labels.classes)

    @property
    def threshold(self) -> float:
        """The benchmark's threshold of label sets, or the default threshold."""
        return USUAL_THRESHOLD if self.benchmark.threshold is None else self.benchmark.threshold

    def add_class_tables_to_inputs(self, run: CommandRun) -> None:
        """Add the benchmark's tables of classes, which `reassess.Findings` reads, to the inputs of a command."""
        for part in ("groups", "collapsed"):
            if self.benchmark.folder is not None and part in self.benchmark.sources:
                run.add_input(part, Path(self.benchmark.sources[part]))

    def make_image_matching_arguments(self, run: CommandRun) -> dict[str, Any]:
        """Return the arguments of `reassess.find_outcomes` that say how images are matched by name."""
        return {"match": self.benchmark.match or "path", "ignore_unknown": run.reading_options.ignore_unknown}

    def compute_outcomes(self, predictions: Predictions, labels: LabelSets, **matching_arguments: Any) -> Outcomes:
        """Compute the outcome of each image with one label set, as `reassess.find_outcomes` does.

        With several named label sets, rows without image names are in the order of the first label set. An image is
        known if it is in any of the label sets.
        """
        first_key = next(iter(self.label_sets))
        if isinstance(first_key, str) and predictions.images is None and len(predictions) == len(self.labels):
            detected = f"{predictions.detected_format}, rows in the order of {first_key}"
            predictions = predictions.with_images(self.labels.images, detected_format=detected)
        return find_outcomes(
            predictions,
            labels,
            original=self.original,
            scores=self.scores,
            benchmark=self.benchmark,
            known_image_lists=[label_set.images for label_set in self.label_sets.values()],
            **matching_arguments,
        )


def load_evaluation_inputs(
    run: CommandRun,
    benchmark: Benchmark | None,
    labels: str | Sequence[str] | None,
    original: str | None,
    scores: str | None = None,
    thresholds: tuple[float, ...] | None = None,
    *,
    needs_votes: bool = False,
    needs_labels: bool = True,
) -> EvaluationInputs:
    """Read the parts that models are evaluated with, and convert them to one class list."""
    label_sources = [labels] if isinstance(labels, str) else list(labels or ())
    is_imagenet_by_default = benchmark is None and not label_sources and thresholds is None
    reader = BenchmarkPartReader(run, benchmark)
    if not needs_labels and not label_sources and benchmark is not None and "labels" not in benchmark.sources:
        reader.parts["labels"] = benchmark.folder or Path("labels"), LabelSets.from_lists([], [], reader.classes)
    elif thresholds is None:
        sources: dict[str, str | None] = {"labels": next(iter(label_sources), None)}
        sources |= {f"labels {number}": source for number, source in enumerate(label_sources[1:], 2)}
        with suggest_other_benchmark_in_errors(is_imagenet_by_default):
            paths = {part: require_part(run, benchmark, "labels", source) for part, source in sources.items()}
        reject_repeated_files(paths.values())
        for part, path in paths.items():
            reader.read_part(part, path)
    else:
        reader.read_required("scores", _find_scores_source(label_sources, scores))
    reader.set_benchmark_from_images(reader.images, needs_classes=True)
    with suggest_other_benchmark_in_errors(is_imagenet_by_default):
        if thresholds is None:
            reader.read_optional("scores", scores)
        reader.read_original_labels(original)
        if needs_votes:
            reader.read_optional("votes")
        if needs_votes or "scores" in reader.parts:
            reader.add_golden_parts(None)
        names = label_sources if len(label_sources) > 1 else []
        return _join_evaluation_inputs(reader, is_imagenet_by_default, thresholds, names)


def load_judged_mistakes(run: CommandRun, inputs: EvaluationInputs) -> JudgedMistakes | None:
    """Read the benchmark's judged mistakes, if they are on this computer."""
    source = inputs.benchmark.sources.get("judged")
    if source is None:
        return None
    paths = (find_all_files_of_source(source) or ()) if source in SOURCES else (Path(source),)
    if not paths:
        return None
    for path in paths:
        run.add_input(source if source in SOURCES else "judged", path)
    judged = read_judged_mistakes(*paths, classes=inputs.labels.classes)
    return judged.with_images(to_benchmark_names(judged.questions.images, inputs.benchmark))


def _join_evaluation_inputs(
    reader: BenchmarkPartReader,
    is_imagenet_by_default: bool,
    thresholds: tuple[float, ...] | None,
    label_set_names: Sequence[str],
) -> EvaluationInputs:
    """Convert the parts to one class list. `label_set_names` is empty if there is one label set."""
    parts, files = reader.align_classes_and_images(), reader.files
    _explain_class_source(reader, parts)
    sets: dict[float | str | None, LabelSets]
    if thresholds is None:
        label_parts = [part for part in parts if part.startswith("labels")]
        label_sets_read = (to_evaluation_labels(files[part], parts[part]) for part in label_parts)
        sets = dict(zip(label_set_names or (None,), label_sets_read, strict=True))
    else:
        name = label_set_name(files["scores"])
        sets = {threshold: _make_label_set(parts, threshold, name) for threshold in thresholds}
    single = None if label_set_names else parts.get("labels")
    votes = parts.get("votes")
    return EvaluationInputs(
        benchmark=reader.benchmark,
        is_imagenet_by_default=is_imagenet_by_default,
        files=files,
        class_file=next((path for path, part_data in reader.parts.values() if class_ids_of(part_data).size), None),
        label_sets=sets,
        original=parts.get("original"),
        scores=parts.get("scores"),
        votes=None if votes is None else with_golden_votes(votes, parts.get("rater-golden"), parts.get("golden")),
        experts=parts.get("golden"),
        rater_golden_votes=parts.get("rater-golden"),
        reviewed_labels=single if isinstance(single, MultiLabels) else None,
    )


@contextmanager
def suggest_other_benchmark_in_errors(is_imagenet_by_default: bool) -> Iterator[None]:
    """In the `with` block, errors also suggest the options for another benchmark, if ImageNet is the default."""
    try:
        yield
    except ReassessError as error:
        if (
            is_imagenet_by_default
            and not isinstance(error, UnreadableFileError)
            and error.fix != suggest_other_benchmark()
        ):
            error.fix = Fix.join(
                "; or ", f"for images that are not from ImageNet: {suggest_other_benchmark()}", error.fix
            )
        raise


def suggest_other_benchmark() -> str:
    """Return the options to use if the images are not from ImageNet."""
    command = click.get_current_context().command
    option = "labels" if any(option.name == "labels" for option in command.params) else "original"
    return f"--benchmark FOLDER, or --{option} FILE"


def to_evaluation_labels(file: str | Path, labels: LabelSets | MultiLabels) -> LabelSets:
    """Return the label sets to evaluate models with. From multi-label sets, only take the valid classes."""
    if isinstance(labels, LabelSets):
        return labels
    with add_error_place(file):
        return labels.evaluation_labels


def _make_label_set(parts: Mapping[str, Any], threshold: float, name: str) -> LabelSets:
    return replace(
        label_sets(parts["scores"], threshold, original=parts.get("original")), name=f"{name} at {threshold:g}"
    )


def _explain_class_source(reader: BenchmarkPartReader, parts: Mapping[str, DataWithClasses]) -> None:
    """If there is no class list, add an explanation of which files the class names come from."""
    classes = next((classes_of(part_data) for part_data in parts.values()), Classes())
    if not classes.has_local_ids:
        return
    files = join_first([str(path) for path, part_data in reader.parts.values() if classes_of(part_data).wnids_or_names])
    names = join_first(classes.wnids_or_names, max_items=5)
    count = count_noun(len(classes.wnids_or_names), "class name")
    reader.run.input_explanations.append(
        f"without a class list, the classes are the {count} in {files}, sorted: {names}"
    )


def _find_scores_source(labels: Sequence[str], scores: str | None) -> str | None:
    """Return the source of the scores that labels are made from: the value of --scores or --labels."""
    if labels and scores is not None:
        raise click.UsageError("--threshold makes labels from one file of scores: give either --scores or --labels.")
    if scores == NO_SOURCE:
        raise click.UsageError("With --threshold, labels are made from scores, so --scores cannot be none.")
    return next(iter(labels), None) if scores is None else scores


def load_original_and_golden(
    run: CommandRun, benchmark: Benchmark, original: str | None, golden: str | None, *, needs_golden: bool = False
) -> EvaluationInputs:
    """Read the original labels, if available, and the golden answers, if given or needed."""
    reader = BenchmarkPartReader(run, benchmark)
    reader.read_original_labels(original)
    if golden is not None or needs_golden:
        try:
            path = require_part(run, benchmark, "golden", golden)
        except DataError as error:
            if golden is None:
                error.fix = Fix.join("; or ", "give --golden FILE", error.fix)
            raise
        reader.read_part("golden", path)
    parts = reader.align_classes_and_images() if reader.parts else {}
    return EvaluationInputs(
        benchmark=benchmark,
        is_imagenet_by_default=False,
        files=reader.files,
        class_file=next(iter(reader.files.values()), None),
        label_sets={None: parts.get("original", LabelSets.from_lists([], [], reader.classes))},
        original=parts.get("original"),
        experts=parts.get("golden"),
    )


def load_original_of_benchmark_or_imagenet(
    run: CommandRun,
    benchmark: Benchmark | None,
    original: str | None,
    golden: str | None = None,
    *,
    needs_golden: bool = False,
) -> EvaluationInputs:
    """Read original labels and, with `needs_golden`, golden answers. Without any option, the benchmark is ImageNet."""
    is_imagenet_by_default = benchmark is None and original is None
    benchmark = apply_match_option(run, IMAGENET if is_imagenet_by_default else benchmark or Benchmark())
    inputs = load_original_and_golden(run, benchmark, original, golden, needs_golden=needs_golden)
    if is_imagenet_by_default and inputs.original is None:
        raise DataError(
            "missing-original",
            "original labels are missing",
            fix=f"run `reassess fetch imagenet-original`; or {_ORIGINAL_FIX}",
        )
    return replace(inputs, is_imagenet_by_default=is_imagenet_by_default)
