"""`reassess questions`: the predicted pairs that nobody was asked about."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.cli.common import Call, call_options, print_table, refuse_repeated
from reassess.cli.inputs import (
    FILE,
    each_model,
    joining_options,
    judge_options,
    load_judges,
    prediction_options,
)
from reassess.core.classes import Classes
from reassess.core.open_questions import OpenQuestions
from reassess.errors import DataError
from reassess.formats.files import check_output, suffix_of
from reassess.formats.open_questions import OPEN_QUESTIONS_SUFFIX, write_open_questions
from reassess.proposals.open_questions import open_questions
from reassess.text import counted

__all__ = ["questions"]

_SHOWN = 10


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="Write the questions as JSON lines.")
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
@prediction_options
@joining_options
@call_options
def questions(
    call: Call,
    files: tuple[Path, ...],
    output: Path,
    top: int,
    limit: int | None,
    labels: str | None,
    original: str | None,
    scores: str | None,
    **reading: Any,
) -> None:
    """List the predicted pairs that nobody was asked about.

    Each FILE holds one model's predictions, as for evaluate. OUT lists the predicted classes that are in no label set
    and that no rater was asked about: what most models predict comes first. --scores holds the pairs that were rated.
    """
    _check_call(call, files, output)
    judges = load_judges(call, labels, original, scores, max_bytes=reading["max_bytes"])
    if judges.scores is None:
        raise DataError(
            "which pairs were rated is not known: no scores are at hand",
            mend="reassess data fetch imagenet-real-scores, or pass --scores FILE with the columns image, class, score",
        )
    models = ((model.file, model.predictions, model.outcomes) for model in each_model(call, files, judges, **reading))
    found = open_questions(models, judges.labels, judges.scores, top=top)
    call.keep_inputs(output)
    write_open_questions(output, found, judges.labels.classes, limit=limit, force=call.force)
    if call.json:
        call.print_document("questions", _to_json(found, output, top, limit))
    else:
        _print(call, found, judges.labels.classes, output, limit)
        call.note_hashes("labels", "original", "scores")


def _check_call(call: Call, files: tuple[Path, ...], output: Path) -> None:
    """Refuse, before any work, what cannot be done."""
    refuse_repeated(files)
    suffix_of(output, (OPEN_QUESTIONS_SUFFIX,), "a list of questions")
    check_output(output, force=call.force)


def _counts(found: OpenQuestions) -> dict[str, int]:
    never_rated = int(np.count_nonzero(found.never_rated))
    return {"never_proposed": len(found) - never_rated, "never_rated": never_rated}


def _to_json(found: OpenQuestions, output: Path, top: int, limit: int | None) -> dict[str, Any]:
    return {
        "output": str(output),
        "questions": len(found),
        "written": len(range(len(found))[:limit]),
        **_counts(found),
        "top": top,
        "models": [
            {"file": model, "questions": int(n), "unknown": unknown}
            for model, n, unknown in zip(found.models, found.said.sum(axis=0), found.unknown, strict=True)
        ],
    }


def _print(call: Call, found: OpenQuestions, classes: Classes, output: Path, limit: int | None) -> None:
    written = range(len(found))[:limit]
    if len(found):
        rows = [_row(found, row, classes) for row in written[:_SHOWN]]
        print_table(["image", "class", "name", "reason", "first for", "named by", "probability"], rows, text_columns=4)
    kinds = {"never proposed": "never_proposed", "on images never rated": "never_rated"}
    words = ", ".join(f"{_counts(found)[name]:,} {text}" for text, name in kinds.items())
    number = counted(len(found), "question")
    of_all = number if len(written) == len(found) else f"{len(written):,} of {number}"
    call.note(f"{output}: {of_all}{', the most informative first' if len(found) else ''}")
    call.note(f"{len(found):,} predicted pairs were in no label set and never asked about: {words}")
    for model, unknown in zip(found.models, found.unknown, strict=True):
        if unknown:
            call.note(f"{model}: left out: {unknown:,} unknown")


def _row(found: OpenQuestions, row: int, classes: Classes) -> list[object]:
    class_id = int(found.questions.class_ids[row])
    probability = float(found.probability[row])
    return [
        found.image(row),
        str(class_id),
        classes.label(class_id),
        found.reason(row),
        f"{found.first[row]:,}",
        f"{np.count_nonzero(found.said[row]):,}",
        None if np.isnan(probability) else f"{probability:.3f}",
    ]
