"""`reassess show`: everything known about one image."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import click

from reassess.cli.call import FILE, Call, call_options, refuse_repeated
from reassess.cli.help_pages import Command
from reassess.cli.judges import Judges, load_judges, taken_for_imagenet
from reassess.cli.options import judge_options, match_option, prediction_options
from reassess.cli.prediction_inputs import each_prediction
from reassess.cli.screen import print_table, say
from reassess.core import Benchmark, Classes, Id, LabelSets, find_image
from reassess.data import benchmark_names, part_path
from reassess.data.benchmark_folders import MADE_BY
from reassess.evaluation import Candidate, ImageSheet, image_sheet
from reassess.evaluation.evaluation_words import PREDICTIONS_IN_WORDS, score_in_words
from reassess.text import some, together

_MOST_CLASSES, _MOST_RATERS = 10, 5  # unless all are asked for: classes, and raters of each
_MOSTLY_THERE = ("scores", "votes")  # of an own benchmark; golden answers are for those who want them


@click.command(
    cls=Command, docs="docs/evaluate.md", examples=["reassess show 3", "reassess show tom.png a.csv --benchmark pets"]
)
@click.argument("image")
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE...]")
@judge_options
@prediction_options
@match_option
@call_options
def show(
    call: Call,
    image: str,
    files: tuple[Path, ...],
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
) -> None:
    """Show everything known about one image.

    Its original label, its valid classes, the score and every vote of each candidate class, the experts' answers, and
    the predictions of each FILE. IMAGE is a name such as ILSVRC2012_val_00000001, the end of one, or the number at its
    end.
    """
    refuse_repeated(files)
    judges = load_judges(call, benchmark, labels, original, with_votes=True, labels_needed=False)
    known = judges.labels
    others = (judges.original, judges.scores, judges.votes, judges.experts)
    if not len(known) and all(part is None for part in others):
        part_path(judges.benchmark, "labels", needed_by="show")
    (image,) = benchmark_names([image], judges.benchmark)
    held = [part.images for part in (known, *others) if part is not None]
    image = find_image(image, tuple(dict.fromkeys(chain.from_iterable(held))))
    with taken_for_imagenet(judges.by_default):
        sheet = image_sheet(
            image,
            labels=known,
            original=judges.original,
            scores=judges.scores,
            votes=judges.votes,
            experts=judges.experts,
            predictions=dict(each_prediction(call, files, judges)),
        )
    if call.json:
        call.print_document("show", sheet.to_json(known.classes))
    else:
        _print(call, sheet, judges)
        if notes := [*_missing(judges), *([judges.no_names] if judges.no_names else [])]:
            call.note("\n" + "\n".join(notes))


def _print(call: Call, sheet: ImageSheet, judges: Judges) -> None:
    classes = judges.labels.classes
    say(f"image      {sheet.image}")
    say(f"original   {'unknown' if sheet.original is None else _named(classes, sheet.original)}")
    say(f"valid      {_valid(sheet, judges.labels)}")
    say("")
    if sheet.candidates is None:
        say("The candidate classes are unknown: scores and votes are missing.")
    elif sheet.candidates:
        score = "probability" if judges.scores is not None and judges.scores.exclusive else "score"
        headings = ["class", "name", score, "valid", "votes", "raters", "experts"]
        shown = sheet.candidates[: call.first_rows(len(sheet.candidates), _MOST_CLASSES, "classes")]
        most = max(len(one.votes) for one in shown) if call.verbose else _MOST_RATERS
        print_table(headings, [_row(one, sheet, judges, most) for one in shown], text_columns=7)
        if sheet.n_raters:
            others = "; nobody chose a class that is not listed" if len(shown) == len(sheet.candidates) else ""
            say(f"Raters chose one class per image{others}.")
        if any(sum(rater is not None for rater, _ in one.votes) > most for one in shown):
            call.note("--verbose names every rater")
    else:
        say("The image is unrated: raters were not asked about any class.")
    for file, best in sheet.predictions.items():
        say(f"\n{file}: {_predicted(best, sheet, classes)}")


def _missing(judges: Judges) -> list[str]:
    """Which parts of the benchmark are missing, and how to get each."""
    parts, benchmark = {"scores": judges.scores, "votes": judges.votes, "golden": judges.experts}, judges.benchmark
    missing = [part for part, noun in parts.items() if noun is None]
    if benchmark.folder is not None:
        return [f"{part} are missing: {MADE_BY[part]}" for part in missing if part in _MOSTLY_THERE]
    missing = [part for part in missing if part in benchmark.sources]
    if not missing:
        return []
    names = together(["golden answers" if part == "golden" else part for part in missing])
    sources = " ".join(benchmark.sources[part] for part in missing)
    return [f"{names} are missing: reassess fetch {sources}"]


def _valid(sheet: ImageSheet, labels: LabelSets) -> str:
    if sheet.valid is None:
        return f"unknown: {'the image is not in the label sets' if len(labels) else 'label sets are missing'}"
    return "; ".join(_named(labels.classes, i) for i in sheet.valid) or PREDICTIONS_IN_WORDS["no_class"]


def _predicted(best: tuple[int | None, ...] | None, sheet: ImageSheet, classes: Classes) -> str:
    """The classes that a model names, each with what is known of it."""
    if best is None:
        return "nothing: the image is not in the file"
    known = {class_id: PREDICTIONS_IN_WORDS[kind] for class_id, kind in sheet.mistake_kinds.items()}
    known |= dict.fromkeys(sheet.valid or (), "valid")
    words = (
        PREDICTIONS_IN_WORDS["no_class"] if i is None else _named(classes, i) + (f" ({known[i]})" if i in known else "")
        for i in best
    )
    return "; ".join(words) or PREDICTIONS_IN_WORDS["no_class"]


def _row(one: Candidate, sheet: ImageSheet, judges: Judges, most: int) -> list[str | None]:
    if sheet.n_raters is None:
        raters = [f"{rater}: {answer}" for rater, answer in one.votes]
    else:
        raters = [str(rater) for rater, _ in one.votes if rater is not None]
    return [
        str(one.class_id),
        judges.labels.classes.label(one.class_id),
        None if one.score is None else score_in_words(one.score, judges.threshold, digits=4),
        "valid" if one.class_id in (sheet.valid or ()) else "",
        _vote_counts(one.votes, sheet.n_raters),
        some(raters, most=most),
        _vote_counts(one.expert_votes, sheet.n_experts),
    ]


def _vote_counts(votes: Sequence[tuple[Id | None, Id]], choosers: int | None) -> str:
    """How often each answer was given; or how many chose the class, of all who chose one."""
    if choosers is not None:
        return f"{len(votes)} of {choosers}" if choosers else ""
    counts = Counter(answer for _, answer in votes)
    return ", ".join(f"{n} {answer}" for answer, n in counts.most_common())


def _named(classes: Classes, class_id: int) -> str:
    label = classes.label(class_id)
    return label if label == str(class_id) else f"{class_id} {label}"
