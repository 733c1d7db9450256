"""`reassess show`: show everything known about one image."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import click

from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, add_common_options, reject_repeated_files
from reassess.cli.evaluation_inputs import (
    EvaluationInputs,
    load_evaluation_inputs,
    load_judged_mistakes,
    suggest_other_benchmark_in_errors,
)
from reassess.cli.help_pages import Command
from reassess.cli.options import add_label_options, add_prediction_options, match_option
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.screen import print_table, print_text
from reassess.core import Benchmark, Classes, Id, LabelSets, find_image
from reassess.data import find_part_path, to_benchmark_names
from reassess.data.benchmark_folders import PART_INSTRUCTIONS
from reassess.evaluation import Candidate, ImageSheet, image_sheet
from reassess.evaluation.evaluation_words import PREDICTION_NAMES, format_score_near_threshold
from reassess.text import join_and, join_first

_MAX_PRINTED_CLASSES, _MAX_PRINTED_RATERS = 10, 5  # classes, and raters per class, without --verbose
_EXPECTED_PARTS = ("scores", "votes")  # a note tells if a benchmark folder has none; golden answers are optional


@click.command(
    cls=Command, docs="docs/evaluate.md", examples=["reassess show 3", "reassess show tom.png a.csv --benchmark pets"]
)
@click.argument("image")
@click.argument("files", nargs=-1, type=INPUT_PATH_TYPE, metavar="[FILE...]")
@add_label_options
@add_prediction_options
@match_option
@add_common_options
def show(
    run: CommandRun,
    image: str,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
) -> None:
    """Show everything known about one image.

    Prints the original label and the valid classes; the score, votes and experts' answers of each candidate class; and
    the predictions of each FILE. IMAGE is a name such as ILSVRC2012_val_00000001, the end of a name, or the number at
    its end.
    """
    reject_repeated_files(files)
    inputs = load_evaluation_inputs(run, benchmark, labels, original, needs_votes=True, needs_labels=False)
    label_sets = inputs.labels
    other_parts = (inputs.original, inputs.scores, inputs.votes, inputs.experts)
    if not len(label_sets) and all(part is None for part in other_parts):
        find_part_path(inputs.benchmark, "labels", needed_by="show")
    (image,) = to_benchmark_names([image], inputs.benchmark)
    image_lists = [part.images for part in (label_sets, *other_parts) if part is not None]
    image = find_image(image, tuple(dict.fromkeys(chain.from_iterable(image_lists))))
    with suggest_other_benchmark_in_errors(inputs.is_imagenet_by_default):
        sheet = image_sheet(
            image,
            labels=label_sets,
            original=inputs.original,
            scores=inputs.scores,
            votes=inputs.votes,
            experts=inputs.experts,
            predictions=dict(iter_predictions(run, files, inputs)),
            judged=load_judged_mistakes(run, inputs) if files else None,
        )
    if run.json:
        run.print_json("show", sheet.to_json(label_sets.classes))
    else:
        _print_image_sheet(run, sheet, inputs)
        if notes := [*_describe_missing_parts(inputs), *([inputs.class_names_note] if inputs.class_names_note else [])]:
            run.add_note("\n" + "\n".join(notes))


def _print_image_sheet(run: CommandRun, sheet: ImageSheet, inputs: EvaluationInputs) -> None:
    classes = inputs.labels.classes
    print_text(f"image      {sheet.image}")
    original_id = sheet.original_class_id
    print_text(f"original   {'unknown' if original_id is None else _format_class(classes, original_id)}")
    print_text(f"valid      {_format_valid_classes(sheet, inputs.labels)}")
    print_text("")
    if sheet.candidates is None:
        print_text("Candidate classes are unknown, because scores and votes are missing.")
    elif sheet.candidates:
        score = "probability" if inputs.scores is not None and inputs.scores.is_exclusive else "score"
        headings = ["class", "name", score, "valid", "votes", "raters", "experts"]
        candidates = sheet.candidates[: run.limit_printed_rows(len(sheet.candidates), _MAX_PRINTED_CLASSES, "classes")]
        max_raters = max(len(candidate.votes) for candidate in candidates) if run.verbose else _MAX_PRINTED_RATERS
        print_table(
            headings,
            [_make_candidate_row(candidate, sheet, inputs, max_raters) for candidate in candidates],
            n_text_columns=7,
        )
        if sheet.n_raters:
            all_printed = len(candidates) == len(sheet.candidates)
            suffix = "; all chosen classes are listed" if all_printed else ""
            print_text(f"Raters chose one class per image{suffix}.")
        if any(sum(rater is not None for rater, _ in candidate.votes) > max_raters for candidate in candidates):
            run.add_note("to print all raters: --verbose")
    else:
        print_text("The image is unrated: raters were not asked about it.")
    for file, class_ids in sheet.predictions.items():
        print_text(f"\n{file}: {_format_prediction(class_ids, sheet, classes)}")


def _describe_missing_parts(inputs: EvaluationInputs) -> list[str]:
    """Return a sentence for each missing part of the benchmark, with how to get the part."""
    parts, benchmark = {"scores": inputs.scores, "votes": inputs.votes, "golden": inputs.experts}, inputs.benchmark
    missing_parts = [part for part, data in parts.items() if data is None]
    if benchmark.folder is not None:
        return [f"{part} are missing: {PART_INSTRUCTIONS[part]}" for part in missing_parts if part in _EXPECTED_PARTS]
    missing_parts = [part for part in missing_parts if part in benchmark.sources]
    if not missing_parts:
        return []
    names = join_and(["golden answers" if part == "golden" else part for part in missing_parts])
    sources = " ".join(benchmark.sources[part] for part in missing_parts)
    return [f"{names} are missing: reassess fetch {sources}"]


def _format_valid_classes(sheet: ImageSheet, labels: LabelSets) -> str:
    if sheet.valid_class_ids is None:
        return f"unknown: {'the image is not in the label sets' if len(labels) else 'label sets are missing'}"
    texts = [_format_class(labels.classes, class_id) for class_id in sheet.valid_class_ids]
    return "; ".join(texts) or PREDICTION_NAMES["no_class"]


def _format_prediction(class_ids: tuple[int | None, ...] | None, sheet: ImageSheet, classes: Classes) -> str:
    """Format the classes that a model predicts, and how raters judged each class."""
    if class_ids is None:
        return "the image is not in this file"
    texts = (
        PREDICTION_NAMES["no_class"]
        if class_id is None
        else _format_class(classes, class_id) + (f" ({text})" if (text := sheet.describe_prediction(class_id)) else "")
        for class_id in class_ids
    )
    return "; ".join(texts) or PREDICTION_NAMES["no_class"]


def _make_candidate_row(
    candidate: Candidate, sheet: ImageSheet, inputs: EvaluationInputs, max_raters: int
) -> list[str | None]:
    if sheet.n_raters is None:
        raters = [f"{rater}: {answer}" for rater, answer in candidate.votes]
    else:
        raters = [str(rater) for rater, _ in candidate.votes if rater is not None]
    return [
        str(candidate.class_id),
        inputs.labels.classes.short_name(candidate.class_id),
        None if candidate.score is None else format_score_near_threshold(candidate.score, inputs.threshold, digits=4),
        "valid" if candidate.class_id in (sheet.valid_class_ids or ()) else "",
        _format_vote_counts(candidate.votes, sheet.n_raters),
        join_first(raters, max_items=max_raters),
        _format_vote_counts(candidate.expert_votes, sheet.n_experts),
    ]


def _format_vote_counts(rater_answers: Sequence[tuple[Id | None, Id]], n_raters_of_image: int | None) -> str:
    """Format the number of votes by answer. If raters chose one class per image: how many chose this class."""
    if n_raters_of_image is not None:
        return f"{len(rater_answers)} of {n_raters_of_image}" if n_raters_of_image else ""
    counts = Counter(answer for _, answer in rater_answers)
    return ", ".join(f"{n} {answer}" for answer, n in counts.most_common())


def _format_class(classes: Classes, class_id: int) -> str:
    label = classes.short_name(class_id)
    return label if label == str(class_id) else f"{class_id} {label}"
