"""A campaign of digits: raters with known confusion matrices, one random rater, and the results of their votes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    GivenAnswer,
    Rules,
    Turn,
    add_person,
    begin_next_turn,
    create_campaign,
    measure_progress,
    open_campaign,
    read_image_names_by_address,
    save_answers,
)
from reassess.core import Classes, Questions, Tasks, Votes
from reassess.numeric.proportions import wilson_interval
from tests.helpers import WORDS, Runner, results_of
from tests.references import average_precision

sklearn_datasets = pytest.importorskip("sklearn.datasets")

_RUNS = int(os.environ.get("REASSESS_DIGITS_SEEDS", "3"))
_DIGITS = Classes(10, names=tuple(f"digit {number}" for number in range(10)))
_MAIN, _GOLDEN = 40, 60  # images
_MATRICES = (
    ((0.95, 0.03, 0.02), (0.02, 0.03, 0.95)),
    ((0.9, 0.05, 0.05), (0.05, 0.05, 0.9)),
    ((0.8, 0.1, 0.1), (0.05, 0.1, 0.85)),
    ((0.7, 0.1, 0.2), (0.1, 0.1, 0.8)),
    ((0.9, 0.02, 0.08), (0.3, 0.1, 0.6)),
    ((0.75, 0.2, 0.05), (0.05, 0.25, 0.7)),
    ((1 / 3,) * 3,) * 2,  # at random
)
_RANDOM = "rater 7"


def tasks_of(images: Sequence[int], truth: Sequence[int], chance: Random) -> Tasks:
    """Make a task per image: its digit, and two other digits."""
    names, class_ids = [], []
    for image in images:
        other_digits = chance.sample([number for number in range(10) if number != truth[image]], 2)
        names += [f"{image:04}.png"] * 3
        class_ids += chance.sample([truth[image], *other_digits], 3)
    count = len(images)
    questions = Questions.from_columns(names, np.array(class_ids), _DIGITS)
    return Tasks(questions, np.arange(0, 3 * count + 1, 3), np.arange(count), ["all"] * count)


@dataclass
class Rated:
    """A campaign where all raters have answered all tasks in turn, and their answers.

    An answer has image, class, rater and answer.
    """

    campaign: Campaign
    truth: list[int]
    main: list[tuple[str, str, str, str]] = field(default_factory=list)
    golden: list[tuple[str, str, str, str]] = field(default_factory=list)
    experts: list[tuple[str, str, str, str]] = field(default_factory=list)


def rated(path: Path, seed: int) -> Rated:
    """Let all raters answer; an answer depends on seed, rater and question, not on the order of the questions."""
    chance = Random(seed)
    truth: list[int] = sklearn_datasets.load_digits().target.tolist()
    images = chance.sample(range(len(truth)), _MAIN + _GOLDEN)
    main, golden = tasks_of(images[:_MAIN], truth, chance), tasks_of(images[_MAIN:], truth, chance)
    questions = golden.questions
    digits = np.array([truth[int(name[:4])] for name in questions.images])[questions.image_ids]
    rows = np.arange(len(questions))
    experts = Votes.from_columns(
        questions, rows, np.zeros(rows.size, int), np.where(digits == questions.class_ids, 2, 0), ("eve",), WORDS
    )
    rules = Rules(votes_per_question=7, golden_share=0.6, seed=seed)
    create_campaign(path, CampaignPlan(main, rules=rules, golden_tasks=golden, expert_votes=experts))
    campaign = open_campaign(path)
    done, own = Rated(campaign, truth), set(main.questions.images)
    done.experts = [
        (questions.images[image], _DIGITS.names[class_id], "eve", "yes" if digit == class_id else "no")
        for image, class_id, digit in zip(questions.image_ids, questions.class_ids, digits, strict=True)
    ]
    address = read_image_names_by_address(campaign)
    raters = {add_person(campaign, f"rater {number}"): m for number, m in enumerate(_MATRICES, 1)}
    number_of = {person: number for number, person in enumerate(raters, 1)}
    working = list(raters)
    while working:
        for person in tuple(working):
            turn = begin_next_turn(campaign, person, 1e9)
            if not isinstance(turn, Turn):
                working.remove(person)
                continue
            name, matrix = address[turn.image_address], raters[person]
            values = [
                Random(f"{seed} {number_of[person]} {name} {row.class_id}").choices(
                    range(3), matrix[row.class_id == truth[int(name[:4])]]
                )[0]
                for row in turn.questions
            ]
            new_answers = [
                GivenAnswer(row.question_id, answer) for row, answer in zip(turn.questions, values, strict=True)
            ]
            save_answers(campaign, person, new_answers, 1e9)
            votes = done.main if name in own else done.golden
            for row, answer in zip(turn.questions, values, strict=True):
                votes.append((name, _DIGITS.names[row.class_id], f"rater {number_of[person]}", WORDS[answer]))
    return done


def scores_by_hand(done: Rated, without: str = "") -> dict[tuple[str, str], float]:
    """Compute P(class valid) of each question from main or golden votes, `without` the experts on one image."""
    truth = {(image, name): answer == "yes" for image, name, _, answer in done.experts if image != without}
    shares = {True: [1 / 6, 1 / 3, 1 / 2], False: [1 / 2, 1 / 3, 1 / 6]}
    counts: dict[str, dict[bool, list[float]]] = {}
    for image, name, rater, answer in done.golden:
        own = counts.setdefault(rater, {True: [0.0] * 3, False: [0.0] * 3})
        if (image, name) in truth:
            own[truth[image, name]][WORDS.index(answer)] += 1
    mean, odds = {}, {}
    for valid in (True, False):
        row = [sum(own[valid][i] for own in counts.values()) + 4 * shares[valid][i] for i in range(3)]
        mean[valid] = [cell / sum(row) for cell in row]
    for rater, own in counts.items():
        yes, no = ([own[valid][i] + 4 * mean[valid][i] for i in range(3)] for valid in (True, False))
        odds[rater] = [yes[i] / sum(yes) * sum(no) / no[i] for i in range(3)]
    golden = sum(truth.values())
    of: dict[tuple[str, str], float] = {}
    for image, name, rater, answer in done.main + done.golden:
        prior = (golden + 2) / (len(truth) - golden + 2)
        of[image, name] = of.get((image, name), prior) * odds[rater][WORDS.index(answer)]
    return {pair: ratio / (1 + ratio) for pair, ratio in of.items()}


def test_golden_images_equal_computation_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None, run: Runner, memory_folder: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = rated(memory_folder / "digits.db", seed=0)
    done.campaign.close()
    assert run("annotate", "export", memory_folder / "digits.db", "-o", "rated", "--rater-names").code == 0
    golden = {(image, name) for image, name, *_ in done.golden}
    aggregated = results_of(
        run, "aggregate", "--benchmark", "rated", "--method", "calibrated", "-o", "rated/scores.csv"
    )
    assert (aggregated["by_golden_votes"], aggregated["votes"]) == (len(golden), len(done.main) + len(done.golden))
    by_hand = scores_by_hand(done)
    scores = {(image, name): score for image, name, score, _ in pl.read_csv("rated/scores.csv").iter_rows()}
    assert scores == pytest.approx(by_hand, abs=1e-9)

    assert run("labels", "--benchmark", "rated", "--threshold", "0.5", "-o", "rated/labels.csv").code == 0
    labels = set(pl.read_csv("rated/labels.csv").drop_nulls().iter_rows())
    assert labels == {pair for pair, score in by_hand.items() if score >= 0.5}

    truth = {(image, name): answer == "yes" for image, name, _, answer in done.experts if (image, name) in golden}
    alone = [scores_by_hand(done, without=image)[image, name] for image, name in truth]
    expected = [average_precision(truth.values(), values) for values in ([by_hand[pair] for pair in truth], alone)]
    in_sample, left_out, *_ = results_of(run, "curve", "--benchmark", "rated", "--leave-out", "image")
    assert (in_sample["in_sample"], left_out["in_sample"]) == (True, False)
    assert [in_sample["average_precision"], left_out["average_precision"]] == pytest.approx(expected, abs=1e-9)
    assert left_out["points"][-1]["threshold"] == pytest.approx(min(alone), abs=1e-9)
    assert in_sample["golden"]["unrated"] == len(done.experts) - len(truth)
    assert run("status", "rated").code == 0


def test_confusion_matrix_intervals_cover_truth(memory_folder: Path) -> None:
    """90 to 99 % of the 95 % intervals do; REASSESS_DIGITS_SEEDS is the number of campaigns."""
    covered = []
    for seed in range(_RUNS):
        campaign = rated(memory_folder / f"{seed}.db", seed).campaign
        raters = {rater.name: rater for rater in measure_progress(campaign, 1e9).people}
        assert ("uninformative" in raters[_RANDOM].flags) or seed
        assert sum("uninformative" in one.flags for one in raters.values()) == 1 or seed
        for number, matrix in enumerate(_MATRICES, 1):
            for row, counts in zip(matrix, raters[f"rater {number}"].confusion.tolist(), strict=True):
                for share, count in zip(row, counts, strict=True):
                    low, high = wilson_interval(count, sum(counts))
                    covered.append(low <= share <= high)
    assert 0.9 <= np.mean(covered) <= 0.99, np.mean(covered)
