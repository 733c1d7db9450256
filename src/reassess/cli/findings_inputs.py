"""What `reassess report` and `reassess plot` read: models, what judges them, and what else is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from reassess.aggregation.curves import precision_recall
from reassess.aggregation.golden import golden_truth
from reassess.aggregation.methods import calibrated_recipe
from reassess.aggregation.operating_points import Goal, MeasuredCurve, operating_point
from reassess.aggregation.provenance import Provenance, provenance
from reassess.aggregation.recipe import REAL
from reassess.cli.common import Call, Range, refuse_repeated, tracked
from reassess.cli.inputs import (
    FILE,
    Judges,
    golden_file,
    golden_options,
    joining_options,
    judge_options,
    load_judges,
    load_predictions,
    prediction_options,
)
from reassess.cli.vote_inputs import Rated, load_rated, relabelling, votes_option, why
from reassess.comparison.findings import Findings, short_names
from reassess.comparison.panel import panel
from reassess.core.image_names import are_validation_images
from reassess.core.votes import Votes
from reassess.data.loading import imagenet_collapsed, load_votes
from reassess.errors import DataError, at
from reassess.evaluation.measure import examine, summarize
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.result import Evaluation
from reassess.formats.class_tables import read_collapsed, read_groups
from reassess.formats.leaderboards import read_leaderboard

__all__ = ["findings_options", "load_findings"]

_SCORES = ("scores", "imagenet-real-scores")
_NO_BOARD = "no leaderboard was given (--leaderboard TABLE)"


def findings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is read."""
    options = (
        judge_options,
        votes_option("how sure the labels are, model or label, mistakes to look at."),
        golden_options,
        click.option(
            "--threshold",
            type=Range(0, 1),
            default=0.8,
            show_default=True,
            metavar="T",
            help="At which the label sets were cut from the scores.",
        ),
        click.option(
            "--leaderboard",
            "tables",
            type=FILE,
            multiple=True,
            metavar="TABLE",
            help="Public results to place the models among, as for leaderboard; give it twice for two tables.",
        ),
        click.option(
            "--collapsed",
            type=FILE,
            metavar="F",
            help="Classes that are names of one thing.  [default: the package's table, if the images are ImageNet's]",
        ),
        click.option("--groups", type=FILE, metavar="F", help="The group of each class, for kinds of mistakes."),
        prediction_options,
        joining_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def load_findings(
    call: Call,
    files: tuple[Path, ...],
    *,
    labels: str | None,
    original: str | None,
    scores: str | None,
    votes: str | None,
    golden: str | None,
    rater_golden: str | None,
    threshold: float,
    tables: tuple[Path, ...],
    collapsed: Path | None,
    groups: Path | None,
    match: str,
    ignore_unknown: bool,
    **reading: Any,
) -> Findings:
    """Read all that `findings_options` name, and put the models in order."""
    refuse_repeated(files)
    judges = load_judges(call, labels, original, scores, max_bytes=reading["max_bytes"])
    results, outcomes = _examined(call, files, judges, reading, {"match": match, "ignore_unknown": ignore_unknown})
    rated = load_rated(call, judges, votes, golden, rater_golden, reading["max_bytes"])
    experts = _experts(call, judges, rated, golden, reading["max_bytes"])
    names = short_names([str(path) for path in files])
    return Findings(
        evaluations=dict(sorted(results.items(), key=_best_first)),
        panel=panel(outcomes),
        files={name: file for file, name in names.items()},
        labels=judges.labels,
        original=judges.original,
        scores=judges.scores,
        votes=None if isinstance(rated, str) else rated.votes,
        experts=experts,
        raters=None if isinstance(rated, str) else rated.alone,
        again=rated if isinstance(rated, str) else relabelling(judges, rated, threshold),
        curves=_curves(call, judges, rated, experts, threshold),
        board=read_leaderboard(*(call.read("leaderboard", path) for path in tables)) if tables else _NO_BOARD,
        collapsed=_collapsed(call, judges, collapsed),
        groups=None if groups is None else read_groups(call.read("groups", groups), judges.labels.classes),
    )


def _examined(
    call: Call, files: tuple[Path, ...], judges: Judges, reading: dict[str, Any], joining: dict[str, Any]
) -> tuple[dict[str, Evaluation], dict[str, Outcomes]]:
    """Each model's evaluation, and what happened to each image; one file in memory at a time."""
    names = short_names([str(path) for path in files])
    results: dict[str, Evaluation] = {}
    outcomes: dict[str, Outcomes] = {}
    for path in tracked(call, files, "evaluating"):
        said = load_predictions(call, path, judges, **reading)
        with at(path):
            found = examine(said, judges.labels, original=judges.original, scores=judges.scores, **joining)
            result = summarize(found, judges.labels, scores=judges.scores, experts=judges.experts)
        name = names[str(path)]
        results[name], outcomes[name] = result, found
    return results, outcomes


def _collapsed(call: Call, judges: Judges, given: Path | None) -> npt.NDArray[np.int64] | None:
    """Classes that are names of one thing, of a file or of the package."""
    if given is not None:
        return read_collapsed(call.read("collapsed", given), judges.labels.classes)
    return imagenet_collapsed() if are_validation_images(judges.labels.images) else None


def _best_first(entry: tuple[str, Evaluation]) -> tuple[float, str]:
    name, result = entry
    return -(result.real[1].value or 0), name


def _experts(call: Call, judges: Judges, rated: Rated | str, golden: str | None, max_bytes: int) -> Votes | None:
    """The experts' answers, which may be at hand without the votes."""
    if not isinstance(rated, str):
        return rated.experts
    file = golden_file(call, golden, judges.labels.images)
    return None if file is None else load_votes(file, max_bytes=max_bytes)


def _curves(
    call: Call, judges: Judges, rated: Rated | str, experts: Votes | None, threshold: float
) -> tuple[MeasuredCurve, ...] | str:
    """Precision and recall of the scores, or why they are not measured.

    Where it is known how the scores follow from votes and golden answers, they are made again without the image that
    is judged, too.
    """
    if judges.scores is None or experts is None:
        return f"no {'scores' if judges.scores is None else 'golden answers'} are at hand"
    (name,) = {str(entry["name"]) for entry in call.inputs if entry["name"] in _SCORES}
    try:
        golden = golden_truth(experts)
        origin = None if isinstance(rated, str) else _origin(judges, rated)
        curve = precision_recall(judges.scores, golden, in_sample=None if origin is None else True)
        chosen = operating_point(curve, Goal("threshold", threshold), judges.scores, original=judges.original)
        found = [MeasuredCurve(name, curve, chosen=chosen)]
        if origin is not None:
            again = precision_recall(origin.left_out(), golden, in_sample=False)
            found.append(MeasuredCurve(name, again, "each image left out"))
    except DataError as error:
        return why(error)
    return tuple(found)


def _origin(judges: Judges, rated: Rated) -> Provenance | None:
    """How the scores follow from the votes; None if that is not known."""
    assert judges.scores is not None
    try:
        given = rated.votes, rated.experts, rated.rater_golden, judges.original
        return provenance(judges.scores, *given, recipes=[REAL, calibrated_recipe(rated.experts)])
    except DataError:
        return None
