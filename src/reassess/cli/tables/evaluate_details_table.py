"""Multi-label accuracy as `reassess evaluate` prints it."""

from collections.abc import Iterator

from reassess.cli.call import Call, percent, percents
from reassess.cli.screen import print_table
from reassess.core import Classes
from reassess.evaluation import MultiLabelAccuracy
from reassess.text import counted, shared


def print_multi_label(call: Call, reviewed: dict[str, MultiLabelAccuracy], classes: Classes, *, by_class: bool) -> None:
    """Print each model's multi-label accuracy, by file and, if asked, by class, and what it means."""
    counts = ["valid", "unclear", "wrong", "unreviewed"]
    headings = ["multi-label", *counts, "strict %", "95 %", "over classes %", "lenient %", "95 %", "over classes %"]
    print_table(headings, [_row(file, part, counts) for file, part in reviewed.items()])
    for file, part in reviewed.items():
        if by_class and part.by_class is not None:
            _print_by_class(file, part, classes)
    for line in shared({file: _not_scored(part) for file, part in reviewed.items()}):
        call.tell(line)
    for line in _footnotes(reviewed):
        call.note(line)


def _row(file: str, part: MultiLabelAccuracy, counts: list[str]) -> list[str | None]:
    cells: list[str | None] = [file, *(f"{getattr(part, name):,}" for name in counts)]
    for of_images, of_classes in ((part.accuracy, part.class_accuracy), (part.lenient, part.class_lenient)):
        cells += [percent(of_images), percents(of_images), percent(of_classes)]
    return cells


def _print_by_class(file: str, part: MultiLabelAccuracy, classes: Classes) -> None:
    rows = [
        [
            *(entry[name] for name in ("class", "name", "images", "valid", "unclear")),
            percent(entry["unclear_excluded"]),
            percent(entry["unclear_is_correct"]),
        ]
        for entry in part.classes_to_json(classes)
    ]
    headings = ["original label", "name", "images", "valid", "unclear", "strict %", "lenient %"]
    print_table(headings, rows, title=file, text_columns=2)


def _not_scored(part: MultiLabelAccuracy) -> str:
    counts = f"{part.problematic:,} problematic, {part.empty:,} without a valid class, {part.unknown:,} not reviewed"
    images = counted(part.problematic + part.empty + part.unknown, "image")
    return f"multi-label: {images} not scored ({counts})"


def _footnotes(reviewed: dict[str, MultiLabelAccuracy]) -> Iterator[str]:
    yield "strict: without images whose first class is unclear; lenient: unclear is correct; unreviewed is wrong"
    for reason in dict.fromkeys(part.reason for part in reviewed.values() if part.reason is not None):
        yield f"no mean over classes: {reason}"
