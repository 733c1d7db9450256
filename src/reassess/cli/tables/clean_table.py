"""What `clean` prints: how many images are kept, how labels went wrong, and which classes lose most."""

from pathlib import Path

from reassess.cli.common import Call, percent
from reassess.cli.screen import print_table, say
from reassess.core.cleaning import CheckedLabels, Cleaning, LabelNoise
from reassess.text import about, counted

__all__ = ["print_cleaning"]

_SHOWN, _MOST_SHOWN = 5, 100  # entries of the matrix of mistakes, and classes; and entries with --verbose


def print_cleaning(call: Call, cleaning: Cleaning, output: Path, *, repetitions: int) -> None:
    """How many images are kept, how labels went wrong, and which classes lose most."""
    kept = int(cleaning.kept.sum())
    call.tell(f"{output}: {kept:,} of {counted(len(cleaning), 'image')} kept, {percent(kept / len(cleaning))} %")
    if repetitions > 1:
        call.tell(f"{repetitions} repetitions")
    if cleaning.noise is not None:
        call.tell(_share_in_words(cleaning.noise))
    mistakes = [] if cleaning.noise is None else cleaning.noise.largest(_MOST_SHOWN if call.verbose else _SHOWN)
    call.tell("")
    if mistakes:
        named = cleaning.classes.label
        cells = [[named(truth), named(label), about(count), percent(share)] for truth, label, count, share in mistakes]
        print_table(["true class", "label", "images", "% of the class"], cells, text_columns=2)
        say("")
    lost = cleaning.by_class()
    shown = call.first_rows(len(lost), _SHOWN, "classes")
    rows = [
        [cleaning.classes.label(class_id), f"{count:,}", f"{dropped:,}", percent(dropped / count)]
        for class_id, count, dropped in lost[:shown]
    ]
    print_table(["class", "images", "dropped", "%"], rows)


def _share_in_words(noise: LabelNoise) -> str:
    if noise.checked is not None:
        return _checked_in_words(noise.checked, noise.share)
    return (
        f"about {percent(noise.share)} % of the labels are wrong, by an estimate that takes the mistakes of the model "
        "and of the labels for independent given the true class, or nearly; it may be far off if the model is poor or "
        "has learned the mistakes (docs/cleaning.md): check a sample to be sure (--golden)"
    )


def _checked_in_words(checked: CheckedLabels, share: float) -> str:
    low, high = map(percent, checked.interval)
    text = (
        f"{checked.checked:,} labels were checked, {checked.wrong:,} of them are wrong; {percent(share)} % of all are "
        f"wrong by these and the model (95 % by a random sample: {low} to {high})"
    )
    if checked.agree:
        return text
    return f"{text}; the model alone would say {percent(checked.by_model)} %, which the checked labels refute"
