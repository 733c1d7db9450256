"""Simulated raters, and the accuracy of their labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reassess.annotation import (
    Campaign,
    Simulation,
    export_votes,
    make_truth_function,
    read_image_names_by_address,
    simulate,
)
from reassess.core import LabelSets, StopRule
from tests.annotation.campaigns import CLASSES, NO, NOW, campaign_at, give, turn_of, vote_on_all
from tests.helpers import code_of

# The method may warn about a few random votes.
pytestmark = pytest.mark.filterwarnings("ignore::reassess.ReassessWarning")
CAREFUL = ((0.9, 0.05, 0.05), (0.05, 0.05, 0.9))
PERFECT = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def run(campaign: Campaign, *matrices: object, valid: int = 1, **options: object) -> Simulation:
    """Run a simulation where one class id is valid in every image."""
    return simulate(
        campaign, matrices, lambda _, class_id: class_id == valid, now=NOW, **{"seconds_per_vote": 3.0, **options}
    )


@pytest.mark.parametrize("golden_share", [0.9, 0.0])  # by calibration, and by EM
def test_labels_are_compared_with_the_truth(path: Path, golden_share: float) -> None:
    campaign = campaign_at(path, (2, 3, 2), votes_per_question=3, golden_share=golden_share)
    steps: list[int] = []
    result = run(campaign, *[PERFECT] * 3, report_answers=steps.append)
    assert (result.n_correct_labels, result.n_valid_missed, result.n_invalid_kept, result.n_newly_voted_questions) == (
        7,
        0,
        0,
        7,
    )
    assert (result.max_total_votes, result.progress.n_votes, result.n_unneeded_answers, result.n_failed_raters) == (
        21,
        21,
        0,
        0,
    )
    golden = result.n_answers - 21
    assert (golden > 0, sum(steps)) == (golden_share > 0, result.n_answers)


def test_wrong_labels_are_counted(path: Path) -> None:
    campaign = campaign_at(path, (2, 3, 2), votes_per_question=3, golden_share=0.0)
    liar = (PERFECT[1], PERFECT[0])
    result = run(replace(campaign, settings={"threshold": 0.3}), *[liar] * 3)
    assert (result.n_correct_labels, result.n_valid_missed, result.n_invalid_kept, result.threshold) == (0, 3, 4, 0.3)


def test_hours_follow_from_seconds_and_raters_work_in_parallel(path: Path) -> None:
    campaign = campaign_at(path, (4,) * 60, votes_per_question=2, golden_share=0.0)
    result = run(campaign, *[CAREFUL] * 4, seconds_per_vote=10.0, seed=1)
    assert result.n_answers == 480
    assert result.working_hours == pytest.approx(480 * 10 / 3600, rel=0.15)
    assert result.working_hours / 4 <= result.elapsed_hours < result.working_hours / 3


def test_stop_rule_saves_votes(path: Path) -> None:
    campaign = campaign_at(path, (3,) * 10, stop_rule=StopRule(0.05, 0.95), golden_share=0.5)
    result = run(campaign, *[PERFECT] * 6)
    assert (result.progress.n_questions_closed_by_rule, result.progress.n_votes) == (30, result.progress.n_votes)
    assert 60 <= result.progress.n_votes < 100 < result.max_total_votes == 150


def test_existing_votes_stay_and_are_not_evaluated(path: Path) -> None:
    campaign = campaign_at(path, (2, 2), raters=1, votes_per_question=2, golden_share=0.0)
    give(campaign, 2, turn_of(campaign, 2), NO)
    result = run(campaign, PERFECT)
    assert (result.n_newly_voted_questions, result.progress.n_votes) == (2, 6)
    vote_on_all(campaign, raters=1)


def test_labels_or_golden_questions_are_the_truth(path: Path) -> None:
    campaign = campaign_at(path, (6,) * 60)
    names = tuple(read_image_names_by_address(campaign).values())
    truth, again = make_truth_function(campaign, seed=3), make_truth_function(campaign, seed=3)
    main = [name for name in names if name.startswith("m")]
    found = [truth(name, class_id) for name in main for class_id in range(6)]
    assert found == [again(name, class_id) for name in main for class_id in range(6)]
    assert 0.3 < np.mean(found) < 0.5  # as often as golden questions, 2 of 5
    labels = LabelSets(names, np.arange(len(names) + 1), np.full(len(names), 2), CLASSES)
    by_labels = make_truth_function(campaign, labels)
    assert {(class_id, by_labels(name, class_id)) for name in names for class_id in (1, 2)} == {(1, False), (2, True)}
    few = LabelSets(names[:1], np.arange(2), np.array([2]), CLASSES)
    assert code_of(make_truth_function, campaign, few) == "missing-labels"


def test_campaigns_with_equal_seeds_get_equal_votes(tmp_path: Path) -> None:
    tables = []
    for name in ("one.db", "two.db"):
        campaign = campaign_at(tmp_path / name, (2,) * 9)
        run(campaign, *[CAREFUL] * 3)
        votes = export_votes(campaign).votes
        columns = votes.item_ids, votes.rater_ids, votes.answer_ids, votes.seconds
        tables.append([votes.items.images, *(column.tolist() for column in columns)])
        campaign.close()
    assert tables[0] == tables[1]
