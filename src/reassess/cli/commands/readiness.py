"""Whether each command runs on a benchmark's folder: what it needs is read, joined and used as the command does it.

In place of a model's predictions stand the original labels, or a valid class of each image.
"""

import warnings
from collections.abc import Callable, Mapping

import click
import numpy as np

from reassess.aggregation.reliability import rater_reliability
from reassess.cli.aggregate_options import OF_METHODS, make_scores
from reassess.cli.commands.curve_command import measure
from reassess.cli.commands.labels_command import cut_labels
from reassess.cli.commands.propose_command import load_proposing
from reassess.cli.commands.questions_command import load_asked
from reassess.cli.commands.raters_command import load_raters
from reassess.cli.common import Call
from reassess.cli.curve_inputs import find_origin, load_curves
from reassess.cli.findings_inputs import load_class_tables
from reassess.cli.judges import Judges, load_judges
from reassess.comparison.findings import Findings
from reassess.core.benchmark import USUAL_THRESHOLD, Benchmark
from reassess.core.predictions import Predictions
from reassess.data.benchmark_folders import open_benchmark, part_path
from reassess.data.benchmark_status import BenchmarkCheck
from reassess.data.image_sources import open_images
from reassess.errors import DataError, ReassessError
from reassess.evaluation.image_sheet import image_sheet
from reassess.evaluation.measure import summarize
from reassess.formats.read_once import reading_once
from reassess.proposals.candidates import propose
from reassess.proposals.open_questions import open_questions

__all__ = ["COMMANDS", "why_not_ready"]

_FEW = 40  # resamples, where what they would measure is not shown


@reading_once()
def why_not_ready(check: BenchmarkCheck) -> dict[str, ReassessError]:
    """Why commands fail on the parts of a benchmark's folder, though they lack none; those that run are not there.

    Notes
    -----
    A command that reads fewer parts may put what is wrong with one in other words: those of the check are taken.
    """
    told = {str(error.where): error for error in check.errors if error.where is not None}
    fails: dict[str, ReassessError] = {}
    if check.folder is None:
        return fails
    for command in (command for command, parts in check.missing_parts.items() if not parts):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                COMMANDS[command](Call(offline=True, quiet=True), open_benchmark(check.folder))
        except ReassessError as error:
            fails[command] = told.get(str(error.where), error)
        except click.UsageError as error:
            fails[command] = DataError("usage", error.message)
    return fails


def _a_model(judges: Judges) -> Predictions:
    """The original label of each labelled image, or else a valid class, as a model would predict them."""
    labels = judges.labels
    images = labels.images or judges.benchmark.images or (judges.original.images if judges.original else ())
    ids = np.zeros(len(images), np.int64)
    if len(labels):
        has_class = labels.sizes > 0
        ids[has_class] = labels.indices[labels.indptr[:-1][has_class]]
    if judges.original is not None:
        rows = judges.original.find(images)
        ids[rows >= 0] = judges.original.indices[rows[rows >= 0]]
    return Predictions.from_ids(ids, images, classes=labels.classes)


def _evaluate(call: Call, benchmark: Benchmark) -> None:
    judges = load_judges(call, benchmark, None, None, None)
    outcomes = judges.outcomes(_a_model(judges), judges.labels)
    summarize(outcomes, judges.labels, scores=judges.scores, experts=judges.experts)


def _compare(call: Call, benchmark: Benchmark) -> Judges:
    judges = load_judges(call, benchmark, None, None, None, votes=None)
    Findings.from_predictions({"a": _a_model(judges)}, judges.labels, **judges.known)
    return judges


def _report(call: Call, benchmark: Benchmark) -> None:
    load_class_tables(call, _compare(call, benchmark))


def _aggregate(call: Call, benchmark: Benchmark) -> None:
    make_scores(call, benchmark, None, benchmark.method, dict.fromkeys(OF_METHODS))


def _raters(call: Call, benchmark: Benchmark) -> None:
    rater_reliability(*load_raters(call, benchmark), resamples=_FEW)


def _labels(call: Call, benchmark: Benchmark) -> None:
    threshold = USUAL_THRESHOLD if benchmark.threshold is None else benchmark.threshold
    cut_labels(call, benchmark, threshold=threshold)


def _curve(call: Call, benchmark: Benchmark) -> None:
    scores, answers = load_curves(call, (), benchmark)
    for file, (path, of_file) in scores.items():
        measure(call, file, path, of_file, answers, find_origin(of_file, answers, must=False), None, None)


def _predict(call: Call, benchmark: Benchmark) -> None:
    open_images(call.read("images", part_path(benchmark, "images", needed_by="predict")))


def _propose(call: Call, benchmark: Benchmark) -> None:
    judges = load_proposing(call, benchmark)
    propose({"a": _a_model(judges)}, judges.original, benchmark=judges.benchmark)


def _questions(call: Call, benchmark: Benchmark) -> None:
    judges = load_asked(call, benchmark)
    predictions = _a_model(judges)
    open_questions([("a", predictions, judges.outcomes(predictions, judges.labels))], judges.labels, judges.scores)


def _show(call: Call, benchmark: Benchmark) -> None:
    judges = load_judges(call, benchmark, None, None, None, votes=None, labels_needed=False)
    known = (judges.labels, judges.original, judges.scores, judges.votes, judges.experts)
    image = next(name for noun in known if noun is not None for name in noun.images)
    image_sheet(
        image,
        labels=judges.labels,
        original=judges.original,
        scores=judges.scores,
        votes=judges.votes,
        experts=judges.experts,
    )


COMMANDS: Mapping[str, Callable[[Call, Benchmark], object]] = {
    "evaluate": _evaluate,
    "compare": _compare,
    "report": _report,
    "aggregate": _aggregate,
    "raters": _raters,
    "labels": _labels,
    "curve": _curve,
    "predict": _predict,
    "propose": _propose,
    "questions": _questions,
    "show": _show,
}
