"""An evaluation in words that every output shares: what was left out or is missing, and how it is headed."""

from collections.abc import Iterator, Mapping

from reassess.evaluation.result import NONE_SCORED, Evaluation, ceiling_in_words, left_out_in_words
from reassess.text import plain, shortened, some

__all__ = ["MISTAKES_IN_WORDS", "NONE_SCORED", "ceiling_in_words", "heading", "left_out_in_words", "missing_in_words"]

_LONGEST = 12  # letters, so that a table of accuracies fits into 80 columns, and the title of an axis beside it

MISTAKES_IN_WORDS = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "never proposed",
    "never_rated": "on images never rated",
}


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
