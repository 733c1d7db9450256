"""An evaluation in words that every output shares: what was left out or is missing, and how it is headed."""

import re
from collections.abc import Iterator, Mapping

from reassess.core.classes import Classes
from reassess.core.labels import LabelSets
from reassess.errors import Fix
from reassess.evaluation.class_list import ClassList
from reassess.evaluation.class_list_search import MOST_CLASSES, labelled_pairs
from reassess.evaluation.outcomes import Outcomes
from reassess.evaluation.result import NONE_SCORED, Evaluation, ceiling_in_words, left_out_in_words
from reassess.numeric.exact_tests import SMALLEST
from reassess.numeric.proportion import Proportion
from reassess.text import counted, percent, percents, plain, shortened, some, together

__all__ = [
    "FIX_CLASS_LIST",
    "KNOWN_IN_WORDS",
    "MISTAKES_IN_WORDS",
    "NONE_SCORED",
    "ceiling_in_words",
    "class_list_in_words",
    "counts_in_words",
    "heading",
    "left_out_in_words",
    "missing_in_words",
    "no_list_in_words",
    "score_in_words",
]

_FEW_CLASSES = 5  # of which a model may well take most for one another
# Measured: so many images, in all and of each class, show any order if the model is right in so many percent.
_ENOUGH, _ENOUGH_OF_EACH, _RIGHT, _RIGHT_OF_FEW = 500, 20, 40, 70
_LONGEST = 12  # letters, so that a table of accuracies fits into 80 columns, and the title of an axis beside it
_LONGEST_CUT = 8  # and a threshold
_CUT = re.compile(r"(?P<name>.+)(?P<at> at [0-9.e-]+)")

FIX_CLASS_LIST = Fix("read the file with the class list of {find_class_list}", find_class_list=None)
MISTAKES_IN_WORDS = {
    "no_class": "of no class",
    "expert_valid": "valid to most experts",
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "never proposed",
    "never_rated": "on images never rated",
}
# What is known of one prediction for one image.
KNOWN_IN_WORDS = MISTAKES_IN_WORDS | {"no_class": "no class", "never_rated": "image never rated"}
_SELDOM = ("no_class", "expert_valid")


def counts_in_words(counts: Mapping[str, int | None], words: Mapping[str, str]) -> str:
    """Numbers of mistakes of each kind; kinds that seldom occur are named where they do, and others where known.

    >>> counts_in_words({"no_class": 0, "expert_rejected": None, "never_rated": 0}, MISTAKES_IN_WORDS)
    '0 on images never rated'
    """
    named = {kind: n for kind, n in counts.items() if n or (n is not None and kind not in _SELDOM)}
    return ", ".join(f"{n:,} {words[kind]}" for kind, n in named.items())


def heading(label_set: str) -> str:
    """What headings and charts call label sets: their title, of a long one the beginning and the end.

    A threshold at which they were cut stays whole.

    >>> heading("ReaL"), heading("validation_2024_reviewed"), heading("scores at 0.95")
    ('ReaL', 'valida…viewed', 'scores at 0.95')
    """
    title = plain(label_set)
    cut = _CUT.fullmatch(title)
    return shortened(title, _LONGEST) if cut is None else shortened(cut["name"], _LONGEST_CUT) + cut["at"]


def score_in_words(score: float, threshold: float, *, digits: int = 2) -> str:
    """A score in some digits, or in as many as show on which side of the threshold it lies.

    >>> score_in_words(0.913, 0.8), score_in_words(0.79999, 0.8), score_in_words(0.8, 0.8)
    ('0.91', '0.79999', '0.80')
    """
    while (float(text := f"{score:.{digits}f}") >= threshold) != (score >= threshold):
        digits += 1
    return text


def missing_in_words(evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    """Why parts of evaluations are missing; models that lack a part for the same reason share a sentence."""
    without: dict[tuple[str, str], list[str]] = {}
    for model, evaluation in evaluations.items():
        for part, why in evaluation.reasons.items():
            without.setdefault((part.replace("_", " "), why), []).append(model)
    for (part, why), models in without.items():
        yield f"no {part}{f' for {together(models)}' if len(models) < len(evaluations) else ''}: {why}"


def class_list_in_words(other: ClassList, classes: Classes) -> str:
    """What is found of a model with another class list, in lines: its name, and how sure it is."""
    what, order = "names" if other.by_name else "ids", f": {other.order}" if other.order else ""
    lines = [f"the {what} are those of another class list{order}"]
    chosen = "" if other.order else " that did not choose it"
    p_value = f"p {'<' if other.p_value == SMALLEST else '='} {other.p_value:.1g}"
    lines.append(f"right by it:    {_share(other.after)} of the images{chosen}, {p_value}")
    lines.append(f"right as given: {_share(other.before)}")
    if other.undecided:
        undecided = [classes.label(each.class_id) for each in other.undecided]
        lines.append(f"undecided:      {counted(len(undecided), 'class', 'classes')}: {some(undecided)}")
    if len(other.class_of) <= _FEW_CLASSES:
        lines.append(f"or else:        the model takes most of the {len(other.class_of)} classes for one another")
    return "\n  ".join(lines)


def no_list_in_words(outcomes: Outcomes, labels: LabelSets, original: LabelSets | None = None) -> str:
    """What is known where `find_class_list` finds nothing: which lists the images would have shown, and which not."""
    pairs, _, _ = labelled_pairs(outcomes, labels, original)
    images = pairs.truth.size
    if pairs.classes > MOST_CLASSES:
        return f"other orders of more than {MOST_CLASSES:,} classes are not sought"
    enough = max(_ENOUGH, _ENOUGH_OF_EACH * pairs.classes)
    right = _RIGHT_OF_FEW if pairs.classes <= _FEW_CLASSES else _RIGHT
    if images >= enough:
        return f"no other order of the classes by which the model would be right in {right} % or more"
    return (
        f"no other known order of the classes; an order without a name may not show in {images:,} images of "
        f"{pairs.classes:,} classes: that takes about {enough:,}, for a model that is right in {right} %"
    )


def _share(part: Proportion) -> str:
    assert part.interval is not None
    return f"{percent(part.hits / part.n)} % ({percents(part.interval)}; {part.hits:,} of {part.n:,})"
