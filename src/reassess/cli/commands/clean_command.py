"""`reassess clean`: find wrong labels from held-out predictions."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
import numpy as np

from reassess.cleaning import (
    MIN_LABEL_QUALITY,
    CleaningMethod,
    HeldOutPredictions,
    decide_checked_labels,
    find_label_errors,
)
from reassess.cli.clean_outputs import CleaningOutputs, KeptLabelsOption
from reassess.cli.command_run import (
    INPUT_PATH_TYPE,
    OUTPUT_PATH_TYPE,
    CommandRun,
    add_common_options,
    find_unused_path,
    format_percent_cell,
    make_benchmark_arguments,
    reject_repeated_files,
)
from reassess.cli.duplicate_inputs import load_duplicate_groups
from reassess.cli.evaluation_inputs import load_original_and_golden
from reassess.cli.help_pages import Choice, Command, benchmark_section_option
from reassess.cli.options import ParsedType, add_prediction_options, benchmark_option, match_option, output_option
from reassess.cli.packages import check_packages
from reassess.cli.part_inputs import apply_match_option
from reassess.cli.prediction_inputs import iter_predictions
from reassess.cli.screen import print_table, print_text
from reassess.core import Benchmark, CheckedLabels, Cleaning, Folds, LabelNoise, LabelSets, Sample, Votes
from reassess.data import to_benchmark_names
from reassess.errors import DataError, add_error_place
from reassess.formats import read_folds, read_sample
from reassess.text import count_noun, format_expected_count, group_files_with_same_text, join_first

_MAX_PRINTED_ROWS, _MAX_VERBOSE_ROWS = 5, 100  # rows of each table; kinds of wrong labels with --verbose
_N_QUESTIONS_TO_DRAW = 300  # golden questions that the printed command draws
_SCORE_KINDS: dict[str | None, str] = {
    "logits": "; probabilities by softmax of logits",
    "bounded": "; scores in [0, 1] that do not sum to 1 are taken as logits",
}


@click.command(
    cls=Command,
    examples=[
        "reassess clean heldout.npz --original train.csv -o wrong.csv --details details.parquet",
        "reassess clean heldout.npz --original train.csv --choose precision=0.9 -o kept.txt",
    ],
    docs="docs/cleaning.md",
)
@click.argument("files", nargs=-1, required=True, type=INPUT_PATH_TYPE, metavar="FILE...")
@output_option("TABLE|TXT", "Write the wrong labels: csv, tsv, jsonl or parquet; or the kept images: txt.")
@click.option(
    "--details", type=OUTPUT_PATH_TYPE, metavar="TABLE", help="Write a row for each label: csv, tsv, jsonl or parquet."
)
@click.option(
    "--page",
    "html_page",
    type=OUTPUT_PATH_TYPE,
    metavar="HTML",
    help="Write a page of the worst labels with their images.",
)
@click.option(
    "--images", type=INPUT_PATH_TYPE, metavar="DIR|ZIP|TAR", help="Images for --page.  [default: the benchmark's]"
)
@click.option(
    "--method",
    type=Choice(get_args(CleaningMethod)),
    default="posterior",
    show_default=True,
    help="How to find wrong labels. posterior: labels with a low probability. consistent: labels that differ from the "
    "held-out prediction. confident: labels that cleanlab reports.",
)
@click.option(
    "--choose",
    "kept_labels",
    type=ParsedType("threshold=P or precision=P", KeptLabelsOption.parse),
    metavar="threshold=P|precision=P",
    help="Labels to keep with --method posterior. threshold=P: labels with a quality of at least P. precision=P: as "
    "many labels as possible, while an expected share P of them is correct.  "
    f"[default: threshold={MIN_LABEL_QUALITY}]",
)
@benchmark_option
@benchmark_section_option("--original", metavar="NAME|FILE", help="The labels to clean.  [default: the benchmark's]")
@benchmark_section_option(
    "--golden",
    metavar="NAME|FILE",
    help="People's answers about some labels. If the file has the columns probability and stratum, its labels are "
    "taken as a random sample.  [default: none]",
)
@add_prediction_options
@match_option
@add_common_options
def clean(
    run: CommandRun,
    files: tuple[Path, ...],
    output: Path,
    details: Path | None,
    html_page: Path | None,
    images: Path | None,
    method: CleaningMethod,
    kept_labels: KeptLabelsOption | None,
    benchmark: Benchmark | None,
    original: str | None,
    golden: str | None,
) -> None:
    """Find wrong labels from held-out predictions.

    Each FILE contains a model's predictions for images that it was not trained on: all images, for a pretrained model,
    or one fold, for your own model. Files that together contain each image once are one repetition, such as one run of
    cross-validation. Repetitions and models are combined into one result per label. With a benchmark folder, the folds
    are checked: each file must have exactly one fold, and duplicates must be in the same fold.
    """
    reject_repeated_files(files)
    if benchmark is None and original is None:
        raise click.UsageError("Give the labels to clean: --original FILE, or --benchmark FOLDER.")
    for option, value in (("--choose", kept_labels), ("--golden", golden)):
        if value is not None and method != "posterior":
            raise click.UsageError(f"{option} needs --method posterior.")
    if method == "confident":
        check_packages("confident", "--method confident")
    kept_labels = kept_labels or KeptLabelsOption()
    outputs = CleaningOutputs.from_options(run, output, details, html_page, images, benchmark)
    source = apply_match_option(run, benchmark or Benchmark())
    inputs = load_original_and_golden(run, source, original, golden)
    if inputs.original is None:
        raise click.UsageError("The benchmark has no original labels: give --original FILE.")
    _check_answer_classes(inputs.original, inputs.files, inputs.experts)
    predictions_read = dict(iter_predictions(run, files, inputs))
    folds = _load_folds(run, inputs.benchmark)
    groups = _load_duplicates(run, inputs.benchmark, inputs.original) if folds else []
    match = inputs.benchmark.match or "path"
    held_out = HeldOutPredictions.from_predictions(
        predictions_read, inputs.original, folds=folds, duplicates=groups, match=match
    )
    checked = None if inputs.experts is None else decide_checked_labels(inputs.experts)
    cleaning = find_label_errors(
        held_out,
        method,
        threshold=kept_labels.threshold,
        precision=kept_labels.precision,
        checked_labels=checked,
        sample=_load_sample_of_golden_images(inputs.files, inputs.benchmark),
    )
    page_contents = outputs.write_files_and_page(run, cleaning, match)
    if not outputs.lists_kept_images and not cleaning.is_kept.all():
        _suggest_checking_labels(run, output, benchmark)
    if run.json:
        results = {
            **outputs.to_json(page_contents),
            **kept_labels.to_json(method),
            "repetitions": held_out.n_repetitions,
        }
        run.print_json("clean", {**results, **cleaning.to_json()})
        return
    _print_cleaning(run, cleaning, outputs, benchmark, repetitions=held_out.n_repetitions)
    if page_contents is not None:
        images_text = count_noun(page_contents.n_images, "image")
        run.print_line(f"{html_page}: {images_text}, {page_contents.n_thumbnails:,} with a thumbnail")
    _add_file_notes(run, held_out, method, has_folds=bool(folds))
    if checked is not None and checked.expert_truth is not None and checked.expert_truth.note is not None:
        run.add_note(checked.expert_truth.note)
    run.print_inputs("predictions", "original", "golden", "folds", "duplicates")


def _suggest_checking_labels(run: CommandRun, wrong_labels_file: Path, benchmark: Benchmark | None) -> None:
    """Suggest a command that creates a campaign to check labels; if there are no images, suggest making tasks."""
    if benchmark is None or "images" not in benchmark.sources:
        run.suggest_command(
            "tasks", wrong_labels_file, *make_benchmark_arguments(benchmark), "-o", find_unused_path("tasks.jsonl")
        )
    else:
        run.suggest_command(
            "annotate",
            "create",
            find_unused_path(f"{wrong_labels_file.stem}.db"),
            wrong_labels_file,
            *make_benchmark_arguments(benchmark),
        )


def _check_answer_classes(original: LabelSets, files: Mapping[str, Path], answers: Votes | None) -> None:
    """Raise an error if an answer is a class that is not the label of any image."""
    if answers is None or answers.classes is None:
        return
    unknown_names = [answers.classes.short_name(c) for c in np.setdiff1d(answers.class_ids, original.indices).tolist()]
    if unknown_names:
        class_names = [original.classes.short_name(class_id) for class_id in np.unique(original.indices).tolist()]
        raise DataError(
            "unknown-class",
            "answer is not a class of the labels",
            where=files["golden"],
            allowed=f"the correct class of an image: {join_first(class_names, max_items=3)}; "
            "or yes, maybe and no, with a class in the column 'class'",
            found=join_first(unknown_names, max_items=3),
            fix="correct or delete these answers",
        )


def _load_sample_of_golden_images(files: Mapping[str, Path], benchmark: Benchmark) -> Sample | None:
    """Read which golden images are a random sample; None if the golden file does not tell."""
    sample = read_sample(files["golden"]) if "golden" in files else None
    return None if sample is None else sample.with_images(to_benchmark_names(sample.images, benchmark))


def _load_folds(run: CommandRun, benchmark: Benchmark) -> list[Folds]:
    """Read the folds of a benchmark folder; an empty list without folds."""
    source = benchmark.sources.get("folds")
    if source is None:
        return []
    folds = read_folds(run.add_input("folds", Path(source)))
    with add_error_place(source):
        return [replace(folds, images=to_benchmark_names(folds.images, benchmark))]


def _load_duplicates(run: CommandRun, benchmark: Benchmark, labels: LabelSets) -> list[tuple[str, ...]]:
    """Read the groups of duplicates of a benchmark folder."""
    source = benchmark.sources.get("duplicates")
    return [] if source is None else load_duplicate_groups(run, source, labels, benchmark).groups


def _add_file_notes(run: CommandRun, held_out: HeldOutPredictions, method: CleaningMethod, *, has_folds: bool) -> None:
    """Add notes on how each file was read, and on files that are not compared with a fold."""
    kinds = {} if method == "consistent" else _SCORE_KINDS
    for file in held_out.files:
        if has_folds and file.label_rows.size == len(held_out.labels):
            run.add_note(f"{file.name} has predictions for all images, so it is not compared with a fold")
    for line in group_files_with_same_text(
        {file.name: f"{file.predictions.detected_format}{kinds.get(file.score_kind, '')}" for file in held_out.files}
    ):
        run.add_note(line)


def _print_cleaning(
    run: CommandRun, cleaning: Cleaning, outputs: CleaningOutputs, benchmark: Benchmark | None, *, repetitions: int
) -> None:
    """Print the number of wrong labels, then tables of labels, kinds of wrong labels, and classes."""
    kept_count, images = int(cleaning.is_kept.sum()), count_noun(len(cleaning), "image")
    if outputs.lists_kept_images:
        run.print_line(
            f"{outputs.output}: {kept_count:,} of {images} kept, {format_percent_cell(kept_count / len(cleaning))} %"
        )
    else:
        run.print_line(
            f"{outputs.output}: {len(cleaning) - kept_count:,} of {len(cleaning):,} labels are probably wrong"
        )
    if repetitions > 1:
        run.print_line(f"{repetitions} repetitions")
    if cleaning.noise is not None:
        run.print_line(
            _describe_wrong_label_share(
                cleaning.noise, _make_sampling_command(len(cleaning), outputs.details, benchmark)
            )
        )
    run.print_line("")
    if not outputs.lists_kept_images:
        _print_worst_labels(run, cleaning)
    class_name = cleaning.classes.short_name
    mistakes = [] if cleaning.noise is None else cleaning.noise.most_frequent_mistakes(_MAX_VERBOSE_ROWS)
    mistakes = mistakes[: run.limit_printed_rows(len(mistakes), _MAX_PRINTED_ROWS, "kinds of wrong labels")]
    if mistakes:
        cells = [
            [class_name(truth), class_name(label), format_expected_count(count), format_percent_cell(share)]
            for truth, label, count, share in mistakes
        ]
        print_table(["true class", "label", "images (estimate)", "% of true class"], cells, n_text_columns=2)
        print_text("")
    counts_by_class = cleaning.by_class()
    limit = run.limit_printed_rows(len(counts_by_class), _MAX_PRINTED_ROWS, "classes")
    rows = [
        [class_name(class_id), f"{count:,}", f"{wrong:,}", format_percent_cell(wrong / count)]
        for class_id, count, wrong in counts_by_class[:limit]
    ]
    print_table(["class", "images", "dropped" if outputs.lists_kept_images else "wrong", "%"], rows)


def _print_worst_labels(run: CommandRun, cleaning: Cleaning) -> None:
    """Print the images with the worst labels."""
    rows = cleaning.dropped_rows
    if not rows.size:
        return
    rows = rows[: run.limit_printed_rows(rows.size, _MAX_PRINTED_ROWS, "wrong labels")]
    class_name, cells = cleaning.classes.short_name, []
    for row in rows.tolist():
        suggested, quality = int(cleaning.suggested_class_ids[row]), float(cleaning.label_quality[row])
        suggested_name = class_name(suggested) if suggested >= 0 else None
        cells.append(
            [cleaning.images[row], class_name(int(cleaning.class_ids[row])), suggested_name, _format_quality(quality)]
        )
    print_table(["image", "label", "suggested", "label quality"], cells, n_text_columns=3)
    print_text("")


def _format_quality(quality: float) -> str | None:
    if np.isnan(quality):
        return None
    return "<0.0001" if 0 < quality < 0.0001 else f"{quality:.4f}"


def _make_sampling_command(n_images: int, details: Path | None, benchmark: Benchmark | None) -> str:
    """Return the command that draws a random sample of all labels as golden questions."""
    table = details or find_unused_path("all.csv")
    draw = [
        *make_benchmark_arguments(benchmark),
        "--golden",
        min(_N_QUESTIONS_TO_DRAW, n_images),
        "-o",
        find_unused_path("tasks.jsonl"),
    ]
    command = shlex.join(map(str, ["reassess", "tasks", table, *draw]))
    return command if details else f"add --details {table}, then {command}"


def _describe_wrong_label_share(noise: LabelNoise, sampling_command: str) -> str:
    if noise.checked_labels is not None and noise.checked_labels.interval is not None:
        return _describe_checked_labels(noise.checked_labels, noise.wrong_share)
    text = (
        f"about {format_percent_cell(noise.wrong_share)} % of labels are wrong, if model and labels err almost "
        "independently; the "
        "estimate may be far off if the model is poor or has learned the mistakes"
    )
    if noise.checked_labels is None:
        return f"{text}\nto check it, let experts answer a random sample: {sampling_command}"
    return f"{text}\n{_explain_unused_answers(noise.checked_labels, sampling_command)}"


def _explain_unused_answers(checked: CheckedLabels, sampling_command: str) -> str:
    """Explain why checked labels do not improve the estimated share of wrong labels, and what to do."""
    reason = "they are not a random sample, so they say nothing about other labels"
    if checked.n_drawn:
        share_text = f"{format_percent_cell(checked.represented_share)} % of the labels"
        reason = (
            f"{checked.n_drawn:,} were drawn at random, but only from {share_text}, so the estimate for all does not "
            "use them"
        )
    advice = f"for a sample of all labels: {sampling_command}"
    if checked.n_other_answers:
        images = count_noun(checked.n_other_answers, "image drawn at random has", "images drawn at random have")
        reason = f"{images} answers, but not about the label, so the estimate for all does not use them"
        advice = "let experts answer about the labels of these images"
    return f"{checked.n_checked:,} labels were checked, {checked.n_wrong:,} of them wrong; {reason}\n{advice}"


def _describe_checked_labels(checked: CheckedLabels, wrong_share: float) -> str:
    assert checked.interval is not None
    low, high = map(format_percent_cell, checked.interval)
    text = (
        f"{checked.n_checked:,} labels were checked, {checked.n_wrong:,} of them wrong; about "
        f"{format_percent_cell(wrong_share)} % of "
        f"all labels are wrong, by the model and the {checked.n_drawn:,} drawn at random (95 % interval: {low} to "
        f"{high})"
    )
    if checked.is_model_share_plausible:
        return text
    share_by_model = format_percent_cell(checked.wrong_share_by_model)
    return f"{text}; the model alone estimates {share_by_model} %, outside their 99 % interval"
