"""An evaluation in words that every output shares: what was left out, what is missing, how mistakes are called."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from reassess.text import some

if TYPE_CHECKING:
    from reassess.evaluation.result import Evaluation

__all__ = ["MISTAKES_IN_WORDS", "NONE_SCORED", "ceiling_in_words", "left_out_in_words", "missing_in_words"]

NONE_SCORED = "no image is scored"

MISTAKES_IN_WORDS = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "never proposed",
    "never_rated": "on images never rated",
}


def left_out_in_words(evaluation: "Evaluation") -> str:
    """What was left out of an evaluation, in words; empty where nothing was."""
    parts = {
        "with an empty label set": evaluation.empty,
        "never rated": evaluation.unlabelled,
        "unknown": evaluation.unknown,
    }
    left_out = [f"{count:,} {what}" for what, count in parts.items() if count]
    if missing := evaluation.scorable - evaluation.scored:
        left_out.append(f"{missing:,} of the {evaluation.scorable:,} labelled images have no prediction")
    return ", ".join(left_out)


def ceiling_in_words(evaluations: Iterable["Evaluation"]) -> str:
    """The highest soft accuracy that there can be, by each model's images; empty where none is known."""
    soft = [evaluation.soft for evaluation in evaluations if evaluation.soft is not None]
    ceilings = sorted({f"{part.ceiling:.4f}" for part in soft if part.ceiling is not None})
    return f"the best that any model can reach is {' or '.join(ceilings)}" if ceilings else ""


def missing_in_words(evaluations: Mapping[str, "Evaluation"]) -> Iterator[str]:
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
