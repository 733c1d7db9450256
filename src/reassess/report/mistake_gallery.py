"""Mistakes of models and disputed labels to review: the choice of images, and their cards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from reassess.comparison import Findings
from reassess.comparison.taxonomy import ERROR_KINDS, KINDS_IN_WORDS
from reassess.core import Classes
from reassess.evaluation import MISTAKE_KINDS, ImageSheet, image_sheet, invalid_kinds
from reassess.evaluation.evaluation_words import PREDICTIONS_IN_WORDS, score_in_words
from reassess.report.gallery import Card, CardEntry, CardLine, Gallery, Thumbnails
from reassess.report.page import NAME_OF_UNKNOWN

# Images that are shown for their labels, whatever the predictions are.
ABOUT_LABELS = {"wrong_label": "original label not valid", "empty": "no valid class"}
_DISPUTED = 0.2, 0.8  # scores in between are disputed, without votes
_Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ShownImages:
    """The images that are shown."""

    rows: tuple[int, ...]  # Positions of the images in the panel
    # shown, mistakes: For each model, how many of its mistakes are chosen, and how many it makes
    shown: dict[str, int]
    mistakes: dict[str, int]
    # The same of the model's label errors
    label_errors: dict[str, tuple[int, int]]
    # For each of `ABOUT_LABELS`, how many such images are chosen, and how many there are
    about_labels: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class MistakeCard:
    """An image, and for each model its first class and whether that is valid."""

    image: str
    sheet: ImageSheet
    predictions: tuple[tuple[str, int, bool], ...]  # Model, class, and whether it is valid, of each model
    # One of `reassess.evaluation.MISTAKE_KINDS` for each class that is not valid; empty without scores and votes
    known: Mapping[int, str]
    # The kind of mistake of each model with one: one of `reassess.comparison.ERROR_KINDS`
    mistakes: Mapping[str, str]
    label_errors: tuple[str, ...]  # Models whose first class is valid, and not the original label
    about_labels: tuple[str, ...]  # Those of `ABOUT_LABELS` that apply
    disputed: bool  # Whether at most two thirds of the raters agree on a class of the card


def choose(findings: Findings, most: int, *, seed: int = 0) -> ShownImages:
    """Draw at most `most` mistakes of each model at random, and as many images of each of `ABOUT_LABELS`.

    Every image has one random number, and those with the smallest numbers are taken: models with common mistakes share
    the drawn images.
    """
    panel = findings.panel
    order = np.random.default_rng(seed).permutation(len(panel.images))
    chosen: dict[int, None] = {}

    def draw(rows: _Rows) -> tuple[int, int]:
        drawn = order[rows[order]][:most].tolist()
        chosen.update(dict.fromkeys(drawn))
        return len(drawn), int(np.count_nonzero(rows))

    counts = {model: draw(panel.is_scored & ~panel.is_valid[panel.models.index(model)]) for model in findings.models}
    errors = dict(zip(panel.models, panel.is_label_error, strict=True))
    label_errors = {model: draw(errors[model]) for model in findings.models if errors[model].any()}
    about_labels = {name: draw(rows) for name, rows in _about_labels(findings).items()}
    return ShownImages(
        rows=tuple(sorted(chosen)),
        shown={model: drawn for model, (drawn, _) in counts.items()},
        mistakes={model: n for model, (_, n) in counts.items()},
        label_errors=label_errors,
        about_labels=about_labels,
    )


def _about_labels(findings: Findings) -> dict[str, _Rows]:
    """Which images of the panel are shown for their labels."""
    panel, labels = findings.panel, findings.labels
    empty = (panel.label_rows >= 0) & (labels.sizes[panel.label_rows] == 0)
    wrong = np.zeros(len(panel.images), bool)
    if findings.original is not None and len(findings.original):
        own = findings.original.in_classes(labels.classes).indices[panel.original_rows].astype(np.int64)
        valid = np.isin(panel.label_rows << 32 | own, labels.image_ids << 32 | labels.indices)
        wrong = panel.has_original & panel.is_scored & ~valid
    return dict(zip(ABOUT_LABELS, (wrong, empty), strict=True))


def cards(findings: Findings, rows: Sequence[int]) -> list[MistakeCard]:
    """Cards of some images of the panel."""
    panel = findings.panel
    models = [(model, panel.models.index(model)) for model in findings.models]
    kinds = _kinds(findings, np.asarray(rows, np.int64))
    about_labels = _about_labels(findings)
    mistakes = {
        one.model: dict(zip(one.images, (ERROR_KINDS[kind] for kind in one.kinds.tolist()), strict=True))
        for one in findings.taxonomies
    }
    shown = []
    for place, row in enumerate(rows):
        image = panel.images[row]
        sheet = image_sheet(
            findings.labels.images[panel.label_rows[row]],
            labels=findings.labels,
            original=findings.original,
            scores=findings.scores,
            votes=findings.votes,
            experts=findings.experts,
        )
        shown.append(
            MistakeCard(
                image=image,
                sheet=sheet,
                predictions=tuple(
                    (model, int(panel.top1[i, row]), bool(panel.is_valid[i, row])) for model, i in models
                ),
                known={}
                if kinds is None
                else {int(panel.top1[i, row]): MISTAKE_KINDS[kinds[place, i]] for _, i in models},
                mistakes={model: kind[image] for model, kind in mistakes.items() if image in kind},
                label_errors=tuple(model for model, i in models if panel.is_label_error[i, row]),
                about_labels=tuple(name for name, holds in about_labels.items() if holds[row]),
                disputed=_is_disputed(sheet, {*panel.top1[:, row].tolist()}),
            )
        )
    return shown


def _is_disputed(sheet: ImageSheet, predicted: set[int]) -> bool:
    """Whether at most two thirds of the votes agree on a valid or predicted class, or on the original label.

    Without votes, the scores decide.
    """
    shown = {*(sheet.valid or ()), sheet.original, *predicted}
    for one in sheet.candidates or ():
        if one.class_id not in shown:
            continue
        answers = Counter(answer for _, answer in one.votes)
        if sheet.n_raters is not None:  # they chose one class per image
            answers["other"] = sheet.n_raters - sum(answers.values())
        if answers:
            if 3 * max(answers.values()) <= 2 * sum(answers.values()):
                return True
        elif one.score is not None and _DISPUTED[0] < one.score < _DISPUTED[1]:
            return True
    return False


def _kinds(findings: Findings, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int8] | None:
    """The kind of each model's first class for some images, int8, shape (images, models)."""
    rated = findings.votes if findings.scores is None else findings.scores
    if rated is None:
        return None
    panel, classes = findings.panel, findings.labels.classes
    experts = None if findings.experts is None else findings.experts.in_classes(classes)
    images = [panel.images[row] for row in rows.tolist()]
    return invalid_kinds(images, panel.top1[:, rows].T, rated.in_classes(classes), experts, match=panel.match)


