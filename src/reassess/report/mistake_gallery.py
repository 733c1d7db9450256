"""The gallery of mistakes and disputed labels: a random choice of images, and their cards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from reassess.comparison import Findings
from reassess.comparison.taxonomy import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core import Classes
from reassess.evaluation import MISTAKE_KINDS, ImageSheet, image_sheet, kinds_of_invalid_classes
from reassess.evaluation.evaluation_words import PREDICTION_NAMES, format_score
from reassess.report.gallery import Card, CardEntry, CardLine, Gallery, Thumbnails
from reassess.report.page import UNKNOWN_CLASS_NAME

# Images that are chosen because of their labels, with any predictions.
LABEL_REASONS = {"wrong_label": "original label not valid", "empty": "no valid class"}
_DISPUTED_SCORE_RANGE = 0.2, 0.8  # without votes, scores in between are disputed
_ImageMask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ImageChoice:
    """The images drawn for the gallery, and the numbers of images they were drawn from."""

    rows: tuple[int, ...]  # positions of the images in the panel
    n_drawn_mistakes: dict[str, int]  # number of chosen mistakes, by model
    n_mistakes: dict[str, int]  # number of all mistakes, by model
    label_error_counts: dict[str, tuple[int, int]]  # numbers of chosen and of all label errors, by model
    label_reason_counts: dict[str, tuple[int, int]]  # numbers of chosen and of all images, by key of `LABEL_REASONS`


@dataclass(frozen=True)
class MistakeCard:
    """The contents of a card: an image with its labels and the first predicted class of each model."""

    image: str
    sheet: ImageSheet
    predictions: tuple[tuple[str, int, bool], ...]  # model, class id, and is the class valid?
    # One of `reassess.evaluation.MISTAKE_KINDS` for each predicted class; empty without scores and votes.
    kinds: Mapping[int, str]
    mistakes: Mapping[str, str]  # one of `reassess.comparison.ERROR_KINDS`, by model
    label_errors: tuple[str, ...]  # models whose first class is valid, and not the original label
    label_reasons: tuple[str, ...]  # the keys of `LABEL_REASONS` that apply
    is_disputed: bool  # do at most two thirds of the raters agree on a class of the card?


def draw_images(findings: Findings, max_per_model: int, *, seed: int = 0) -> ImageChoice:
    """Draw mistakes and label errors of each model, and images with an invalid label or no valid class.

    All draws use the same random order of the images, so models with common mistakes share images.
    """
    panel = findings.panel
    order = np.random.default_rng(seed).permutation(len(panel.images))
    chosen_rows: dict[int, None] = {}

    def draw_rows(candidate_rows: _ImageMask) -> tuple[int, int]:
        drawn_rows = order[candidate_rows[order]][:max_per_model].tolist()
        chosen_rows.update(dict.fromkeys(drawn_rows))
        return len(drawn_rows), int(np.count_nonzero(candidate_rows))

    counts = {
        model: draw_rows(panel.is_scored & ~panel.is_valid[panel.models.index(model)]) for model in findings.models
    }
    errors = dict(zip(panel.models, panel.is_label_error, strict=True))
    label_errors = {model: draw_rows(errors[model]) for model in findings.models if errors[model].any()}
    about_labels = {name: draw_rows(rows) for name, rows in _find_images_by_label_reason(findings).items()}
    return ImageChoice(
        rows=tuple(sorted(chosen_rows)),
        n_drawn_mistakes={model: n_drawn for model, (n_drawn, _) in counts.items()},
        n_mistakes={model: n for model, (_, n) in counts.items()},
        label_error_counts=label_errors,
        label_reason_counts=about_labels,
    )


def _find_images_by_label_reason(findings: Findings) -> dict[str, _ImageMask]:
    """Find images with an invalid original label or no valid class, by key of `LABEL_REASONS`."""
    panel, labels = findings.panel, findings.labels
    empty = (panel.label_rows >= 0) & (labels.sizes[panel.label_rows] == 0)
    wrong = np.zeros(len(panel.images), bool)
    if findings.original is not None and len(findings.original):
        original = findings.original.in_classes(labels.classes).indices[panel.original_rows].astype(np.int64)
        valid = np.isin(panel.label_rows << 32 | original, labels.image_ids << 32 | labels.indices)
        wrong = panel.has_original_label & panel.is_scored & ~valid
    return dict(zip(LABEL_REASONS, (wrong, empty), strict=True))


def make_cards(findings: Findings, rows: Sequence[int]) -> list[MistakeCard]:
    """Make the cards of images; `rows` are positions in the panel."""
    panel = findings.panel
    models = [(model, panel.models.index(model)) for model in findings.models]
    kinds = _find_mistake_kinds(findings, np.asarray(rows, np.int64))
    about_labels = _find_images_by_label_reason(findings)
    mistakes = {
        taxonomy.model: dict(zip(taxonomy.images, (ERROR_KINDS[kind] for kind in taxonomy.kinds.tolist()), strict=True))
        for taxonomy in findings.taxonomies
    }
    cards = []
    for position, row in enumerate(rows):
        image = panel.images[row]
        sheet = image_sheet(
            findings.labels.images[panel.label_rows[row]],
            labels=findings.labels,
            original=findings.original,
            scores=findings.scores,
            votes=findings.votes,
            experts=findings.experts,
        )
        cards.append(
            MistakeCard(
                image=image,
                sheet=sheet,
                predictions=tuple(
                    (model, int(panel.top1[i, row]), bool(panel.is_valid[i, row])) for model, i in models
                ),
                kinds={}
                if kinds is None
                else {int(panel.top1[i, row]): MISTAKE_KINDS[kinds[position, i]] for _, i in models},
                mistakes={model: kind[image] for model, kind in mistakes.items() if image in kind},
                label_errors=tuple(model for model, i in models if panel.is_label_error[i, row]),
                label_reasons=tuple(name for name, applies in about_labels.items() if applies[row]),
                is_disputed=_is_disputed(sheet, {*panel.top1[:, row].tolist()}),
            )
        )
    return cards


def _is_disputed(sheet: ImageSheet, predicted_ids: set[int]) -> bool:
    """Return whether raters disagree about a class of the card; without votes, the scores decide."""
    class_ids = {*(sheet.valid_class_ids or ()), sheet.original_class_id, *predicted_ids}
    for candidate in sheet.candidates or ():
        if candidate.class_id not in class_ids:
            continue
        answers = Counter(answer for _, answer in candidate.votes)
        if sheet.n_raters is not None:  # each rater chose one class per image
            answers["other"] = sheet.n_raters - sum(answers.values())
        if answers:
            if 3 * max(answers.values()) <= 2 * sum(answers.values()):
                return True
        elif candidate.score is not None and _DISPUTED_SCORE_RANGE[0] < candidate.score < _DISPUTED_SCORE_RANGE[1]:
            return True
    return False


def _find_mistake_kinds(findings: Findings, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int8] | None:
    """Find the kind of mistake of each top-1 class; int8, (images, models); None without scores and votes."""
    rated = findings.votes if findings.scores is None else findings.scores
    if rated is None:
        return None
    panel, classes = findings.panel, findings.labels.classes
    experts = None if findings.experts is None else findings.experts.in_classes(classes)
    images = [panel.images[row] for row in rows.tolist()]
    return kinds_of_invalid_classes(
        images, panel.top1[:, rows].T, rated.in_classes(classes), experts, match=panel.match
    )


def make_mistake_gallery(
    findings: Findings, choice: ImageChoice, cards: Sequence[MistakeCard], thumbnails: Thumbnails
) -> Gallery:
    """Make the gallery of the chosen images."""
    return Gallery(
        introduction=_write_intro(choice, len(cards)),
        cards=[_make_card(card, findings.classes, findings.threshold) for card in cards],
        thumbnails=thumbnails,
        models=tuple(choice.n_drawn_mistakes),
        mistake_kinds=ERROR_KIND_NAMES,
        label_filters={_label_error_filter(model): f"label errors of {model}" for model in choice.label_error_counts}
        | LABEL_REASONS,
        has_votes=True,
    )


def _label_error_filter(model: str) -> str:
    """Return the filter key of a model's label errors."""
    return f"error {model}"


