"""Everything about one image: its labels, scores, votes and predictions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reassess.core import Classes, Id, JudgedMistakes, LabelSets, Predictions, Questions, Scores, Votes, align_classes
from reassess.core.checks import check_range, check_type
from reassess.core.classes import ID_ONLY_CLASSES
from reassess.core.image_names import image_keys
from reassess.errors import DataError, add_error_place
from reassess.evaluation.evaluation_words import PREDICTION_NAMES
from reassess.evaluation.mistakes import MISTAKE_KINDS, kinds_of_invalid_classes
from reassess.evaluation.outcomes import images_of_rows
from reassess.text import Printable

_MAX_PREDICTED_CLASSES = 5
_Answers = tuple[tuple[Id | None, Id], ...]  # (rater, answer) of each vote; rater None if unknown
TopClasses = tuple[int | None, ...]  # class ids, best first; None for a prediction that is not a class


@dataclass(frozen=True)
class Candidate:
    """A candidate class of the image: its score, and all votes of raters and experts.

    If people chose one class per image, only the votes for the candidate class are listed.
    """

    class_id: int
    score: float | None = None
    votes: _Answers = ()
    expert_votes: _Answers = ()


@dataclass(frozen=True, repr=False)
class ImageSheet(Printable):
    """Everything about one image."""

    image: str  # name of the image
    original_class_id: int | None  # id of the original label
    # Valid classes; () if the image was rated and has no valid class, None if the label sets do not contain it.
    valid_class_ids: tuple[int, ...] | None
    # Candidate classes, the highest score first; () if the image is unrated, None without scores and votes. If people
    # chose one class for each image, valid classes and the original label are added, and equal scores are sorted by
    # votes.
    candidates: tuple[Candidate, ...] | None
    # Top classes of each model, by the model's name, without any None at the end. They are None if the model has no
    # prediction for the image.
    predictions: dict[str, TopClasses | None] = field(default_factory=dict)
    # Kind of mistake, of `reassess.evaluation.MISTAKE_KINDS`, of each predicted class that is not valid, by class id;
    # empty without scores and votes.
    mistake_kinds: Mapping[int, str] = field(default_factory=dict)
    # Category and severity of judged mistakes, by the predicted class.
    judgements: Mapping[int, str] = field(default_factory=dict)
    # Number of raters, and of experts, who chose a class for the image; None if people answered questions instead, or
    # if the votes are missing.
    n_raters: int | None = None
    n_experts: int | None = None
    classes: Classes = field(default=ID_ONLY_CLASSES, compare=False)  # gives the class names

    def _summary_lines(self) -> Iterator[tuple[str, str]]:
        yield "image", self.image
        yield (
            "original label",
            "unknown" if self.original_class_id is None else self._format_class(self.original_class_id),
        )
        yield (
            "valid",
            "unknown"
            if self.valid_class_ids is None
            else "; ".join(map(self._format_class, self.valid_class_ids)) or "no class",
        )
        for candidate in self.candidates or ():
            parts = [] if candidate.score is None else [f"score {candidate.score:.4f}"]
            groups = (("raters", candidate.votes, self.n_raters), ("experts", candidate.expert_votes, self.n_experts))
            parts += [
                f"{group} {self._format_answer_counts(answers, voters)}"
                for group, answers, voters in groups
                if answers or voters
            ]
            yield self._format_class(candidate.class_id), "; ".join(parts)
        for model, best in self.predictions.items():
            first = "; ".join(
                "no class" if i is None else self._format_class(i) + self._format_validity_of_class(i)
                for i in best or ()
            )
            yield model, "the image is missing" if best is None else first or "no class"

    def _format_class(self, class_id: int) -> str:
        """Format a class as its id and name."""
        label = self.classes.short_name(class_id)
        return label if label == str(class_id) else f"{class_id} {label}"

    def _format_validity_of_class(self, class_id: int) -> str:
        """Return what is known about a predicted class in brackets; "" if nothing is known."""
        text = self.describe_prediction(class_id)
        return f" ({text})" if text else ""

    def describe_prediction(self, class_id: int) -> str:
        """Return "valid" or the kind of mistake, and the judgement of the mistake; "" if nothing is known."""
        kind = "valid" if class_id in (self.valid_class_ids or ()) else self.mistake_kinds.get(class_id)
        parts = [] if kind is None else [PREDICTION_NAMES.get(kind, kind)]
        parts += [f"judged {self.judgements[class_id]}"] if class_id in self.judgements else []
        return "; ".join(parts)

    @staticmethod
    def _format_answer_counts(answers: _Answers, n_voters: int | None) -> str:
        """Format how often each answer was given, or how many of `n_voters` people chose the class."""
        if n_voters is not None:
            return f"{len(answers)} of {n_voters}"
        return ", ".join(f"{n} {answer}" for answer, n in Counter(answer for _, answer in answers).most_common())

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """Return a dict for JSON output."""

        def prediction_to_json(class_id: int | None) -> dict[str, Any] | None:
            if class_id is None:
                return None
            kind = "valid" if class_id in (self.valid_class_ids or ()) else self.mistake_kinds.get(class_id)
            judgement = {"judged": self.judgements[class_id]} if class_id in self.judgements else {}
            return classes.id_and_name(class_id) | {"kind": kind, **judgement}

        def votes_to_json(answers: _Answers) -> list[dict[str, Id | None]]:
            return [{"rater": rater, "answer": answer} for rater, answer in answers]

        def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
            answers = {"votes": votes_to_json(candidate.votes), "experts": votes_to_json(candidate.expert_votes)}
            return classes.id_and_name(candidate.class_id) | {"score": candidate.score} | answers

        return {
            "image": self.image,
            "original": None if self.original_class_id is None else classes.id_and_name(self.original_class_id),
            "valid": None if self.valid_class_ids is None else [classes.id_and_name(i) for i in self.valid_class_ids],
            "candidates": None if self.candidates is None else list(map(candidate_to_json, self.candidates)),
            "raters": self.n_raters,
            "experts": self.n_experts,
            "predictions": {
                file: None if best is None else [prediction_to_json(i) for i in best]
                for file, best in self.predictions.items()
            },
        }


def image_sheet(
    image: str,
    *,
    labels: LabelSets | None = None,
    original: LabelSets | None = None,
    scores: Scores | None = None,
    votes: Votes | None = None,
    experts: Votes | None = None,
    predictions: Mapping[str, Predictions] | None = None,
    judged: JudgedMistakes | None = None,
) -> ImageSheet:
    """Collect everything about one image: its labels, scores, votes and predictions. Each can be missing.

    Parameters
    ----------
    image
        Name of the image; ImageNet's validation images are found by number, in any spelling.
    labels, original
        Valid classes and original labels.
    scores
        P(class valid) of each candidate class.
    votes, experts
        Votes of raters and of experts, on (image, class) questions or for one class per image.
    predictions
        Predictions by model name. Predictions without image names must have the rows of the label sets, in order.
    judged
        Judged mistakes. A judgement applies if a predicted class is the judged class of the image.

    Returns
    -------
    ImageSheet

    Raises
    ------
    DataError
        Labels, scores and votes do not contain the image; a score of the image is NaN; predictions without image names
        have another number of rows than the label sets; or a class id is not a class of the labels.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png"], [[3, 1]])
    >>> image_sheet("a.png", labels=labels, original=LabelSets.from_lists(["a.png"], [[1]]))
    image            a.png
    original label   1
    valid            1; 3
    """
    check_type(LabelSets, labels, original, is_optional=True)
    check_type(Scores, scores, is_optional=True)
    check_type(Votes, votes, experts, is_optional=True)
    parts: dict[str, Any] = {"the original labels": original, "the scores": scores, "the votes": votes}
    parts = {name: part for name, part in (parts | {"the experts' votes": experts}).items() if part is not None}
    models = dict(predictions or {})
    aligned = align_classes(parts | models, None if labels is None else labels.classes)
    original, scores, votes, experts = (
        aligned.get(name) for name in ("the original labels", "the scores", "the votes", "the experts' votes")
    )
    key = image_keys([image])[0]
    original_ids = None if original is None else original[image]
    valid = None if labels is None else labels[image]
    candidates = _list_candidates(key, scores, votes, experts, {*(original_ids or ()), *(valid or ())})
    if original_ids is None and valid is None and not candidates:
        example = labels or original
        raise DataError(
            "unknown-image",
            "unknown image",
            where=image,
            allowed=f"a name such as {example.images[0]}" if example else None,
            fix="check the name",
        )
    best = {model: _top_classes(model, aligned[model], key, labels) for model in models}
    classes = Classes() if labels is None else labels.classes
    for model, class_ids in best.items():
        _check_class_ids([class_id for class_id in class_ids or () if class_id is not None], classes, model)
    rated = votes if scores is None else scores
    predicted = {class_id for class_ids in best.values() for class_id in class_ids or () if class_id is not None}
    return ImageSheet(
        image=image,
        original_class_id=original_ids[0] if original_ids else None,
        valid_class_ids=valid,
        candidates=candidates,
        predictions=best,
        mistake_kinds={}
        if rated is None
        else _mistake_kinds_by_class(image, sorted(predicted - {*(valid or ())}), rated, experts),
        judgements={} if judged is None else _judgements_by_class(image, sorted(predicted), judged, classes),
        n_raters=_count_voters(votes, [candidate.votes for candidate in candidates or ()]),
        n_experts=_count_voters(experts, [candidate.expert_votes for candidate in candidates or ()]),
        classes=classes,
    )


def _list_candidates(
    image_key: str, scores: Scores | None, votes: Votes | None, experts: Votes | None, label_ids: set[int]
) -> tuple[Candidate, ...] | None:
    """List an image's candidate classes, including `label_ids` if people chose one class per image."""
    score_row = {} if scores is None else _question_rows_by_class(scores.questions, image_key)
    rater_answers, expert_answers = _answers_by_class(votes, image_key), _answers_by_class(experts, image_key)
    class_ids = score_row.keys() | rater_answers.keys() | expert_answers.keys()
    if not class_ids:
        return None if scores is None and votes is None else ()
    is_chosen = votes is not None and votes.classes is not None
    if (scores is not None and scores.is_exclusive and score_row) or (is_chosen and rater_answers):
        class_ids |= label_ids
    candidates = [
        Candidate(
            class_id=class_id,
            score=float(scores.values[score_row[class_id]]) if scores is not None and class_id in score_row else None,
            votes=rater_answers.get(class_id, ()),
            expert_votes=expert_answers.get(class_id, ()),
        )
        for class_id in class_ids
    ]

    def sort_key(candidate: Candidate) -> tuple[float, int, int]:
        return -(candidate.score or 0.0), -len(candidate.votes) if is_chosen else 0, candidate.class_id

    return tuple(sorted(candidates, key=sort_key))