def mistake_gallery(
    findings: Findings, choice: ShownImages, chosen: Sequence[MistakeCard], pictures: Thumbnails
) -> Gallery:
    """The gallery of the chosen images. A score near the threshold has enough digits to show its side."""
    return Gallery(
        intro=_intro(choice, len(chosen)),
        cards=[_card(card, findings.classes, findings.threshold) for card in chosen],
        pictures=pictures,
        models=tuple(choice.shown),
        kinds=KINDS_IN_WORDS,
        about={_error(model): f"label errors of {model}" for model in choice.label_errors} | ABOUT_LABELS,
        has_votes=True,
    )


def _error(model: str) -> str:
    """The key by which a model's label errors are found."""
    return f"error {model}"


def _intro(choice: ShownImages, images: int) -> str:
    of_labels = {"wrong_label": "an original label that is not valid", "empty": "no valid class"}
    parts = [f"{n:,} of the {choice.mistakes[model]:,} mistakes of {model}" for model, n in choice.shown.items()]
    parts += [f"{n:,} of the {total:,} label errors of {model}" for model, (n, total) in choice.label_errors.items()]
    for name, (n, total) in choice.about_labels.items():
        parts.append(f"{n:,} of the {total:,} images with {of_labels[name]}")
    return (
        f"Random samples, drawn in the same way for all models: {'; '.join(parts)}. {images:,} images in all. Votes "
        "are disputed if at most two thirds of them agree on a class of the card."
    )


def _card(card: MistakeCard, classes: Classes, threshold: float) -> Card:
    """The card of an image."""
    sheet, label = card.sheet, classes.label
    known = _known(sheet, threshold)
    valid, original = sheet.valid or (), sheet.original

    def named(class_id: int) -> str:
        return label(class_id) if class_id >= 0 else NAME_OF_UNKNOWN

    def predicted(class_id: int, is_valid: bool) -> CardEntry:
        if not valid:
            return CardEntry(named(class_id), verdict(class_id) if not is_valid else "")
        word: Literal["correct", "wrong"] = "correct" if is_valid else "wrong"
        return CardEntry(named(class_id), "" if is_valid else verdict(class_id), word, word)

    def verdict(class_id: int) -> str:
        """The raters' answers about a predicted class, or its kind; nothing for a prediction that is not a class."""
        return known.get(class_id) or (
            PREDICTIONS_IN_WORDS.get(card.known.get(class_id, ""), "") if class_id >= 0 else ""
        )

    lines = [CardLine("Valid", [CardEntry(label(i), known.get(i, "")) for i in valid] or [CardEntry("no class")])]
    if original is not None:
        is_wrong = original not in valid
        entry = CardEntry(label(original), "", "wrong" if is_wrong else "", "not valid" if is_wrong else "")
        lines.append(CardLine("Original label", [entry]))
    lines += [CardLine(model, [predicted(class_id, is_valid)]) for model, class_id, is_valid in card.predictions]
    shown = {*valid, *(class_id for _, class_id, _ in card.predictions), *(() if original is None else (original,))}
    return Card(
        image=card.image,
        lines=lines,
        classes=sorted(map(named, shown)),
        mistakes=card.mistakes,
        about=(*map(_error, card.label_errors), *card.about_labels),
        disputed=card.disputed,
    )


def _known(sheet: ImageSheet, threshold: float) -> dict[int, str]:
    """Score and votes of each candidate class, in words."""
    known = {}
    for one in sheet.candidates or ():
        parts = [] if one.score is None else [f"score {score_in_words(one.score, threshold)}"]
        for who, given, choosers in (("", one.votes, sheet.n_raters), ("experts ", one.expert_votes, sheet.n_experts)):
            counts = Counter(str(answer) for _, answer in given)
            if choosers:
                parts.append(f"{who or 'raters '}{len(given)} of {choosers}")
            elif counts:
                parts.append(who + ", ".join(f"{n} {answer}" for answer, n in counts.most_common()))
        known[one.class_id] = "; ".join(parts)
    return known
