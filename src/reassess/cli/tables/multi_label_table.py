"""The tables of multi-label accuracy, by labels that can be valid, unclear or wrong."""

from collections.abc import Iterator

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import print_table
from reassess.core import Classes
from reassess.evaluation import MultiLabelAccuracy
from reassess.text import count_noun, group_files_with_same_text


def print_multi_label_accuracy(
    run: CommandRun, accuracies: dict[str, MultiLabelAccuracy], classes: Classes, *, by_class: bool
) -> None:
    """Print multi-label accuracy by model and, with `by_class`, by class."""
    counts = ["valid", "unclear", "wrong", "unreviewed"]
    headings = ["multi-label", *counts, "strict %", "95 %", "over classes %", "lenient %", "95 %", "over classes %"]
    print_table(headings, [_make_multi_label_row(file, accuracy, counts) for file, accuracy in accuracies.items()])
    for file, accuracy in accuracies.items():
        if by_class and accuracy.counts_by_class is not None:
            _print_multi_label_classes(file, accuracy, classes)
    for line in group_files_with_same_text(
        {file: _describe_unscored_images(accuracy) for file, accuracy in accuracies.items()}
    ):
        run.print_line(line)
    for line in _make_multi_label_footnotes(accuracies):
        run.add_note(line)


def _make_multi_label_row(file: str, accuracy: MultiLabelAccuracy, count_names: list[str]) -> list[str | None]:
    cells: list[str | None] = [file, *(f"{getattr(accuracy, f'n_{name}'):,}" for name in count_names)]
    for image_share, class_share in (
        (accuracy.accuracy, accuracy.mean_class_accuracy),
        (accuracy.lenient_accuracy, accuracy.mean_class_lenient_accuracy),
    ):
        cells += [format_percent_cell(image_share), format_interval_cell(image_share), format_percent_cell(class_share)]
    return cells


def _print_multi_label_classes(file: str, accuracy: MultiLabelAccuracy, classes: Classes) -> None:
    rows = [
        [
            *(entry[name] for name in ("class", "name", "images", "valid", "unclear")),
            format_percent_cell(entry["unclear_excluded"]),
            format_percent_cell(entry["unclear_is_correct"]),
        ]
        for entry in accuracy.classes_to_json(classes)
    ]
    headings = ["original label", "name", "images", "valid", "unclear", "strict %", "lenient %"]
    print_table(headings, rows, title=file, n_text_columns=2)


def _describe_unscored_images(accuracy: MultiLabelAccuracy) -> str:
    counts = (
        f"{accuracy.n_problematic:,} problematic, {accuracy.n_empty:,} without a valid class, {accuracy.n_unknown:,} "
        "not reviewed"
    )
    images = count_noun(accuracy.n_problematic + accuracy.n_empty + accuracy.n_unknown, "image")
    return f"multi-label: {images} not scored ({counts})"


def _make_multi_label_footnotes(accuracies: dict[str, MultiLabelAccuracy]) -> Iterator[str]:
    yield "strict: images whose first class is unclear do not count; lenient: unclear is correct; unreviewed is wrong"
    for reason in dict.fromkeys(
        accuracy.why_no_mean_class_accuracy
        for accuracy in accuracies.values()
        if accuracy.why_no_mean_class_accuracy is not None
    ):
        yield f"no mean over classes: {reason}"
