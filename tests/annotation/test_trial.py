"""What came of a campaign whose truth is known: votes, those that came late, and how right the labels are."""

from dataclasses import replace
from pathlib import Path

import pytest

from reassess.annotation.simulation import Trial, trial_of
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.given_answers import GivenAnswer, save_answers
from reassess.annotation.store.turns import next_turn
from reassess.errors import ReassessWarning
from tests.annotation.campaigns import campaign_at, raters_of, vote_on_all

NOW = 1e9


def right_of(trial: Trial) -> tuple[int, int, int]:
    return trial.right, trial.missed, trial.mistaken


@pytest.mark.parametrize("golden_share", [0.9, 0.0])  # by calibration, and by EM
def test_labels_are_held_against_the_truth(tmp_path: Path, golden_share: float) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2, 3, 2), raters=3, per_question=3, golden_share=golden_share)
    before = export_votes(campaign).votes
    vote_on_all(campaign, raters=3)  # who say that the classes 1 are valid: 3 of 7
    for truth, expected in (
        (lambda _, class_id: class_id == 1, (7, 0, 0)),
        (lambda _, class_id: class_id == 2, (3, 1, 3)),
    ):
        trial = trial_of(campaign, before, truth, NOW)
        assert right_of(trial) == expected
        assert (trial.voted, trial.most, trial.progress.votes, trial.not_needed) == (7, 21, 21, 0)
    strict = replace(campaign, settings={"threshold": 1.0})
    assert right_of(trial_of(strict, before, lambda _, class_id: class_id == 1, NOW)) == (4, 3, 0)
    assert trial_of(campaign, export_votes(campaign).votes, lambda *_: True, NOW).voted == 0
    campaign.close()


def test_without_votes_there_are_no_labels(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (2,), raters=1)
    before = export_votes(campaign).votes
    trial = trial_of(campaign, before, lambda *_: True, NOW)
    assert (trial.voted, trial.progress.open) == (0, 2)
    campaign.close()


def test_answers_that_came_late_are_counted(tmp_path: Path) -> None:
    campaign = campaign_at(tmp_path / "c.db", (1,), raters=2, per_question=1, golden_share=0.0, lease=1.0)
    before = export_votes(campaign).votes
    first, second = raters_of(2)
    asked = next_turn(campaign, first, NOW).rows
    later = next_turn(campaign, second, NOW + 2).rows  # the lease of the first has ended
    for rater, rows in ((second, later), (first, asked)):
        save_answers(campaign, rater, [GivenAnswer(row.question, 2) for row in rows], NOW + 3)
    with pytest.warns(ReassessWarning, match="em leaves no item"):  # as of one vote
        trial = trial_of(campaign, before, lambda *_: True, NOW)
    assert (trial.progress.votes, trial.most, trial.not_needed) == (1, 1, 1)
    campaign.close()
