"""An evaluation in words that every output shares: what was left out or is missing, and how it is headed."""

from collections.abc import Iterator, Mapping

from reassess.evaluation.result import NONE_SCORED, Evaluation, ceiling_in_words, left_out_in_words
from reassess.text import plain, shortened, some

__all__ = [
    "KNOWN_IN_WORDS",
    "MISTAKES_IN_WORDS",
    "NONE_SCORED",
    "ceiling_in_words",
    "counts_in_words",
    "heading",
    "left_out_in_words",
    "missing_in_words",
]

_LONGEST = 12  # letters, so that a table of accuracies fits into 80 columns, and the title of an axis beside it

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

    >>> heading("ReaL"), heading("validation_2024_reviewed")
    ('ReaL', 'valida…viewed')
    """
    return shortened(plain(label_set), _LONGEST)


def missing_in_words(evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    """Why parts of evaluations are missing; models that lack a part for the same reason share a sentence.

    Parameters
    ----------
    evaluations
        By the model's name. A sentence names its models where others have the part, or lack it for another reason.
    """
    without: dict[tuple[str, str], list[str]] = {}
    for model, evaluation in evaluations.items():
        for part, why in evaluation.reasons.items():
            without.setdefault((part.replace("_", " "), why), []).append(model)
    for (part, why), models in without.items():
        yield f"no {part}{f' for {some(models)}' if len(models) < len(evaluations) else ''}: {why}"
