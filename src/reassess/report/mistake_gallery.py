"""The gallery of mistakes and disputed labels: a random sample of images, and their cards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.comparison import Findings
from reassess.comparison.mistake_kinds import ERROR_KIND_NAMES, ERROR_KINDS
from reassess.core import Classes
from reassess.evaluation import MISTAKE_KINDS, ImageSheet, image_sheet, kinds_of_invalid_classes
from reassess.evaluation.evaluation_words import PREDICTION_NAMES, format_score_near_threshold
from reassess.report.gallery import Card, CardEntry, CardLine, Gallery, Thumbnails
from reassess.report.page import UNKNOWN_CLASS_NAME

# Problems of labels that put an image into the gallery, whatever models predict: key and text.
LABEL_PROBLEMS = {"wrong_label": "original label not valid", "empty": "no valid class"}
_DISPUTED_SCORE_RANGE = 0.2, 0.8  # without votes, scores in between are disputed
_ImageMask = npt.NDArray[np.bool_]


class SampleCounts(NamedTuple):
    """The number of images of a kind in the sample, and the number of all images of this kind."""

    n_sampled: int
    n_all: int


@dataclass(frozen=True, eq=False)
class ImageSample:
    """The images that were drawn for the gallery, with the numbers of images of each kind."""

    rows: tuple[int, ...]  # positions of the images in the panel
    mistake_counts: dict[str, SampleCounts]  # by model
    counts_of_label_errors_by_model: dict[str, SampleCounts]  # by model
    label_problem_counts: dict[str, SampleCounts]  # by key of `LABEL_PROBLEMS`


class ModelPrediction(NamedTuple):
    """The class with a model's highest score for an image (top-1)."""

    model: str
    class_id: int
    is_valid: bool


@dataclass(frozen=True)
class MistakeCard:
    """The contents of a card: an image with its labels and the first predicted class of each model."""

    image: str
    sheet: ImageSheet
    predictions: tuple[ModelPrediction, ...]
    # One of `reassess.evaluation.MISTAKE_KINDS` for each predicted class; empty without scores and votes.
    kind_by_class: Mapping[int, str]
    mistakes_by_model: Mapping[str, str]  # one of `reassess.comparison.ERROR_KINDS` for each model with a mistake
    models_with_label_error: tuple[str, ...]  # models whose first class is valid, while the original label is not
    label_problems: tuple[str, ...]  # the keys of `LABEL_PROBLEMS` that apply
    is_disputed: bool  # whether at most two thirds of the raters agree on a class of the card


def sample_images(findings: Findings, max_per_kind: int, *, seed: int = 0) -> ImageSample:
    """Sample images of each kind, such as the mistakes of a model, or images with a wrong original label.

    All samples use the same random order of the images, so models with common mistakes share images.
    """
    panel = findings.panel
    order = np.random.default_rng(seed).permutation(len(panel.images))
    sampled_rows: dict[int, None] = {}

    def sample_images_of_kind(is_of_kind: _ImageMask) -> SampleCounts:
        """Add images of one kind to the sample, and count the sampled images and all images of this kind."""
        rows = order[is_of_kind[order]][:max_per_kind].tolist()
        sampled_rows.update(dict.fromkeys(rows))
        return SampleCounts(len(rows), int(np.count_nonzero(is_of_kind)))

    mistakes = {
        model: sample_images_of_kind(panel.is_scored & ~panel.is_valid[panel.models.index(model)])
        for model in findings.models
    }
    errors = dict(zip(panel.models, panel.is_only_prediction_valid, strict=True))
    label_errors = {model: sample_images_of_kind(errors[model]) for model in findings.models if errors[model].any()}
    problems = {key: sample_images_of_kind(mask) for key, mask in _find_images_by_label_problem(findings).items()}
    return ImageSample(
        rows=tuple(sorted(sampled_rows)),
        mistake_counts=mistakes,
        counts_of_label_errors_by_model=label_errors,
        label_problem_counts=problems,
    )


def _find_images_by_label_problem(findings: Findings) -> dict[str, _ImageMask]:
    """Find the images with each problem of labels; the keys are those of `LABEL_PROBLEMS`."""
    panel, labels = findings.panel, findings.labels
    empty = (panel.label_rows >= 0) & (labels.sizes[panel.label_rows] == 0)
    wrong = panel.has_original_label & panel.is_scored & ~panel.is_original_valid
    return dict(zip(LABEL_PROBLEMS, (wrong, empty), strict=True))


