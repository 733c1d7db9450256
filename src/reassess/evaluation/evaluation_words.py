"""Texts about evaluations that all outputs share: headings, and notes about missing results."""

import re
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from reassess.core import Benchmark, Classes, LabelSets, Match, Scores
from reassess.core.image_names import match_images
from reassess.errors import Fix, ReassessWarning
from reassess.evaluation.class_list import FoundClassList
from reassess.evaluation.class_list_search import MAX_SEARCHED_CLASSES, select_labelled_predictions
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.result import Evaluation
from reassess.numeric import Proportion
from reassess.numeric.proportions import MIN_P_VALUE
from reassess.text import (
    count_noun,
    escape_controls,
    format_percent,
    format_percent_interval,
    join_and,
    join_first,
    shorten,
)

_MAX_EASILY_CONFUSED_CLASSES = 5  # with so few classes, a model can confuse most of them
# Measured limits of the search for class lists: with this many images (in total, and per class), it finds any order of
# the classes if the model has this accuracy in percent.
_MIN_IMAGES, _MIN_IMAGES_PER_CLASS, _MIN_ACCURACY, _MIN_ACCURACY_WITH_FEW_CLASSES = 500, 20, 40, 70
_MAX_LETTERS = 12  # letters: then a table of accuracies has at most 80 columns, and the title of an axis fits too
_MAX_LETTERS_WITH_THRESHOLD = 8  # letters before a threshold
_NAME_WITH_THRESHOLD = re.compile(r"(?P<name>.+)(?P<at> at [0-9.e-]+)")

FIX_CLASS_LIST = Fix("read the file with the class list of {find_class_list}", find_class_list=None)
MISTAKE_NAMES = {
    "no_class": "of no class",
    "expert_valid": "valid to most experts",
    "rejected_by_experts": "rejected by experts",
    "asked_and_rejected": "asked and rejected",
    "not_asked": "not asked about",
    "never_rated": "on unrated images",
}
# The words for one prediction on one image.
PREDICTION_NAMES = MISTAKE_NAMES | {"no_class": "no class", "never_rated": "image is unrated"}
_RARE_KINDS = ("no_class", "expert_valid")


def describe_mistake_counts(counts: Mapping[str, int | None], kind_names: Mapping[str, str]) -> str:
    """Describe mistake counts by kind in words; rare kinds are named only if they occur."""
    shown_counts = {kind: n for kind, n in counts.items() if n or (n is not None and kind not in _RARE_KINDS)}
    return ", ".join(f"{n:,} {kind_names[kind]}" for kind, n in shown_counts.items())


def shorten_label_set_name(name: str) -> str:
    """Shorten the name of label sets for headings and charts, but keep a threshold at its end."""
    title = escape_controls(name)
    cut = _NAME_WITH_THRESHOLD.fullmatch(title)
    return (
        shorten(title, _MAX_LETTERS) if cut is None else shorten(cut["name"], _MAX_LETTERS_WITH_THRESHOLD) + cut["at"]
    )


def describe_missing_class_names(benchmark: Benchmark, classes: Classes) -> str | None:
    """Return a note on how to get a benchmark's class names; None if they are known."""
    source = benchmark.sources.get("classes")
    if benchmark.folder is not None or source is None or classes.names:
        return None
    return f"class names are missing: reassess fetch {source}"


def format_score_near_threshold(score: float, threshold: float, *, digits: int = 2) -> str:
    """Format a score with enough digits to show whether it reaches the threshold."""
    while (float(text := f"{score:.{digits}f}") >= threshold) != (score >= threshold):
        digits += 1
    return text


