"""The plan of a campaign: practice tasks, and parts that contradict each other."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess.annotation import CampaignPlan, Rules, create_campaign
from reassess.annotation.practice_round import PracticeRound
from reassess.core import Classes, LabelSets, Questions, StopRule, Tasks, Votes
from tests.annotation.app.sites import shape_tasks
from tests.annotation.campaigns import CLASSES, YES, golden_of, tasks_of
from tests.helpers import WORDS, code_of, message


def plan_of_cut_images(practice: int, **options: Any) -> CampaignPlan:
    """Make a plan of three golden images with one, two and three tasks; one class of each task is known."""
    names, classes = np.repeat(["g0.png", "g1.png", "g2.png"], [2, 4, 6]), [*range(2), *range(4), *range(6)]
    questions = Questions.from_columns(names.tolist(), np.array(classes), CLASSES)
    golden = Tasks(questions, np.arange(0, 13, 2), np.arange(6), ["some"] * 6)
    answered = np.arange(0, 12, 2)
    experts = Votes.from_columns(questions, answered, np.zeros(6, int), np.full(6, YES), ("eve",), WORDS)
    return CampaignPlan(tasks_of(2), golden_tasks=golden, expert_votes=experts, n_practice_tasks=practice, **options)


def test_practice_takes_all_golden_tasks_of_an_image_or_none() -> None:
    """So raters do not get an image again after they have seen its truths."""
    image_of, sizes = np.repeat([0, 1, 2], [1, 2, 3]), np.array([1, 2, 3])
    draws = set()
    for seed in range(20):
        for practice in range(4):
            is_practice = plan_of_cut_images(practice, rules=Rules(seed=seed)).practice_task_mask
            chosen = np.unique(image_of[is_practice])
            assert is_practice.tolist() == np.isin(image_of, chosen).tolist()
            assert is_practice.sum() >= practice
            assert practice == 0 or is_practice.sum() - sizes[chosen].max() < practice
            assert (practice == 0) <= (chosen.size == 0)
            draws.add(tuple(chosen))
    assert draws == {(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}


def test_practice_prefers_images_with_known_truths() -> None:
    plan = plan_of_cut_images(1)
    # All tasks of the first two images except their last tasks.
    experts = plan.expert_votes.select_items(np.array([0, 1, 3]))
    for seed in range(10):
        seeded_plan = replace(plan, expert_votes=experts, rules=Rules(seed=seed))
        assert seeded_plan.practice_task_mask.tolist() == [True, *[False] * 5]
        assert seeded_plan.practice_round.reason_raters_cannot_begin is None
        more = replace(seeded_plan, n_practice_tasks=2)
        assert (more.practice_task_mask[0], more.practice_round.n_unanswered_tasks) == (
            True,
            2 if more.practice_task_mask[1] else 3,
        )


def test_practice_with_bar_has_valid_and_invalid_questions() -> None:
    """One of four tasks is valid; without a bar, practice often misses it."""
    experts = replace(SINGLE_EXPERTS, answer_ids=np.array([0, 2, 0, 0], np.uint8))
    for seed in range(10):
        plan = CampaignPlan(
            tasks_of(1),
            golden_tasks=SINGLE,
            expert_votes=experts,
            n_practice_tasks=1,
            practice_bar=0.7,
            rules=Rules(seed=seed),
        )
        assert plan.practice_task_mask[1]
        assert (plan.practice_round.n_valid_questions, plan.practice_round.n_invalid_questions) == (1, 1)
        assert plan.practice_task_mask[replace(plan, practice_bar=None).practice_task_mask].all()


def test_images_with_main_tasks_are_not_for_practice() -> None:
    """Two of four golden images are also in main tasks."""
    golden, experts = golden_of(1, 1, 1, 1)
    questions = Questions.from_columns(["g1.png", "g2.png"], np.array([5, 5]), CLASSES)
    tasks = Tasks(questions, np.arange(3), np.arange(2), ["all"] * 2)
    plan = CampaignPlan(tasks, golden_tasks=golden, expert_votes=experts, n_practice_tasks=2)
    assert plan.practice_task_mask.tolist() == [True, False, False, True]
    assert "\n  allowed: at most 2 practice tasks\n  found:   3\n" in message(replace, plan, n_practice_tasks=3)


def test_practice_questions_do_not_measure_original_labels() -> None:
    """One golden image is for practice, and only its label is wrong."""
    golden, experts = golden_of(*[2] * 9)
    names = golden.questions.images
    plan = CampaignPlan(tasks_of(1), golden_tasks=golden, expert_votes=experts, n_practice_tasks=1)
    practised = int(np.flatnonzero(plan.practice_task_mask)[0])
    priors = []
    for label in (0, 1):
        labels = [[label] if image == practised else [1] for image in range(9)]
        original = LabelSets.from_lists([*names, "m0.png"], [*labels, [0]], CLASSES)
        priors.append(
            replace(plan, original_labels=original, has_original_votes=True).estimate_priors(plan.tasks.questions)
        )
    assert priors[0] == priors[1]


GOLDEN, EXPERTS = golden_of(2)
SINGLE, SINGLE_EXPERTS = golden_of(1, 1, 1, 1)
OTHER = GOLDEN.questions.convert_to_classes(Classes(7, names=tuple("abcdefg")))
ORIGINAL = LabelSets(("m0.png",), np.array([0, 1]), np.array([0]), CLASSES)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"rules": Rules(stop_rule=StopRule(0.1, 0.9))}, "a stop rule"),
        ({"n_practice_tasks": 1}, "a practice round"),
        ({"original_labels": ORIGINAL, "has_original_votes": True}, "a vote of original labels"),
    ],
)
def test_features_that_need_golden_questions_raise_without_them(options: dict[str, Any], what: str) -> None:
    assert message(CampaignPlan, tasks_of(1), **options) == (
        f"{what} needs golden questions\n"
        "  found:   no golden questions\n"
        f"  fix:     add golden questions, or remove {what}"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {
                "golden_tasks": replace(
                    GOLDEN, questions=GOLDEN.questions.convert_to_classes(Classes(7, names=tuple("abcdefg")))
                )
            },
            "golden tasks and tasks have different class lists\n  fix:     use one class list for both",
        ),
        (
            {"golden_tasks": tasks_of(2)},
            "question is both golden and in the tasks\n  where:   image m0.png, class a\n"
            "  found:   1 of 2 golden questions\n"
            "  fix:     make the tasks again, without the golden questions; or use golden questions about other images",
        ),
        (
            {"golden_tasks": GOLDEN, "expert_votes": EXPERTS, "n_practice_tasks": 1},
            "no golden task is left for raters who passed practice\n"
            "  allowed: at most 0 practice tasks, since 2 golden questions are in 1 task, and 1 must remain\n"
            "  found:   1\n"
            "  fix:     use golden questions on more images, or fewer practice tasks",
        ),
        (
            {
                "golden_tasks": SINGLE,
                "expert_votes": SINGLE_EXPERTS.select_items(np.array([1, 3])),
                "n_practice_tasks": 1,
                "practice_bar": 0.7,
            },
            "a pass mark needs valid and invalid practice questions, and golden questions outside practice\n"
            "  found:   1 valid and 0 invalid practice questions\n"
            "  fix:     add golden questions with the missing truth (valid or invalid), or remove the pass mark "
            "(practice_bar)",
        ),
        (
            {"golden_tasks": shape_tasks(["m0.png", "m1.png", "m2.png"], [1, 9, 12], Classes(12))},
            "task has more classes than a page shows\n  where:   task 1, image m1.png\n  allowed: up to 8 classes\n"
            "  found:   9 classes; 2 of 3 tasks are too large\n  fix:     reassess tasks --per-task 8",
        ),
        (
            {"golden_tasks": GOLDEN, "has_original_votes": True},
            "original labels are missing, so they cannot count as votes\n"
            "  fix:     add original labels, or do not count them as votes",
        ),
    ],
)
def test_contradicting_parts_of_plan_raise(options: dict[str, Any], expected: str) -> None:
    assert message(CampaignPlan, tasks_of(1), **options) == expected


def test_invalid_numbers_and_outputs_raise(path: Path) -> None:
    assert (
        "\n  allowed: at most 3 practice tasks, since 12 golden questions are in 6 tasks, and 3 must remain\n"
        in message(plan_of_cut_images, 4)
    )
    two = LabelSets.from_lists(["m0.png", "x.png"], [[0], [1, 2]], CLASSES)
    for wrong in (
        {"n_practice_tasks": -1},
        {"n_practice_tasks": 0.5},
        {"min_experts": 10**30},
        {"min_experts": 0},
        {"original_labels": two},
    ):
        code_of(CampaignPlan, tasks_of(1), golden_tasks=GOLDEN, **wrong)
    create_campaign(path, CampaignPlan(tasks_of(1)))
    assert code_of(create_campaign, path, CampaignPlan(tasks_of(1))) == "output-exists"


@pytest.mark.parametrize(
    ("questions", "bar", "easiest", "enough"),
    [
        ((18, 18), 0.7, None, 24),
        ((1, 1), 0.75, ("answers at random", pytest.approx(1 / 3)), 7),
        ((4, 4), 0.5, ("always no", 1.0), None),
        ((4, 4), None, None, 2),
    ],
)
def test_practice_that_is_easy_to_pass_names_how_much_would_be_enough(
    questions: tuple[int, int], bar: float | None, easiest: tuple[str, float] | None, enough: int | None
) -> None:
    tasks = 12 if questions == (18, 18) else 1
    practice = PracticeRound(tasks, 0, *questions, bar)
    assert practice.best_strategy_without_looking == easiest
    assert practice.n_tasks_needed == enough
    if enough and bar is not None:
        q = sum(questions) // tasks
        assert practice.n_golden_needed == 2 * enough * q  # half of them are left for raters who passed


def test_enough_practice_is_found_fast() -> None:
    start = time.perf_counter()
    for bar, enough in ((0.5, None), (0.52, 400)):
        assert PracticeRound(200, 0, 600, 600, bar).n_tasks_needed == enough
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("n_golden", "n_practice", "rule", "error"),
    [
        (60, 0, StopRule(0.01, 0.99), 0.0487),  # 1 - 0.05^(1/60)
        (60, 20, StopRule(0.01, 0.99), 0.0722),  # 1 - 0.05^(1/40)
        (60, 0, StopRule(0.05, 0.99), None),
        (60, 0, StopRule(0.01, 0.95), None),
        (300, 0, StopRule(0.01, 0.99), None),
        (60, 0, None, None),
    ],
)
def test_plan_knows_which_error_of_a_stop_rule_golden_questions_cannot_check(
    n_golden: int, n_practice: int, rule: StopRule | None, error: float | None
) -> None:
    golden, experts = golden_of(*(1,) * n_golden)
    plan = CampaignPlan(
        tasks_of(1),
        rules=Rules(stop_rule=rule),
        golden_tasks=golden,
        expert_votes=experts,
        n_practice_tasks=n_practice,
    )
    assert plan.uncheckable_error == (error and pytest.approx(error, abs=1e-4))
