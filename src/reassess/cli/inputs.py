"""What the commands read: the labels and scores that judge, with their defaults, and models' predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reassess.aggregation.golden import expert_share
from reassess.aggregation.thresholds import label_sets
from reassess.cli.common import Call
from reassess.core.image_names import MATCHES, are_validation_images, validation_names
from reassess.core.imagenet import class_folder_order
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.core.rater_model import VALIDITY
from reassess.core.scores import Scores
from reassess.core.votes import KNOWN_ANSWERS, Votes
from reassess.data.loading import (
    load_labels,
    load_multi_labels,
    load_original,
    load_scores,
    load_votes,
    with_imagenet_classes,
)
from reassess.errors import DataError, at
from reassess.formats.archives import MAX_BYTES
from reassess.formats.files import read_lines
from reassess.formats.multi_labels import holds_multi_labels
from reassess.formats.predictions import read_predictions

__all__ = [
    "FILE",
    "Judges",
    "golden_file",
    "golden_options",
    "joining_options",
    "judge_options",
    "load_golden",
    "load_judges",
    "load_predictions",
    "max_bytes_option",
    "optional_file",
    "prediction_options",
]

FILE = click.Path(path_type=Path)
_NONE = "none"
_REAL = "imagenet-real"
_ORIGINAL = "imagenet-original"
_SCORES = "imagenet-real-scores"
_GOLDEN = "imagenet-real-golden"
_RATER_GOLDEN = "imagenet-real-raters-golden"


@dataclass(frozen=True)
class Judges:
    """What models are judged by: one label set, or one for each threshold, and what else is known of the images."""

    cuts: dict[float | None, LabelSets]
    original: LabelSets | None
    scores: Scores | None
    experts: Scores | None
    reviewed: MultiLabels | None = None

    @property
    def labels(self) -> LabelSets:
        """The label sets; of several thresholds, the first."""
        return next(iter(self.cuts.values()))


def load_judges(
    call: Call,
    labels: str | None,
    original: str | None,
    scores: str | None,
    thresholds: tuple[float, ...] | None = None,
    *,
    max_bytes: int,
    multi_label: bool = False,
) -> Judges:
    """Read what models are judged by.

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
    multi_label
        The label sets may also say what is unclear, wrong or problematic; then they are `Judges.reviewed` too.
    """
    reviewed = None
    if thresholds is None:
        label_file = call.resolve("labels", _REAL if labels is None else labels)
        if multi_label and holds_multi_labels(label_file):
            reviewed = load_multi_labels(label_file)
        sets = load_labels(label_file) if reviewed is None else reviewed.judging
        is_imagenet = are_validation_images(sets.images)
        score_file = optional_file(call, "scores", scores, _SCORES if is_imagenet else None)
        known = None if score_file is None else load_scores(score_file, max_bytes=max_bytes)
    else:
        known = load_scores(call.resolve("scores", _to_cut(labels, scores)), max_bytes=max_bytes)
        is_imagenet = are_validation_images(known.questions.images)
    original_file = optional_file(call, "original", original, _ORIGINAL if is_imagenet else None)
    given = None if original_file is None else load_original(original_file)
    if thresholds is None:
        cuts: dict[float | None, LabelSets] = {None: sets}
        given = None if given is None else _in_classes_of(sets, given, original_file)
    else:
        assert known is not None
        cuts = {cut: with_imagenet_classes(label_sets(known, cut, original=given)) for cut in thresholds}
    if is_imagenet:
        call.find_all("imagenet-classes")  # which the labels were read with
    experts = call.find(_GOLDEN) if is_imagenet and known else None
    return Judges(cuts, given, known, None if experts is None else expert_share(load_votes(experts)), reviewed)


def _to_cut(labels: str | None, scores: str | None) -> str:
    """The scores from which label sets are cut."""
    if labels is not None and scores is not None:
        raise click.UsageError(
            "With --threshold, the labels are cut from the scores: give --scores or --labels, and not both."
        )
    if scores == _NONE:
        raise click.UsageError("With --threshold, the labels are cut from the scores, which cannot be none.")
    return next((given for given in (scores, labels) if given is not None), _SCORES)


def _in_classes_of(labels: LabelSets, original: LabelSets, file: Path | None) -> LabelSets:
    with at(file):
        return original.in_classes(labels.classes)


def optional_file(call: Call, name: str, given: str | None, default: str | None) -> Path | None:
    """The file of an optional input: as given, or the default if this machine has it."""
    if given == _NONE:
        return None
    if given is not None:
        return call.resolve(name, given)
    return None if default is None else call.find(default)


def judge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say by what images and models are judged."""
    default = "if the images are ImageNet's and the file is here"
    return _with_options(
        command,
        click.option("--labels", metavar="NAME|FILE", help=f"Label sets.  [default: {_REAL}]"),
        click.option(
            "--original", metavar="NAME|FILE", help=f"Original labels, or none.  [default: {_ORIGINAL}, {default}]"
        ),
        click.option("--scores", metavar="NAME|FILE", help=f"Scores, or none.  [default: {_SCORES}, {default}]"),
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
    default = "if the images are ImageNet's and the file is here"
    return _with_options(
        command,
        click.option(
            "--golden", metavar="NAME|FILE", help=f"Experts' votes, or none.  [default: {_GOLDEN}, {default}]"
        ),
        click.option(
            "--rater-golden",
            metavar="NAME|FILE",
            help="The raters' votes on golden items, where they are apart.  "
            f"[default: {_RATER_GOLDEN}, with its golden votes]",
        ),
    )


def golden_file(call: Call, golden: str | None, images: Sequence[str]) -> Path | None:
    """The file of the experts' votes; those on ImageNet's images are known."""
    return optional_file(call, "golden", golden, _GOLDEN if are_validation_images(images) else None)


def load_golden(
    call: Call, votes: Votes, golden: str | None, rater_golden: str | None, *, max_bytes: int
) -> tuple[Votes, Votes] | None:
    """The experts' votes and the raters' votes on golden items, which may be the main votes; None without experts."""
    from reassess.aggregation.reliability import natural_truths

    experts = golden_file(call, golden, votes.items.images if isinstance(votes.items, Questions) else ())
    if experts is None:
        if rater_golden is not None:
            raise click.UsageError("--rater-golden goes with --golden: the experts' answers.")
        return None
    apart = optional_file(call, "rater-golden", rater_golden, _RATER_GOLDEN if golden in (None, _GOLDEN) else None)
    answers = KNOWN_ANSWERS if natural_truths(votes) == VALIDITY else votes.answers
    said = load_votes(experts, answers=answers, max_bytes=max_bytes)
    return said, votes if apart is None else load_votes(apart, answers=answers, max_bytes=max_bytes)


def _with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def load_predictions(
    call: Call,
    path: Path,
    judges: Judges,
    *,
    names: Path | None,
    order: str | None,
    classes: Path | None,
    max_bytes: int,
) -> Predictions:
    """Read one model's predictions as the options of `prediction_options` say."""
    said = read_predictions(
        call.read("predictions", path),
        judges.labels.classes,
        names=None if names is None else read_lines(call.read("names", names)),
        outputs=None if classes is None else read_lines(call.read("classes", classes)),
        max_bytes=max_bytes,
    )
    if order is None:
        return said
    if said.images is not None:
        raise DataError("the file names its images: rows need no order", where=path, mend="leave --order out")
    images = _in_order(order, judges.original)
    if len(images) != len(said):
        raise DataError(
            f"not as many rows as the {order} order has images",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(said):,} rows",
            mend="name the images of the rows (--names FILE)",
        )
    return said.named(images, detected=f"{said.detected}, rows in {order} order")


def _in_order(order: str, original: LabelSets | None) -> tuple[str, ...]:
    if order == "validation":
        return validation_names()
    if original is None:
        raise DataError(
            "class-folder order follows from the original labels, which are not at hand",
            mend="reassess data fetch imagenet-original, or pass --original FILE",
        )
    return tuple(original.images[row] for row in class_folder_order(original).tolist())
