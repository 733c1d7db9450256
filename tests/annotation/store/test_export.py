"""The export: votes in order of arrival, original labels, and suggestions."""

from pathlib import Path

import numpy as np
import pytest

from reassess.annotation import (
    GivenAnswer,
    Suggestion,
    Turn,
    begin_next_turn,
    exclude_rater,
    export_votes,
    save_answers,
    skip_task,
    suggest_class,
)
from reassess.core import Classes, LabelSets, Votes
from tests.annotation.campaigns import CLASSES, NOW, YES, campaign_at, give, raters_of, turn_of


def rows_of(votes: Votes) -> list[tuple[object, ...]]:
    items, seconds = votes.items, votes.seconds
    return [
        (items.images[items.image_ids[row]], int(items.class_ids[row]), *vote)
        for row in range(len(items))
        for vote in zip(votes.votes_on(row), seconds[votes.indptr[row] : votes.indptr[row + 1]].tolist(), strict=True)
    ]


def test_votes_are_exported_by_image_class_and_time(address: str | Path) -> None:
    campaign = campaign_at(address, (2, 1), raters=3, golden_share=0)
    for rater, seconds in ((3, None), (2, 1.5)):
        while isinstance(turn := begin_next_turn(campaign, rater, NOW), Turn):
            save_answers(
                campaign, rater, [GivenAnswer(row.question_id, rater - 1, seconds) for row in turn.questions], NOW
            )
    votes = export_votes(campaign, with_rater_names=True).votes
    assert [row[:3] for row in rows_of(votes)] == [
        (image, class_id, vote)
        for image, class_id in (("m0.png", 0), ("m0.png", 1), ("m1.png", 0))
        for vote in (("rater 3", "yes"), ("rater 2", "maybe"))
    ]
    assert np.isnan(votes.seconds).tolist() == [True, False] * 3
    assert votes.items.classes == CLASSES
    assert export_votes(campaign).original_labels is None


@pytest.mark.parametrize("names", ["abcdef", "fedcba"])
def test_original_labels_of_all_images_are_exported(address: str | Path, names: str) -> None:
    lists = [[names.index(name)] for name in "eba"]  # also with another class list
    labels = LabelSets.from_lists(["m1.png", "x.png", "m2.png"], lists, Classes(6, names=tuple(names)))
    campaign = campaign_at(address, (1, 1, 1), original_labels=labels)
    exported = export_votes(campaign)
    assert exported.original_labels.classes_by_image() == {"m1.png": {4}, "m2.png": {0}, "x.png": {1}}
    assert exported.original_labels.classes == CLASSES
    assert not campaign.has_original_votes


def test_suggestions_count_people(address: str | Path) -> None:
    campaign = campaign_at(address, (2,), raters=3, golden_share=0)
    for rater, class_ids in ((2, (5, 3)), (3, (5,)), (4, (5, 4))):
        turn = turn_of(campaign, rater)
        for class_id in class_ids:
            suggest_class(campaign, rater, turn.task_id, class_id, NOW)
    exclude_rater(campaign, 4, NOW)
    assert export_votes(campaign).suggestions == (Suggestion("m0.png", 3, 1), Suggestion("m0.png", 5, 2))


def test_uncounted_answers_are_counted_by_reason(address: str | Path) -> None:
    campaign = campaign_at(address, (1,), raters=5, votes_per_question=1, golden_share=0, lease_seconds=60.0)
    *raters, suggesting = raters_of(5)
    later = NOW + 100  # after the leases
    task = turn_of(campaign, suggesting).task_id
    suggest_class(campaign, suggesting, task, 5, NOW)
    skip_task(campaign, suggesting, task, NOW)
    give(campaign, raters[0], turn_of(campaign, raters[0]), YES)
    skip_task(campaign, raters[0], task, NOW)
    late, asked_of_suggested = turn_of(campaign, raters[1]), turn_of(campaign, raters[2])
    give(campaign, raters[3], turn_of(campaign, raters[3], later), YES, now=later)
    exclude_rater(campaign, suggesting, later)
    give(campaign, raters[1], late, YES, now=later)
    give(campaign, raters[2], asked_of_suggested, YES, now=later)
    exported = export_votes(campaign)
    assert (
        len(exported.votes),
        exported.n_unneeded_answers,
        exported.n_skipped_answers,
        exported.n_withdrawn_answers,
    ) == (1, 1, 1, 1)