def _answers_by_class(votes: Votes | None, image_key: str) -> dict[int, _Answers]:
    """Return the (rater, answer) pairs of an image, by class id."""
    if votes is None or votes.classes is None:
        return (
            {}
            if votes is None
            else {i: votes.votes_on(row) for i, row in _question_rows_by_class(votes.items, image_key).items()}
        )
    chosen: dict[int, list[tuple[Id | None, Id]]] = {}
    keys = image_keys(votes.images)
    if image_key in keys:
        row, class_ids = keys.index(image_key), votes.class_ids.tolist()
        span = slice(votes.indptr[row], votes.indptr[row + 1])
        for rater, answer in zip(votes.rater_ids[span].tolist(), votes.answer_ids[span].tolist(), strict=True):
            name = None if votes.is_anonymous else votes.raters[rater]
            chosen.setdefault(class_ids[answer], []).append((name, votes.answers[answer]))
    return {class_id: tuple(answers) for class_id, answers in chosen.items()}


def _question_rows_by_class(questions: object, image_key: str) -> dict[int, int]:
    """Find the row of each question about an image, by class id."""
    if not isinstance(questions, Questions):
        return {}
    keys = image_keys(questions.images)
    rows = np.flatnonzero(questions.image_ids == keys.index(image_key)) if image_key in keys else np.empty(0, np.int64)
    return dict(zip(questions.class_ids[rows].tolist(), rows.tolist(), strict=True))