def make_cards(findings: Findings, rows: Sequence[int]) -> list[MistakeCard]:
    """Make the cards of the images at some positions in `findings.panel`."""
    panel = findings.panel
    models = [(model, panel.models.index(model)) for model in findings.models]
    kinds = _find_mistake_kinds(findings, np.asarray(rows, np.int64))
    about_labels = _find_images_by_label_problem(findings)
    mistakes = {
        result.model: dict(zip(result.images, (ERROR_KINDS[kind] for kind in result.kinds.tolist()), strict=True))
        for result in findings.classified_mistakes
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
                    ModelPrediction(model, int(panel.top1[i, row]), bool(panel.is_valid[i, row])) for model, i in models
                ),
                kind_by_class={}
                if kinds is None
                else {int(panel.top1[i, row]): MISTAKE_KINDS[kinds[position, i]] for _, i in models},
                mistakes_by_model={model: kind[image] for model, kind in mistakes.items() if image in kind},
                models_with_label_error=tuple(model for model, i in models if panel.is_only_prediction_valid[i, row]),
                label_problems=tuple(name for name, applies in about_labels.items() if applies[row]),
                is_disputed=_is_disputed(sheet, {*panel.top1[:, row].tolist()}),
            )
        )
    return cards


def _is_disputed(sheet: ImageSheet, predicted_ids: set[int]) -> bool:
    """Return whether raters disagree about a class of an image, by their votes or, without votes, by the scores."""
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
    """Return the kind of mistake of each top-1 class; int8, shape (images, models); None without scores and votes."""
    rated = findings.votes if findings.scores is None else findings.scores
    if rated is None:
        return None
    panel, classes = findings.panel, findings.labels.classes
    experts = None if findings.experts is None else findings.experts.convert_to_classes(classes)
    images = [panel.images[row] for row in rows.tolist()]
    return kinds_of_invalid_classes(
        images, panel.top1[:, rows].T, rated.convert_to_classes(classes), experts, match=panel.match
    )


def make_mistake_gallery(
    findings: Findings, sample: ImageSample, cards: Sequence[MistakeCard], thumbnails: Thumbnails
) -> Gallery:
    """Make the gallery of the sampled images."""
    label_errors = {
        _make_label_error_key(model): f"label errors where {model} is correct"
        for model in sample.counts_of_label_errors_by_model
    }
    return Gallery(
        introduction=_write_introduction(sample, len(cards)),
        cards=[_make_gallery_card(card, findings.classes, findings.threshold) for card in cards],
        thumbnails=thumbnails,
        models=tuple(sample.mistake_counts),
        mistake_kinds=ERROR_KIND_NAMES,
        label_filters=label_errors | LABEL_PROBLEMS,
        has_votes=True,
    )


def _make_label_error_key(model: str) -> str:
    """Return the key of the page's filter for images with a label error of a model."""
    return f"error {model}"


def _write_introduction(sample: ImageSample, n_images: int) -> str:
    phrases = {"wrong_label": "an original label that is not valid", "empty": "no valid class"}
    parts = [f"{n:,} of the {total:,} mistakes of {model}" for model, (n, total) in sample.mistake_counts.items()]
    parts += [
        f"{n:,} of the {total:,} label errors where {model} is correct"
        for model, (n, total) in sample.counts_of_label_errors_by_model.items()
    ]
    for key, (n, total) in sample.label_problem_counts.items():
        parts.append(f"{n:,} of the {total:,} images with {phrases[key]}")
    return (
        f"Random samples, in the same order for all models: {'; '.join(parts)}. {n_images:,} images in total. Votes "
        "are disputed if at most two thirds of them agree on a class of the card."
    )


def _make_gallery_card(mistake_card: MistakeCard, classes: Classes, threshold: float) -> Card:
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
        """Describe what raters answered about a predicted class, or the kind of mistake; "" if unknown."""
        kind = PREDICTION_NAMES.get(mistake_card.kind_by_class.get(class_id, ""), "") if class_id >= 0 else ""
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
        mistakes_by_model=mistake_card.mistakes_by_model,
        label_filter_keys=(
            *map(_make_label_error_key, mistake_card.models_with_label_error),
            *mistake_card.label_problems,
        ),
        is_disputed=mistake_card.is_disputed,
    )


def _describe_votes(sheet: ImageSheet, threshold: float) -> dict[int, str]:
    """Describe the score and the votes of each candidate class, by class id."""
    descriptions = {}
    for candidate in sheet.candidates or ():
        parts = [] if candidate.score is None else [f"score {format_score_near_threshold(candidate.score, threshold)}"]
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
