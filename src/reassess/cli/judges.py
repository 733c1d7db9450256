"""What the commands judge models by: labels, scores, votes and golden answers, in one list of classes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation import label_sets, with_golden_votes
from reassess.cli.call import Call, refuse_repeated
from reassess.cli.part_inputs import NONE, PartReader, needed_part
from reassess.core import (
    USUAL_THRESHOLD,
    Benchmark,
    Classed,
    Classes,
    LabelSets,
    MultiLabels,
    Predictions,
    Scores,
    Votes,
    classes_of,
)
from reassess.core.common_classes import class_ids_of
from reassess.data import known_in_sample, label_set_name
from reassess.errors import DataError, Fix, ReassessError, UnreadableFileError, at
from reassess.evaluation import Outcomes, find_outcomes
from reassess.evaluation.evaluation_words import class_names_missing
from reassess.text import counted, some


@dataclass(frozen=True)
class Judges:
    """What models are judged by, one label set or several, and what else is known of the images."""

    benchmark: Benchmark
    by_default: bool  # whether the label sets are ImageNet's because no others were given
    files: Mapping[str, Path]  # the file of each part
    naming: Path | None  # the first file that names or numbers a class
    sets: dict[float | str | None, LabelSets]  # by threshold; several by name, as they were given; one by None
    original: LabelSets | None = None
    scores: Scores | None = None
    votes: Votes | None = None  # the raters', and their golden votes on golden items that have no others
    experts: Votes | None = None
    rater_golden: Votes | None = None
    reviewed: MultiLabels | None = None  # one label set that also says what is unclear, wrong or problematic

    @property
    def labels(self) -> LabelSets:
        """The label sets; of several, the first."""
        return next(iter(self.sets.values()))

    @property
    def known(self) -> dict[str, Any]:
        """Fields of `reassess.Findings`."""
        names = ("benchmark", "original", "scores", "votes", "experts", "rater_golden")
        return {name: getattr(self, name) for name in names}

    @property
    def in_sample(self) -> bool | None:
        """Whether the golden answers are known, by their files, to have made the scores."""
        if "scores" not in self.files or "golden" not in self.files:
            return None
        return known_in_sample(self.files["scores"], self.files["golden"], benchmark=self.benchmark)

    @property
    def no_names(self) -> str | None:
        """How to get the names of a known benchmark's classes, if only their ids are known."""
        return class_names_missing(self.benchmark, self.labels.classes)

    @property
    def threshold(self) -> float:
        """The threshold of the label sets: the benchmark's, or the usual one."""
        return USUAL_THRESHOLD if self.benchmark.threshold is None else self.benchmark.threshold

    def note_tables(self, call: Call) -> None:
        """Note the benchmark's tables of classes as inputs, which `reassess.Findings` reads."""
        for part in ("groups", "collapsed"):
            if self.benchmark.folder is not None and part in self.benchmark.sources:
                call.read(part, Path(self.benchmark.sources[part]))

    def joining(self, call: Call) -> dict[str, Any]:
        """How images are joined, as arguments of `find_outcomes`."""
        return {"match": self.benchmark.match or "path", "ignore_unknown": call.reading.ignore_unknown}

    def outcomes(self, predictions: Predictions, labels: LabelSets, **joining: Any) -> Outcomes:
        """What happened to each image of one model by one of the label sets; `joining` as for `find_outcomes`.

        Images that another of several label sets holds are known, and rows without names are in the order of the first.
        """
        first = next(iter(self.sets))
        if isinstance(first, str) and predictions.images is None and len(predictions) == len(self.labels):
            detected = f"{predictions.detected}, rows in the order of {first}"
            predictions = predictions.with_images(self.labels.images, detected=detected)
        return find_outcomes(
            predictions,
            labels,
            original=self.original,
            scores=self.scores,
            benchmark=self.benchmark,
            known_images=[others.images for others in self.sets.values()],
            **joining,
        )


def load_judges(
    call: Call,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    scores: str | None = None,
    thresholds: tuple[float, ...] | None = None,
    *,
    more_labels: tuple[str, ...] = (),
    with_votes: bool = False,
    labels_needed: bool = True,
) -> Judges:
    """Read what models are judged by, all of it in one list of classes; votes if asked for."""
    by_default = benchmark is None and labels is None and thresholds is None
    reader = PartReader(call, benchmark)
    if not labels_needed and labels is None and benchmark is not None and "labels" not in benchmark.sources:
        reader.given["labels"] = benchmark.folder or Path("labels"), LabelSets.from_lists([], [], reader.classes)
    elif thresholds is None:
        given_sets = {"labels": labels} | {f"labels {number}": more for number, more in enumerate(more_labels, 2)}
        with taken_for_imagenet(by_default):
            paths = {part: needed_part(call, benchmark, "labels", source) for part, source in given_sets.items()}
        refuse_repeated(paths.values())
        for part, path in paths.items():
            reader.read(part, path)
    else:
        reader.need("scores", _to_cut(labels, scores))
    reader.recognize(reader.images, with_classes=True)
    with taken_for_imagenet(by_default):
        if thresholds is None:
            reader.find("scores", scores)
        reader.find_original(original)
        if with_votes:
            reader.find("votes")
        if with_votes or "scores" in reader.given:
            reader.find_golden(None)
        names = (labels, *more_labels) if more_labels else ()
        return _judges(reader, by_default, thresholds, names)


