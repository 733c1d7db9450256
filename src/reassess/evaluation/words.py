"""An evaluation in words: what was left out, and what is known of the mistakes."""

from reassess.evaluation.result import Evaluation

__all__ = ["MISTAKES_IN_WORDS", "left_out_in_words"]

MISTAKES_IN_WORDS = {
    "expert_rejected": "rejected by experts",
    "rejected": "rated and rejected",
    "never_proposed": "of classes never proposed for the image",
    "never_rated": "on images never rated",
}


def left_out_in_words(evaluation: Evaluation) -> str:
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
