"""An evaluation in words that every output shares: what was left out, what is missing, how mistakes are called."""

from collections.abc import Iterator, Mapping

from reassess.evaluation.result import NONE_SCORED, Evaluation, ceiling_in_words, left_out_in_words
from reassess.text import some

__all__ = ["MISTAKES_IN_WORDS", "NONE_SCORED", "ceiling_in_words", "left_out_in_words", "missing_in_words"]

MISTAKES_IN_WORDS = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "never proposed",
    "never_rated": "on images never rated",
}


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