def _judges(
    reader: PartReader, by_default: bool, thresholds: tuple[float, ...] | None, names: tuple[str | None, ...]
) -> Judges:
    """The parts in one list of classes; several label sets by their names."""
    moved, files = reader.joined(), reader.files
    _note_classes(reader, moved)
    sets: dict[float | str | None, LabelSets]
    if thresholds is None:
        sets_of = (judging(files[part], noun) for part, noun in moved.items() if part.startswith("labels"))
        sets = dict(zip(names or (None,), sets_of, strict=True))
    else:
        sets = {cut: _cut(moved, cut, label_set_name(files["scores"])) for cut in thresholds}
    only = None if names else moved.get("labels")
    votes = moved.get("votes")
    return Judges(
        benchmark=reader.benchmark,
        by_default=by_default,
        files=files,
        naming=next((path for path, noun in reader.given.values() if class_ids_of(noun).size), None),
        sets=sets,
        original=moved.get("original"),
        scores=moved.get("scores"),
        votes=None if votes is None else with_golden_votes(votes, moved.get("rater-golden"), moved.get("golden")),
        experts=moved.get("golden"),
        rater_golden=moved.get("rater-golden"),
        reviewed=only if isinstance(only, MultiLabels) else None,
    )


@contextmanager
def taken_for_imagenet(by_default: bool) -> Iterator[None]:
    """Put the missing benchmark first in the fix of an error if images were taken as ImageNet's by default."""
    try:
        yield
    except ReassessError as error:
        if by_default and not isinstance(error, UnreadableFileError) and error.fix != own_labels():
            error.fix = Fix.join("; or ", f"for images that are not ImageNet's: {own_labels()}", error.fix)
        raise


def own_labels() -> str:
    """How to give the labels of images that are not ImageNet's."""
    command = click.get_current_context().command
    option = "labels" if any(option.name == "labels" for option in command.params) else "original"
    return f"--benchmark FOLDER, or --{option} FILE"


def judging(file: str | Path, labels: LabelSets | MultiLabels) -> LabelSets:
    """The label sets of a file that judge a model."""
    if isinstance(labels, LabelSets):
        return labels
    with at(file):
        return labels.evaluation_labels


def _cut(parts: Mapping[str, Any], threshold: float, name: str) -> LabelSets:
    return replace(
        label_sets(parts["scores"], threshold, original=parts.get("original")), name=f"{name} at {threshold:g}"
    )


def _note_classes(reader: PartReader, moved: Mapping[str, Classed]) -> None:
    """Say which classes there are, where no list but the names in the files says so."""
    classes = next((classes_of(noun) for noun in moved.values()), Classes())
    if not classes.has_local_ids:
        return
    named = some([str(path) for path, noun in reader.given.values() if classes_of(noun).texts])
    names = some(classes.texts, most=5)
    reader.call.explanations.append(f"classes: the {counted(len(classes.texts), 'name')} in {named}, sorted: {names}")


def _to_cut(labels: str | None, scores: str | None) -> str | None:
    """The scores that label sets are made from, as given."""
    if labels is not None and scores is not None:
        raise click.UsageError(
            "With --threshold, labels are made from scores: give --scores or --labels, and not both."
        )
    if scores == NONE:
        raise click.UsageError("With --threshold, labels are made from scores, which cannot be none.")
    return labels if scores is None else scores


def load_original_judges(
    call: Call, benchmark: Benchmark, original: str | None, golden: str | None, *, golden_needed: bool = False
) -> Judges:
    """The original labels, if there are any, and golden answers if given or needed, in one list of classes."""
    reader = PartReader(call, benchmark)
    reader.find_original(original)
    if golden is not None or golden_needed:
        try:
            path = needed_part(call, benchmark, "golden", golden)
        except DataError as error:
            if golden is None:
                error.fix = Fix.join("; or ", "give --golden FILE", error.fix)
            raise
        reader.read("golden", path)
    parts = reader.joined() if reader.given else {}
    return Judges(
        benchmark=benchmark,
        by_default=False,
        files=reader.files,
        naming=next(iter(reader.files.values()), None),
        sets={None: parts.get("original", LabelSets.from_lists([], [], reader.classes))},
        original=parts.get("original"),
        experts=parts.get("golden"),
    )