def _count_voters(votes: Votes | None, answers: Iterable[_Answers]) -> int | None:
    """Count the people who chose a class for an image; None if people answered questions instead."""
    return None if votes is None or votes.classes is None else sum(map(len, answers))


def _mistake_kinds_by_class(
    image: str, class_ids: list[int], ratings: Scores | Votes, experts: Votes | None
) -> dict[int, str]:
    """Return the kind of mistake of each invalid class of an image, by class id."""
    (kinds,) = kinds_of_invalid_classes([image], np.array([class_ids], np.int64), ratings, experts)
    return {class_id: MISTAKE_KINDS[kind] for class_id, kind in zip(class_ids, kinds.tolist(), strict=True)}


def _judgements_by_class(image: str, class_ids: list[int], judged: JudgedMistakes, classes: Classes) -> dict[int, str]:
    """Return the judgement of each judged class of an image, by class id."""
    judged = judged.convert_to_classes(classes)
    (positions,) = judged.find_positions([image], np.array([class_ids], np.int64)).tolist()
    texts = map(judged.describe, positions)
    return {class_id: text for class_id, text in zip(class_ids, texts, strict=True) if text is not None}


def _top_classes(model: str, predictions: Predictions, image_key: str, labels: LabelSets | None) -> TopClasses | None:
    """Return a model's top classes for an image; None if it has no prediction for the image."""
    with add_error_place(model):
        keys = image_keys(images_of_rows(predictions, labels))
        if image_key not in keys:
            return None
        ids, _ = predictions.top_classes(
            min(_MAX_PREDICTED_CLASSES, predictions.max_k), np.array([keys.index(image_key)])
        )
    count = 1 + max(np.flatnonzero(ids[0] >= 0), default=-1)
    return tuple(class_id if class_id >= 0 else None for class_id in ids[0, :count].tolist())


def _check_class_ids(class_ids: Sequence[int], classes: Classes, model: str) -> None:
    """Raise if a class id is not below the number of classes."""
    if classes.count is not None:
        check_range(class_ids, 0, classes.count - 1, value_name="class id", where=model)
