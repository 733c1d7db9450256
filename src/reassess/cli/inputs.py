"""What the commands read: the labels and scores that judge, with their defaults, and models' predictions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reassess.aggregation.golden import golden_answers, golden_sources
from reassess.aggregation.thresholds import label_sets
from reassess.cli.common import Call, tracked
from reassess.core.benchmark import IMAGENET, Benchmark, benchmark_of, class_folder_order
from reassess.core.image_names import MATCHES
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.data.loading import load_any_labels, load_classes, load_original, load_scores, load_votes
from reassess.errors import DataError, at
from reassess.evaluation.measure import find_outcomes
from reassess.evaluation.outcomes import Outcomes
from reassess.formats.archives import MAX_BYTES
from reassess.formats.files import read_lines
from reassess.formats.predictions import read_predictions
from reassess.formats.predictions.unknown_names import UNKNOWN_CLASS, UnknownClass

__all__ = [
    "FILE",
    "Judges",
    "each_prediction",
    "find_part",
    "golden_options",
    "joining_options",
    "judge_options",
    "load_golden",
    "load_judges",
    "load_predictions",
    "max_bytes_option",
    "part_option",
    "prediction_options",
]

FILE = click.Path(path_type=Path)
_NONE = "none"
_IF_HERE = "if the images are ImageNet's and the file is here"


@dataclass(frozen=True)
class Judges:
    """What models are judged by: one label set, or one for each threshold, and what else is known of the images."""

    benchmark: Benchmark
    cuts: dict[float | None, LabelSets]
    original: LabelSets | None
    scores: Scores | None
    experts: Votes | None
    reviewed: MultiLabels | None = None

    @property
    def labels(self) -> LabelSets:
        """The label sets; of several thresholds, the first."""
        return next(iter(self.cuts.values()))

    def outcomes(self, predictions: Predictions, labels: LabelSets, **joining: Any) -> Outcomes:
        """What happened to each image of one model by one of the label sets; `joining` as `joining_options`."""
        return find_outcomes(
            predictions,
            labels,
            original=self.original,
            scores=self.scores,
            benchmark=self.benchmark,
            **joining,
        )


def load_judges(
    call: Call,
    labels: str | None,
    original: str | None,
    scores: str | None,
    thresholds: tuple[float, ...] | None = None,
    *,
    max_bytes: int,
) -> Judges:
    """Read what models are judged by; label sets that say more than what is valid are `Judges.reviewed` too.

    Parameters
    ----------
    call
        The command's call.
    labels, original, scores
        Names or paths as given, or None for the defaults; original and scores may be "none".
    thresholds
        Cut the label sets from the scores, which may then be given as labels too.
    max_bytes
        Larger archives are refused.
    """
    reviewed = None
    if thresholds is None:
        label_file = call.resolve("labels", IMAGENET.sources["labels"] if labels is None else labels)
        given_labels = load_any_labels(label_file, offline=call.offline)
        reviewed = given_labels if isinstance(given_labels, MultiLabels) else None
        with at(label_file):
            sets = given_labels.judging if isinstance(given_labels, MultiLabels) else given_labels
        benchmark = benchmark_of(sets.images)
        score_file = find_part(call, benchmark, "scores", scores)
        known = None if score_file is None else load_scores(score_file, max_bytes=max_bytes)
    else:
        known = load_scores(call.resolve("scores", _to_cut(labels, scores)), max_bytes=max_bytes)
        benchmark = benchmark_of(known.questions.images)
    original_file = find_part(call, benchmark, "original", original)
    given = None if original_file is None else load_original(original_file)
    if thresholds is None:
        cuts: dict[float | None, LabelSets] = {None: sets}
        if given is not None:
            with at(original_file):
                given = given.in_classes(sets.classes)
    else:
        assert known is not None
        cuts = {cut: label_sets(known, cut, original=given) for cut in thresholds}
        if benchmark.classes.count is not None:
            classes = load_classes(benchmark)
            cuts = {cut: sets.in_classes(classes) for cut, sets in cuts.items()}
    if "classes" in benchmark.sources:
        call.find_all(benchmark.sources["classes"])  # with which the labels were read
    experts = find_part(call, benchmark, "golden", None) if known else None
    return Judges(
        benchmark=benchmark,
        cuts=cuts,
        original=given,
        scores=known,
        experts=None if experts is None else load_votes(experts),
        reviewed=reviewed,
    )


def _to_cut(labels: str | None, scores: str | None) -> str:
    """The scores from which label sets are cut."""
    if labels is not None and scores is not None:
        raise click.UsageError(
            "With --threshold, the labels are cut from the scores: give --scores or --labels, and not both."
        )
    if scores == _NONE:
        raise click.UsageError("With --threshold, the labels are cut from the scores, which cannot be none.")
    return next((given for given in (scores, labels) if given is not None), IMAGENET.sources["scores"])


def find_part(call: Call, benchmark: Benchmark, part: str, given: str | None) -> Path | None:
    """The file of a part of a benchmark: as given, or the benchmark's own if this machine has it; None for "none"."""
    if given == _NONE:
        return None
    if given is not None:
        return call.resolve(part, given)
    source = benchmark.sources.get(part)
    return None if source is None else call.find(source)


