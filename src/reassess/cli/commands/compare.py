"""`reassess compare`: which of two or more models is better, on the same images."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, Range, call_options, refuse_repeated, tracked
from reassess.cli.inputs import (
    FILE,
    Judges,
    golden_options,
    joining_options,
    judge_options,
    load_judges,
    load_predictions,
    prediction_options,
)
from reassess.cli.tables.compare import Compared, print_compared, to_json
from reassess.cli.tables.disagreements import write_disagreements
from reassess.cli.vote_inputs import Rated, load_rated, relabelling, votes_option
from reassess.comparison.co_occurrence import co_occurrence
from reassess.comparison.label_uncertainty import LabelUncertainty, label_uncertainty
from reassess.comparison.labelling_bias import LabellingBias, labelling_biases
from reassess.comparison.model_or_label import Preference, preferences
from reassess.comparison.pairs import NO_ORIGINAL
from reassess.comparison.pairs import compare as compare_two
from reassess.comparison.panel import Panel, panel
from reassess.comparison.ranking import Ranking, rank_models
from reassess.errors import at
from reassess.evaluation.measure import examine
from reassess.evaluation.outcomes import Outcomes
from reassess.formats.files import check_output, suffix_of
from reassess.formats.tables import TABLE_SUFFIXES

__all__ = ["compare"]

_MOST_MODELS = 100  # of which every pair is compared; of more, neighbours in the ranking
_OF_IMAGES, _OF_RATERS = 1000, 200  # replicates by default


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="A B [...]")
@judge_options
@votes_option("how sure are the labels?")
@golden_options
@click.option(
    "--threshold",
    type=Range(0, 1),
    default=0.8,
    show_default=True,
    metavar="T",
    help="At which the label sets were cut from what the votes give.",
)
@prediction_options
@joining_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap.")
@click.option(
    "--replicates",
    type=click.IntRange(40),
    metavar="B",
    help=f"Of the bootstrap.  [default: {_OF_IMAGES:,} of images, {_OF_RATERS} of images and raters]",
)
@click.option(
    "--disagreements", type=FILE, metavar="OUT", help="Write a table of the images that only one of two gets right."
)
@call_options
def compare(
    call: Call,
    files: tuple[Path, ...],
    labels: str | None,
    original: str | None,
    scores: str | None,
    votes: str | None,
    golden: str | None,
    rater_golden: str | None,
    threshold: float,
    match: str,
    ignore_unknown: bool,
    seed: int,
    replicates: int | None,
    disagreements: Path | None,
    **reading: Any,
) -> None:
    """Compare models on the same images.

    A, B and any further file hold one model's predictions each, as for evaluate. The models are compared on the images
    that all of them have seen. Two models give one comparison, more of them a ranking too.
    """
    _check_call(call, files, disagreements)
    judges = load_judges(call, labels, original, scores, max_bytes=reading["max_bytes"])
    detected: dict[str, str] = {}
    models = panel(_outcomes(call, files, judges, reading, detected, match=match, ignore_unknown=ignore_unknown))
    ranking = _rank(models, replicates or _OF_IMAGES, seed)
    pairs = _pairs(models, ranking)
    rated = load_rated(call, judges, votes, golden, rater_golden, reading["max_bytes"])
    unsure = _unsure(call, models, judges, rated, threshold, replicates or _OF_RATERS, seed)
    if disagreements is not None:
        call.keep_inputs(disagreements)
        write_disagreements(disagreements, models, pairs, force=call.force)
    comparisons = [compare_two(models, a, b) for a, b in tracked(call, pairs, "comparing")]
    found = Compared(
        panel=models,
        pairs=comparisons,
        ranking=ranking,
        unsure=unsure,
        preferences=_preferences(models, judges, rated),
        biases=_biases(models, judges),
        together=co_occurrence(judges.labels),
        classes=judges.labels.classes,
        detected=detected,
    )
    if call.json:
        call.print_document("compare", to_json(found))
    else:
        print_compared(call, found)
        call.note_hashes("labels", "original", "scores", "votes")


def _check_call(call: Call, files: tuple[Path, ...], disagreements: Path | None) -> None:
    """Refuse, before any work, what cannot be done."""
    if len(files) < 2:
        raise click.UsageError("Give two models or more; reassess evaluate measures one.")
    refuse_repeated(files)
    if disagreements is not None:
        suffix_of(disagreements, TABLE_SUFFIXES, "a table")
        check_output(disagreements, force=call.force)


def _outcomes(
    call: Call,
    files: tuple[Path, ...],
    judges: Judges,
    reading: dict[str, Any],
    detected: dict[str, str],
    **joining: Any,
) -> Iterator[tuple[str, Outcomes]]:
    """What happened to each image, one file in memory at a time; how each was read is noted in `detected`."""
    for path in tracked(call, files, "reading"):
        said = load_predictions(call, path, judges, **reading)
        with at(path):
            found = examine(said, judges.labels, original=judges.original, scores=judges.scores, **joining)
        detected[str(path)] = found.detected
        yield str(path), found


def _rank(models: Panel, replicates: int, seed: int) -> Ranking | None:
    return rank_models(models, replicates=replicates, seed=seed) if models.scored.any() else None


def _pairs(models: Panel, ranking: Ranking | None) -> list[tuple[str, str]]:
    """Every two models, as they were given; of many, neighbours in the ranking."""
    if len(models.models) <= _MOST_MODELS:
        return list(combinations(models.models, 2))
    return list(pairwise(models.models if ranking is None else ranking.models))


def _unsure(
    call: Call, models: Panel, judges: Judges, rated: Rated | str, threshold: float, replicates: int, seed: int
) -> LabelUncertainty | str:
    """What resampled raters make of the comparison, or why that cannot be said."""
    if isinstance(rated, str):
        return rated
    if not models.scored.any():
        return "no image is scored"
    again = relabelling(judges, rated, threshold)
    if isinstance(again, str):
        return again
    return label_uncertainty(
        models, again, replicates=replicates, seed=seed, track=lambda items: tracked(call, items, "resampling raters")
    )


def _preferences(models: Panel, judges: Judges, rated: Rated | str) -> tuple[Preference, ...] | str:
    """Whose class is preferred, each model's or the original label's, or why that cannot be said."""
    if judges.original is None or not models.original_known.any():
        return NO_ORIGINAL
    if judges.scores is None:
        return "no scores are at hand"
    return preferences(models, judges.original, judges.scores, None if isinstance(rated, str) else rated.alone)


def _biases(models: Panel, judges: Judges) -> tuple[LabellingBias, ...] | str:
    """How often each model says the original label where others are valid too, or why that cannot be said."""
    if judges.original is None or not models.original_known.any():
        return NO_ORIGINAL
    return labelling_biases(models, judges.labels, judges.original)
