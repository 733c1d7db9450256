"""Numbers instead of raters' names, and hashes instead of image names.

The numbers and hashes depend on a key, which is a hash of the released files of the owner. So the same files give the
same numbers, and a reader who guesses a name cannot check the guess without these files.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from reassess.aggregation.shared_errors import MODEL_PATTERN
from reassess.core import Id, LabelSets, Questions, Sample, Scores, Votes
from reassess.core.items import require_questions, take_items
from reassess.data.image_folders import IMAGE_SUFFIXES
from reassess.formats.files import sha256
from reassess.release.release_parts import ReleaseParts

_N_HASH_DIGITS = 16


def is_model(rater: Id) -> bool:
    """Return whether a rater's id is that of a model, as `reassess rate` writes it: MODEL#HASH."""
    return isinstance(rater, str) and MODEL_PATTERN.fullmatch(rater) is not None and "@" not in rater


def make_anonymous(parts: ReleaseParts, *, hash_names: bool, attempt: int = 0) -> ReleaseParts:
    """Replace raters' names by numbers and, with `hash_names`, image names by hashes; sort the votes on each item.

    Each attempt gives other numbers and hashes.
    """
    key = _make_key(parts.paths.values(), attempt)
    raters = {rater for votes in parts.votes_by_part.values() for rater in votes.raters}
    numbers = number_raters(raters, key)
    votes = {part: _rename_raters(votes, numbers) for part, votes in parts.votes_by_part.items()}
    released = replace(
        parts, votes=votes.get("votes"), golden=votes.get("golden"), rater_golden=votes.get("rater-golden")
    )
    return _hash_images(released, key) if hash_names else released


def _make_key(paths: Iterable[Path], attempt: int) -> bytes:
    return hashlib.sha256("".join([*sorted(map(sha256, paths)), str(attempt)]).encode()).digest()


def number_raters(raters: Collection[Id], key: bytes) -> dict[Id, str]:
    """Give each person a number, such as r01, in an order that depends on the key; models keep their names."""
    people = sorted((rater for rater in raters if not is_model(rater)), key=lambda rater: _digest(key, str(rater)))
    width = len(str(len(people)))
    return {rater: f"r{number:0{width}}" for number, rater in enumerate(people, 1)} | {
        rater: str(rater) for rater in raters if is_model(rater)
    }


def hash_image_names(images: Iterable[str], key: bytes) -> dict[str, str]:
    """Return a hash for each image name, with the suffix of its image format; other suffixes can be words."""
    suffixes = {name: PurePosixPath(name.replace("\\", "/")).suffix.lower() for name in images}
    return {
        name: _digest(key, name)[:_N_HASH_DIGITS] + (suffix if suffix in IMAGE_SUFFIXES else "")
        for name, suffix in suffixes.items()
    }


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _rename_raters(votes: Votes, numbers: Mapping[Id, str]) -> Votes:
    """Rename the raters, and sort raters and the votes on each item by the new names."""
    if not votes.raters:
        return votes
    names = [numbers[rater] for rater in votes.raters]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names))
    rater_ids = rank[votes.rater_ids]
    rows = np.lexsort((rater_ids, votes.item_ids))
    return replace(
        votes,
        raters=tuple(names[row] for row in order),
        rater_ids=rater_ids[rows],
        answer_ids=votes.answer_ids[rows],
        seconds=None if votes.seconds is None else votes.seconds[rows],
    )


def _hash_images(parts: ReleaseParts, key: bytes) -> ReleaseParts:
    """Replace image names by hashes, and sort by them, because the order of names says something about them."""
    data = (parts.labels, parts.original, parts.scores, *parts.votes_by_part.values())
    known = (*parts.benchmark.images, *(image for each in data if each is not None for image in each.images))
    new_names = hash_image_names(dict.fromkeys(known), key)

    def rename(images: Sequence[str]) -> tuple[str, ...]:
        return tuple(new_names[name] for name in images)

    def rename_votes(votes: Votes | None) -> Votes | None:
        if votes is None or not votes.images:
            return votes
        renamed = votes.with_images(rename(votes.images))
        return renamed.select_items(_sort_items(renamed))

    sample = parts.golden_sample
    return replace(
        parts,
        labels=_sort_labels(parts.labels.with_images(rename(parts.labels.images))),
        original=parts.original and _sort_labels(parts.original.with_images(rename(parts.original.images))),
        scores=parts.scores and _sort_scores(parts.scores.with_images(rename(parts.scores.images))),
        votes=rename_votes(parts.votes),
        golden=rename_votes(parts.golden),
        rater_golden=rename_votes(parts.rater_golden),
        golden_sample=sample and _rename_sample(sample, new_names),
        benchmark=replace(parts.benchmark, load_images=lambda: rename(parts.benchmark.images)),
        new_image_names=new_names,
    )


def _rename_sample(sample: Sample, new_names: Mapping[str, str]) -> Sample:
    return replace(sample, images=tuple(new_names.get(name, name) for name in sample.images))


def _sort_labels(labels: LabelSets) -> LabelSets:
    order = sorted(range(len(labels)), key=labels.images.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    images = tuple(labels.images[row] for row in order)
    return LabelSets.from_pairs(images, rank[labels.image_ids], labels.indices, labels.classes, name=labels.name)


def _sort_questions(questions: Questions) -> list[int]:
    images, image_ids, class_ids = questions.images, questions.image_ids.tolist(), questions.class_ids.tolist()
    return sorted(range(len(questions)), key=lambda row: (images[image_ids[row]], class_ids[row]))


def _sort_items(votes: Votes) -> npt.NDArray[np.int64]:
    if isinstance(votes.items, Questions):
        return np.array(_sort_questions(votes.items))
    return np.array(sorted(range(len(votes.images)), key=votes.images.__getitem__))


def _sort_scores(scores: Scores) -> Scores:
    rows = np.array(_sort_questions(scores.questions))
    return replace(
        scores,
        questions=require_questions(take_items(scores.questions, rows)),
        values=scores.values[rows],
        is_golden=None if scores.is_golden is None else scores.is_golden[rows],
    )