def part_option(part: str, text: str, *, condition: str = _IF_HERE) -> Callable[..., Any]:
    """The option for a part of the benchmark: what it is, and its default for ImageNet."""
    default = f"[default: {IMAGENET.sources[part]}, {condition}]"
    return click.option(f"--{part}", metavar="NAME|FILE", help=f"{text}, or none.  {default}")


def judge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say by what images and models are judged."""
    return _with_options(
        command,
        click.option("--labels", metavar="NAME|FILE", help=f"Label sets.  [default: {IMAGENET.sources['labels']}]"),
        part_option("original", "Original labels"),
        part_option("scores", "Scores"),
    )


max_bytes_option = click.option(
    "--max-bytes", type=int, default=MAX_BYTES, show_default=True, help="Refuse larger archives."
)


def prediction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model's predictions are read."""
    return _with_options(
        command,
        click.option("--names", type=FILE, metavar="F", help="The image name of each row, one a line."),
        click.option(
            "--order",
            type=click.Choice(["validation", "class-folder"]),
            help="The order of rows without names, of ImageNet's validation images.",
        ),
        click.option("--classes", type=FILE, metavar="F", help="The class of each output, one wnid or name a line."),
        click.option(
            "--unknown-class",
            type=click.Choice(UNKNOWN_CLASS),
            default="wrong",
            show_default=True,
            help="Predicted names that no class has: count them as wrong, stop, or leave them out.",
        ),
        max_bytes_option,
    )


def joining_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how images are joined: `match` and `ignore_unknown`."""
    return _with_options(
        command,
        click.option(
            "--match",
            type=click.Choice(MATCHES),
            default="path",
            show_default=True,
            help="Which part of a name identifies an image; ImageNet's validation images are known by number.",
        ),
        click.option("--ignore-unknown", is_flag=True, help="Count images that are not known instead of stopping."),
    )


def golden_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say on which golden items raters are measured."""
    return _with_options(
        command,
        part_option("golden", "Experts' votes"),
        click.option(
            "--rater-golden",
            metavar="NAME|FILE",
            help="The raters' votes on golden items, where they are apart.  "
            f"[default: {IMAGENET.sources['rater-golden']}, with its golden votes]",
        ),
    )


def load_golden(
    call: Call, votes: Votes, golden: str | None, rater_golden: str | None, *, max_bytes: int
) -> tuple[Votes, Votes] | None:
    """The experts' votes and the raters' votes on golden items, which may be the main votes; None without experts."""
    benchmark = benchmark_of(votes.items.images) if isinstance(votes.items, Questions) else Benchmark()
    expert_file = find_part(call, benchmark, "golden", golden)
    if expert_file is None:
        if rater_golden is not None:
            raise click.UsageError("--rater-golden goes with --golden: the experts' answers.")
        return None
    sources = golden_sources(benchmark, golden)
    rater_file = find_part(call, Benchmark(sources=sources), "rater-golden", rater_golden)
    answers = golden_answers(votes)
    experts = load_votes(expert_file, answers=answers, max_bytes=max_bytes)
    return experts, votes if rater_file is None else load_votes(rater_file, answers=answers, max_bytes=max_bytes)


def _with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def each_prediction(
    call: Call, files: Sequence[Path], judges: Judges, **reading: Any
) -> Iterator[tuple[str, Predictions]]:
    """Each file and its predictions, one file in memory at a time; `reading` is what `load_predictions` takes."""
    for path in tracked(call, files, "reading"):
        yield str(path), load_predictions(call, path, judges, **reading)


def load_predictions(
    call: Call,
    path: Path,
    judges: Judges,
    *,
    names: Path | None,
    order: str | None,
    classes: Path | None,
    unknown_class: UnknownClass,
    max_bytes: int,
) -> Predictions:
    """Read one model's predictions as the options of `prediction_options` say."""
    predictions = read_predictions(
        call.read("predictions", path),
        judges.labels.classes,
        names=None if names is None else read_lines(call.read("names", names)),
        outputs=None if classes is None else read_lines(call.read("classes", classes)),
        unknown_class=unknown_class,
        max_bytes=max_bytes,
    )
    if order is None:
        return predictions
    if predictions.images is not None:
        raise DataError("the file names its images: rows need no order", where=path, mend="leave --order out")
    images = _in_order(order, judges)
    if len(images) != len(predictions):
        raise DataError(
            f"not as many rows as the {order} order has images",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(predictions):,} rows",
            mend="name the images of the rows (--names FILE)",
        )
    return predictions.named(images, detected=f"{predictions.detected}, rows in {order} order")


def _in_order(order: str, judges: Judges) -> tuple[str, ...]:
    """The images in the order in which a file lists them without names."""
    if order == "validation":
        return IMAGENET.images
    if judges.original is None:
        raise DataError(
            "class-folder order follows from the original labels, which are not at hand",
            mend=f"reassess data fetch {IMAGENET.sources['original']}, or pass --original FILE",
        )
    return tuple(judges.original.images[row] for row in class_folder_order(judges.original).tolist())
