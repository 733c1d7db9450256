"""`reassess questions`: the predicted pairs that nobody was asked about."""

import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.cli.common import Call, call_options, refuse_repeated
from reassess.cli.help_pages import Command
from reassess.cli.inputs import FILE, OUTPUT, joining_options, judge_options, part_option, prediction_options
from reassess.cli.judges import Judges, load_judges, taken_for_imagenet
from reassess.cli.prediction_inputs import each_prediction
from reassess.cli.screen import print_table
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.core.classes import Classes
from reassess.core.open_questions import OpenQuestions
from reassess.core.predictions import Predictions
from reassess.data.benchmark_folders import part_path
from reassess.errors import DataError, ReassessWarning, at
from reassess.evaluation.class_list_search import find_class_list
from reassess.evaluation.evaluation_words import FIX_CLASS_LIST, MISTAKES_IN_WORDS, class_list_in_words
from reassess.evaluation.outcomes import Outcomes
from reassess.formats import write_open_questions
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.proposals.open_questions import open_questions
from reassess.text import counted

__all__ = ["load_asked", "questions"]

_MOST_QUESTIONS = 10


@click.command(
    cls=Command,
    docs="docs/mistakes.md",
    examples=[
        "reassess questions a.npz b.npz -o questions.jsonl",
        "reassess questions a.csv --benchmark pets --limit 20 -o pets.jsonl",
    ],
)
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "-o", "--output", type=OUTPUT, required=True, metavar="OUT", help="Write the questions: jsonl, csv, tsv or parquet."
)
@click.option(
    "--top",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Ask about the N best classes of each model.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Write the first N questions.  [default: all]")
@judge_options
@part_option("scores", "Scores")
@prediction_options
@joining_options
@call_options
def questions(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    top: int,
    limit: int | None,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    scores: str | None,
) -> None:
    """List predicted classes that raters were never asked about.

    Each FILE holds one model's predictions, as for evaluate. OUT lists the predicted classes that are in no label set
    and that no rater was asked about: what most models predict comes first. --scores holds the pairs that were rated;
    of a benchmark without scores, votes and labels, none were.
    """
    refuse_repeated(files)
    call.check_output(output, TABLE_SUFFIXES, "a list of questions", benchmark=benchmark)
    judges = load_asked(call, benchmark, labels, original, scores)
    pending = open_questions(_judged(call, files, judges), judges.labels, judges.scores, top=top)
    write_open_questions(output, pending, judges.labels.classes, limit=limit, force=call.force)
    if call.json:
        call.print_document("questions", _to_json(pending, output, top, limit))
    else:
        _print(call, pending, judges.labels.classes, output, limit)
        if judges.no_names and len(pending):
            call.note(judges.no_names)
        call.note_hashes("labels", "original", "scores")


def load_asked(
    call: Call,
    benchmark: Benchmark | None,
    labels: str | None = None,
    original: str | None = None,
    scores: str | None = None,
) -> Judges:
    """What is known of the images: their labels, if there are any, and which pairs were rated; as the options say."""
    judges = load_judges(call, benchmark, labels, original, scores, labels_needed=False)
    if judges.scores is None and scores is None and (len(judges.labels) or "votes" in judges.benchmark.sources):
        with taken_for_imagenet(judges.by_default):
            raise DataError(
                "no-scores",
                "scores are missing, so it is unknown which questions were asked",
                fix=f"{_scores_made(judges.benchmark)}; or --scores none, if no pair was rated",
            )
    if not (judges.labels.images or judges.benchmark.images or judges.original):
        part_path(judges.benchmark, "images", needed_by="questions")
    return judges


def _scores_made(benchmark: Benchmark) -> str:
    """How scores, which a benchmark lacks, come about."""
    if benchmark.folder is not None and "votes" in benchmark.sources:
        folder = benchmark.folder
        return shlex.join(["reassess", "aggregate", "--benchmark", str(folder), "-o", str(folder / "scores.csv")])
    file = "pass --scores FILE with the columns image, class, score"
    return file if benchmark.folder else f"reassess fetch {IMAGENET.sources['scores']}, or {file}"


def _judged(call: Call, files: tuple[Path, ...], judges: Judges) -> Iterator[tuple[str, Predictions, Outcomes]]:
    """Each model, what it predicts, and what happened to each image."""
    joining = judges.joining(call)
    for file, predictions in each_prediction(call, files, judges):
        with at(file):
            outcomes = judges.outcomes(predictions, judges.labels, any_class_list=True, called=file, **joining)
        other = find_class_list(outcomes, judges.labels, judges.original)
        if other is not None:
            words = f"{file}: {class_list_in_words(other, judges.labels.classes)}"
            warnings.warn(ReassessWarning(words, FIX_CLASS_LIST), stacklevel=2)
        yield file, predictions, outcomes


def _counts(pending: OpenQuestions) -> dict[str, int]:
    never_rated = int(np.count_nonzero(pending.never_rated))
    return {"never_proposed": len(pending) - never_rated, "never_rated": never_rated}


def _to_json(pending: OpenQuestions, output: Path, top: int, limit: int | None) -> dict[str, Any]:
    return {
        "output": str(output),
        "questions": len(pending),
        "written": len(range(len(pending))[:limit]),
        **_counts(pending),
        "top": top,
        "models": [
            {"file": model, "questions": int(n), "unknown": unknown}
            for model, n, unknown in zip(pending.models, pending.named.sum(axis=0), pending.unknown, strict=True)
        ],
    }


def _print(call: Call, pending: OpenQuestions, classes: Classes, output: Path, limit: int | None) -> None:
    written = range(len(pending))[:limit]
    if len(pending):
        shown = call.first_rows(len(written), _MOST_QUESTIONS, "questions")
        rows = [_row(pending, row, classes) for row in written[:shown]]
        print_table(["image", "class", "name", "reason", "first for", "named by", "probability"], rows, text_columns=4)
    words = ", ".join(f"{count:,} {MISTAKES_IN_WORDS[kind]}" for kind, count in _counts(pending).items())
    number = counted(len(pending), "question")
    of_all = number if len(written) == len(pending) else f"{len(written):,} of {number}"
    call.tell(f"{output}: {of_all}{', the most informative first' if len(pending) else ''}")
    pairs = counted(len(pending), "predicted pair was", "predicted pairs were")
    call.tell(f"{pairs} in no label set and never asked about: {words}")
    for model, unknown in zip(pending.models, pending.unknown, strict=True):
        if unknown:
            call.tell(f"{model}: left out: {unknown:,} unknown")


def _row(pending: OpenQuestions, row: int, classes: Classes) -> list[object]:
    class_id = int(pending.questions.class_ids[row])
    probability = float(pending.probability[row])
    return [
        pending.image(row),
        str(class_id),
        classes.label(class_id),
        pending.reason(row),
        f"{pending.first[row]:,}",
        f"{np.count_nonzero(pending.named[row]):,}",
        None if np.isnan(probability) else f"{probability:.3f}",
    ]
