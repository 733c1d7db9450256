"""All that is known of one image, gathered from every noun that may hold it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reassess.core import Classes, Id, LabelSets, Predictions, Questions, Scores, Votes, align_classes
from reassess.core.checks import check_range, check_type
from reassess.core.classes import UNLISTED
from reassess.core.image_names import image_keys
from reassess.errors import DataError, at
from reassess.evaluation.evaluation_words import KNOWN_IN_WORDS
from reassess.evaluation.mistakes import MISTAKE_KINDS, known_kinds
from reassess.evaluation.outcomes import images_of_rows
from reassess.text import Shown

_MOST_PREDICTED = 5
_Answers = tuple[tuple[Id | None, Id], ...]


@dataclass(frozen=True)
class Candidate:
    """A class that was proposed for the image: its score, and every vote of raters and experts as (who, answer).

    Where people chose one class for the image, the votes are those for this class. None stands for a rater who is not
    known.
    """

    class_id: int
    score: float | None = None
    votes: _Answers = ()
    experts: _Answers = ()


@dataclass(frozen=True, repr=False)
class ImageSheet(Shown):
    """What is known of one image."""

    image: str  # Its name
    original: int | None  # Its original label, or None
    # Its valid classes: () if it was rated and has none, None if the label sets do not hold it
    valid: tuple[int, ...] | None
    # The classes that were proposed for it, the highest score first; () if it is unrated, None if that is
    # not known, without scores and votes. Where people chose one class of all, those that someone chose, that
    # have a score, or that are valid or the original label; of equal scores, the one that most people chose first
    candidates: tuple[Candidate, ...] | None
    # The first classes of each model, best first, by the model's name: None in the place of what is no class,
    # unless no class comes after it. None where the model was not shown the image
    predictions: dict[str, tuple[int | None, ...] | None] = field(default_factory=dict)
    # What is known of each predicted class that is not valid, one of `reassess.evaluation.MISTAKE_KINDS`, by class id;
    # empty without scores and votes
    known: Mapping[int, str] = field(default_factory=dict)
    # raters, experts: How many raters, and experts, chose one class of all for the image; None where they
    # answered questions, or are missing
    raters: int | None = None
    experts: int | None = None
    classes: Classes = field(default=UNLISTED, compare=False)  # whose names are shown

    def _summary(self) -> Iterator[tuple[str, str]]:
        yield "image", self.image
        yield "original label", "unknown" if self.original is None else self._named(self.original)
        yield "valid", "unknown" if self.valid is None else "; ".join(map(self._named, self.valid)) or "no class"
        for one in self.candidates or ():
            parts = [] if one.score is None else [f"score {one.score:.4f}"]
            parts += [
                f"{who} {self._answers(given, choosers)}"
                for who, given, choosers in (("raters", one.votes, self.raters), ("experts", one.experts, self.experts))
                if given or choosers
            ]
            yield self._named(one.class_id), "; ".join(parts)
        for model, best in self.predictions.items():
            first = "; ".join("no class" if i is None else self._named(i) + self._what_is_known(i) for i in best or ())
            yield model, "the image is missing" if best is None else first or "no class"

    def _named(self, class_id: int) -> str:
        label = self.classes.label(class_id)
        return label if label == str(class_id) else f"{class_id} {label}"

    def _what_is_known(self, class_id: int) -> str:
        if class_id in (self.valid or ()):
            return " (valid)"
        return f" ({KNOWN_IN_WORDS[self.known[class_id]]})" if class_id in self.known else ""

    @staticmethod
    def _answers(given: _Answers, choosers: int | None) -> str:
        """How often each answer was given; or how many chose the class, of all who chose one."""
        if choosers is not None:
            return f"{len(given)} of {choosers}"
        return ", ".join(f"{n} {answer}" for answer, n in Counter(answer for _, answer in given).most_common())

    def to_json(self, classes: Classes) -> dict[str, Any]:
        """The object that JSON documents hold."""

        def predicted(class_id: int | None) -> dict[str, Any] | None:
            if class_id is None:
                return None
            known = "valid" if class_id in (self.valid or ()) else self.known.get(class_id)
            return classes.id_and_name(class_id) | {"known": known}

        def votes(given: _Answers) -> list[dict[str, Id | None]]:
            return [{"rater": rater, "answer": answer} for rater, answer in given]

        def candidate(one: Candidate) -> dict[str, Any]:
            given = {"score": one.score, "votes": votes(one.votes), "experts": votes(one.experts)}
            return classes.id_and_name(one.class_id) | given

        return {
            "image": self.image,
            "original": None if self.original is None else classes.id_and_name(self.original),
            "valid": None if self.valid is None else [classes.id_and_name(i) for i in self.valid],
            "candidates": None if self.candidates is None else [candidate(one) for one in self.candidates],
            "raters": self.raters,
            "experts": self.experts,
            "predictions": {
                file: None if best is None else [predicted(i) for i in best] for file, best in self.predictions.items()
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
) -> ImageSheet:
    """Gather what is known of one image; any part may be missing.

    Parameters
    ----------
    image
        Its name; ImageNet's validation images are known by number, in whatever spelling.
    labels, original
        Valid classes and original labels.
    scores
        P(class valid) of each class that was proposed.
    votes, experts
        Votes of the raters, and answers of the experts, on (image, class) questions or for one class an image.
    predictions
        Predictions by the models' names. Rows without names, if they are as many as the label sets, are in their
        order.

    Returns
    -------
    ImageSheet

    Raises
    ------
    DataError
        None of the parts holds the image; a model's score for it is NaN, or nothing says which row is the image's; or a
        class id is not one of the classes of the labels.

    Examples
    --------
    >>> labels = LabelSets.from_lists(["a.png"], [[3, 1]])
    >>> image_sheet("a.png", labels=labels, original=LabelSets.from_lists(["a.png"], [[1]]))
    image            a.png
    original label   1
    valid            1; 3
    """
    check_type(LabelSets, labels, original, optional=True)
    check_type(Scores, scores, optional=True)
    check_type(Votes, votes, experts, optional=True)
    given: dict[str, Any] = {"the original labels": original, "the scores": scores, "the votes": votes}
    given = {name: part for name, part in (given | {"the experts' votes": experts}).items() if part is not None}
    models = dict(predictions or {})
    moved = align_classes(given | models, None if labels is None else labels.classes)
    original, scores, votes, experts = (
        moved.get(name) for name in ("the original labels", "the scores", "the votes", "the experts' votes")
    )
    key = image_keys([image])[0]
    of_original = None if original is None else original[image]
    valid = None if labels is None else labels[image]
    candidates = _candidates(key, scores, votes, experts, {*(of_original or ()), *(valid or ())})
    if of_original is None and valid is None and not candidates:
        known = labels or original
        raise DataError(
            "unknown-image",
            "unknown image",
            where=image,
            allowed=f"a name such as {known.images[0]}" if known else None,
            fix="check the name",
        )
    best = {file: _best_of(file, moved[file], key, labels) for file in models}
    classes = Classes() if labels is None else labels.classes
    for file, class_ids in best.items():
        _check_range([class_id for class_id in class_ids or () if class_id is not None], classes, file)
    rated = votes if scores is None else scores
    predicted = {class_id for class_ids in best.values() for class_id in class_ids or () if class_id is not None}
    return ImageSheet(
        image=image,
        original=of_original[0] if of_original else None,
        valid=valid,
        candidates=candidates,
        predictions=best,
        known={} if rated is None else _known(image, sorted(predicted - {*(valid or ())}), rated, experts),
        raters=_choosers(votes, [one.votes for one in candidates or ()]),
        experts=_choosers(experts, [one.experts for one in candidates or ()]),
        classes=classes,
    )


def _candidates(
    key: str, scores: Scores | None, votes: Votes | None, experts: Votes | None, others: set[int]
) -> tuple[Candidate, ...] | None:
    """The classes that were proposed; `others` too, if people chose one class of all for the image."""
    score_of = {} if scores is None else _rows(scores.questions, key)
    of_raters, of_experts = _answers(votes, key), _answers(experts, key)
    class_ids = score_of.keys() | of_raters.keys() | of_experts.keys()
    if not class_ids:
        return None if scores is None and votes is None else ()
    is_chosen = votes is not None and votes.classes is not None
    if (scores is not None and scores.exclusive and score_of) or (is_chosen and of_raters):
        class_ids |= others
    candidates = [
        Candidate(
            class_id=class_id,
            score=float(scores.values[score_of[class_id]]) if scores is not None and class_id in score_of else None,
            votes=of_raters.get(class_id, ()),
            experts=of_experts.get(class_id, ()),
        )
        for class_id in class_ids
    ]

    def place(one: Candidate) -> tuple[float, int, int]:
        return -(one.score or 0.0), -len(one.votes) if is_chosen else 0, one.class_id

    return tuple(sorted(candidates, key=place))


def _answers(votes: Votes | None, key: str) -> dict[int, _Answers]:
    """Who answered what to each question about the image; or who chose each class."""
    if votes is None or votes.classes is None:
        return {} if votes is None else {i: votes.on(row) for i, row in _rows(votes.items, key).items()}
    chosen: dict[int, list[tuple[Id | None, Id]]] = {}
    keys = image_keys(votes.images)
    if key in keys:
        row, class_ids = keys.index(key), votes.class_ids.tolist()
        span = slice(votes.indptr[row], votes.indptr[row + 1])
        for rater, answer in zip(votes.rater_ids[span].tolist(), votes.answer_ids[span].tolist(), strict=True):
            who = None if votes.anonymous else votes.raters[rater]
            chosen.setdefault(class_ids[answer], []).append((who, votes.answers[answer]))
    return {class_id: tuple(given) for class_id, given in chosen.items()}


def _rows(questions: object, key: str) -> dict[int, int]:
    """Row of each question about the image, by class id."""
    if not isinstance(questions, Questions):
        return {}
    keys = image_keys(questions.images)
    rows = np.flatnonzero(questions.image_ids == keys.index(key)) if key in keys else np.empty(0, np.int64)
    return dict(zip(questions.class_ids[rows].tolist(), rows.tolist(), strict=True))


def _choosers(votes: Votes | None, given: Iterable[_Answers]) -> int | None:
    """How many people chose one class of all; None where they did not."""
    return None if votes is None or votes.classes is None else sum(map(len, given))


def _known(image: str, class_ids: list[int], rated: Scores | Votes, experts: Votes | None) -> dict[int, str]:
    (kinds,) = known_kinds([image], np.array([class_ids], np.int64), rated, experts)
    return {class_id: MISTAKE_KINDS[kind] for class_id, kind in zip(class_ids, kinds.tolist(), strict=True)}


def _best_of(file: str, model: Predictions, key: str, labels: LabelSets | None) -> tuple[int | None, ...] | None:
    with at(file):
        keys = image_keys(images_of_rows(model, labels))
        if key not in keys:
            return None
        ids, _ = model.best(min(_MOST_PREDICTED, model.depth), np.array([keys.index(key)]))
    known = 1 + max(np.flatnonzero(ids[0] >= 0), default=-1)
    return tuple(class_id if class_id >= 0 else None for class_id in ids[0, :known].tolist())


def _check_range(class_ids: Sequence[int], classes: Classes, where: str) -> None:
    if classes.count is not None:
        check_range(class_ids, 0, classes.count - 1, what="class id", where=where)