def _write_intro(choice: ImageChoice, n_images: int) -> str:
    phrases = {"wrong_label": "an original label that is not valid", "empty": "no valid class"}
    parts = [
        f"{n:,} of the {choice.n_mistakes[model]:,} mistakes of {model}" for model, n in choice.n_drawn_mistakes.items()
    ]
    parts += [
        f"{n:,} of the {total:,} label errors of {model}" for model, (n, total) in choice.label_error_counts.items()
    ]
    for name, (n, total) in choice.label_reason_counts.items():
        parts.append(f"{n:,} of the {total:,} images with {phrases[name]}")
    return (
        f"Random samples, in the same order for all models: {'; '.join(parts)}. {n_images:,} images in total. Votes "
        "are "
        "disputed if at most two thirds of them agree on a class of the card."
    )


def _make_card(mistake_card: MistakeCard, classes: Classes, threshold: float) -> Card:
    sheet, get_class_name = mistake_card.sheet, classes.short_name
    descriptions = _describe_votes(sheet, threshold)
    valid, original = sheet.valid_class_ids or (), sheet.original_class_id

    def get_name(class_id: int) -> str:
        return get_class_name(class_id) if class_id >= 0 else UNKNOWN_CLASS_NAME

    def make_entry(class_id: int, is_valid: bool) -> CardEntry:
        if not valid:
            return CardEntry(get_name(class_id), describe_prediction(class_id) if not is_valid else "")
        word: Literal["correct", "wrong"] = "correct" if is_valid else "wrong"
        return CardEntry(get_name(class_id), "" if is_valid else describe_prediction(class_id), word, word)

    def describe_prediction(class_id: int) -> str:
        """Describe the raters' answers about a predicted class, or its kind of mistake; empty if unknown."""
        kind = PREDICTION_NAMES.get(mistake_card.kinds.get(class_id, ""), "") if class_id >= 0 else ""
        return descriptions.get(class_id) or kind

    entries = [CardEntry(get_class_name(class_id), descriptions.get(class_id, "")) for class_id in valid]
    lines = [CardLine("Valid", entries or [CardEntry("no class")])]
    if original is not None:
        is_wrong = original not in valid
        entry = CardEntry(get_class_name(original), "", "wrong" if is_wrong else "", "not valid" if is_wrong else "")
        lines.append(CardLine("Original label", [entry]))
    lines += [
        CardLine(model, [make_entry(class_id, is_valid)]) for model, class_id, is_valid in mistake_card.predictions
    ]
    class_ids = {
        *valid,
        *(class_id for _, class_id, _ in mistake_card.predictions),
        *(() if original is None else (original,)),
    }
    return Card(
        image=mistake_card.image,
        lines=lines,
        class_names=sorted(map(get_name, class_ids)),
        mistakes=mistake_card.mistakes,
        label_filters=(*map(_label_error_filter, mistake_card.label_errors), *mistake_card.label_reasons),
        is_disputed=mistake_card.is_disputed,
    )


def _describe_votes(sheet: ImageSheet, threshold: float) -> dict[int, str]:
    """Describe the score and the votes of each candidate class, by class id."""
    descriptions = {}
    for candidate in sheet.candidates or ():
        parts = [] if candidate.score is None else [f"score {format_score(candidate.score, threshold)}"]
        of_raters, of_experts = (
            ("", candidate.votes, sheet.n_raters),
            ("experts ", candidate.expert_votes, sheet.n_experts),
        )
        for prefix, votes, people in (of_raters, of_experts):
            counts = Counter(str(answer) for _, answer in votes)
            if people:  # who chose one class per image
                parts.append(f"{prefix or 'raters '}{len(votes)} of {people}")
            elif counts:
                parts.append(prefix + ", ".join(f"{n} {answer}" for answer, n in counts.most_common()))
        descriptions[candidate.class_id] = "; ".join(parts)
    return descriptions