def describe_missing_results(evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    """Yield a sentence for each reason why results are missing, with the models that it applies to."""
    without: dict[tuple[str, str], list[str]] = {}
    for model, evaluation in evaluations.items():
        for result_name, reason in evaluation.missing_reasons.items():
            without.setdefault((result_name.replace("_", " "), reason), []).append(model)
    for (result_name, reason), models in without.items():
        yield f"no {result_name}{f' for {join_and(models)}' if len(models) < len(evaluations) else ''}: {reason}"


def warn_if_other_class_list(
    model: str, class_list: FoundClassList | None, classes: Classes, *, stacklevel: int
) -> None:
    """Warn if the ids of a model are from another class list."""
    if class_list is not None:
        words = f"{model}: {describe_class_list(class_list, classes)}"
        warnings.warn(ReassessWarning(words, FIX_CLASS_LIST), stacklevel=stacklevel + 1)


def describe_class_list(class_list: FoundClassList, classes: Classes) -> str:
    """Describe the class list that a model's predictions seem to be from: its name, and the evidence for it."""
    noun, order = (
        "names" if class_list.has_class_names else "ids",
        f": {class_list.order_name}" if class_list.order_name else "",
    )
    lines = [f"the {noun} are from another class list{order}"]
    half = "" if class_list.order_name else " not used to choose it"
    p_value = f"p {'<' if class_list.p_value == MIN_P_VALUE else '='} {class_list.p_value:.1g}"
    lines.append(
        f"accuracy with this class list:    {_format_share(class_list.accuracy_with_list)} on the images{half}, "
        f"{p_value}"
    )
    lines.append(f"accuracy without this class list: {_format_share(class_list.accuracy_without_list)}")
    if class_list.undecided_classes:
        undecided = [classes.short_name(undecided_class.class_id) for undecided_class in class_list.undecided_classes]
        lines.append(
            f"undecided:                        {count_noun(len(undecided), 'class', 'classes')}: "
            f"{join_first(undecided)}"
        )
    if len(class_list.class_of_id) <= _MAX_EASILY_CONFUSED_CLASSES:
        n_classes = len(class_list.class_of_id)
        lines.append(
            f"other explanation:                the model itself predicts most of the {n_classes} classes wrongly"
        )
    return "\n  ".join(lines)


def describe_ruled_out_class_lists(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None = None) -> str:
    """Say which class lists the model cannot have, if `find_class_list` returns None."""
    predictions = select_labelled_predictions(outcomes, labels, original)
    images = predictions.label_ids.size
    if predictions.n_classes > MAX_SEARCHED_CLASSES:
        return f"orders of more than {MAX_SEARCHED_CLASSES:,} classes are not searched"
    enough = max(_MIN_IMAGES, _MIN_IMAGES_PER_CLASS * predictions.n_classes)
    correct = _MIN_ACCURACY_WITH_FEW_CLASSES if predictions.n_classes <= _MAX_EASILY_CONFUSED_CLASSES else _MIN_ACCURACY
    if images >= enough:
        return f"no other order of the classes makes the model correct on {correct} % or more"
    return (
        f"no other predefined order of the classes matches; {images:,} images of {predictions.n_classes:,} classes may "
        f"be too few to find an order that is not predefined: that takes about {enough:,} images, for a model that is "
        f"correct on {correct} %"
    )


def _format_share(proportion: Proportion) -> str:
    """Format a share in percent, with its interval and counts."""
    assert proportion.interval is not None
    share = format_percent(proportion.hits / proportion.n)
    return f"{share} % ({format_percent_interval(proportion.interval)}; {proportion.hits:,} of {proportion.n:,})"


def describe_rated_images(labels: LabelSets, original: LabelSets | None, scores: Scores | None, *, match: Match) -> str:
    """Describe how many images were rated; return "" unless all unrated images keep their original label."""
    if original is None or scores is None:
        return ""
    unrated = np.flatnonzero(match_images(labels.images, scores.images, match=match) < 0)
    originals = match_images([labels.images[row] for row in unrated.tolist()], original.images, match=match)
    ids, sizes = labels.classes_of_rows(unrated)
    if not unrated.size or (originals < 0).any() or (sizes != 1).any() or (ids != original.indices[originals]).any():
        return ""
    count = len(labels) - unrated.size
    others = "one keeps its" if unrated.size == 1 else f"{unrated.size:,} keep their"
    return (
        f"{count:,} of {count_noun(len(labels), 'image')} {'was' if count == 1 else 'were'} rated; "
        f"the other {others} original label, unchecked; this favours models that chose the images to rate"
    )
