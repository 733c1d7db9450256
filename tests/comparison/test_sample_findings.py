"""Results from the answers to a sample of images, on a simulated benchmark whose label sets are known."""

from dataclasses import replace

import numpy as np
import pytest

from reassess.comparison import SampleFindings, original_changes
from reassess.comparison.sample_words import describe_used_images, explain_sample_results
from reassess.core import LabelSets, Predictions, Scores, Tasks
from reassess.core.items import take_items
from reassess.errors import DataError, MissingResult
from reassess.evaluation import estimate_ratio, evaluate, find_question_facts
from tests.sampled import IMAGES, MODELS, SimulatedBenchmark, simulate_benchmark


@pytest.fixture
def bench() -> SimulatedBenchmark:
    return simulate_benchmark()


def find_sample_results(
    bench: SimulatedBenchmark, n: int = 300, *, models: tuple[int, ...] = (0, 1), anytime: bool = False, **draw: object
) -> SampleFindings:
    tasks = bench.draw(n, models=models, **draw)
    return SampleFindings.from_predictions(
        bench.predictions(*models),
        bench.labels_of(tasks),
        tasks,
        original=bench.original_labels,
        is_anytime=anytime,
    )


def test_shares_are_the_estimates_of_horvitz_and_thompson(bench: SimulatedBenchmark) -> None:
    """Each image stands for 1 / probability images. Computed again, image by image, without the package."""
    tasks = bench.draw(250, seed=3, models=(0, 1, 2), rule=("top-1", "original", "candidates"))
    findings = SampleFindings.from_predictions(bench.predictions(0, 1), bench.labels_of(tasks), tasks)
    for model in findings.models:
        predicted = bench.top1[("a.npz", "b.npz").index(model.model)]
        hits = images = everything = 0.0
        for name, probability in zip(tasks.sample.images, tasks.sample.probabilities.tolist(), strict=True):
            i = int(name[:4])
            hits += (int(predicted[i]) in bench.sets[i]) / probability
            images += (len(bench.sets[i]) > 0) / probability
            everything += 1 / probability
        assert model.valid.value == pytest.approx(hits / everything, abs=1e-12)
        assert model.real_accuracy.value == pytest.approx(hits / images, abs=1e-12)


def test_accuracy_of_images_with_a_valid_class_is_shown_only_if_all_candidates_were_asked(
    bench: SimulatedBenchmark,
) -> None:
    """Otherwise an image whose valid class no model ranks first would count as an image without a valid class."""
    findings = find_sample_results(bench)
    assert [model.real_accuracy for model in findings.models] == [None, None]
    assert not any("among images with a valid class" in line for line in explain_sample_results(findings))
    asked = find_sample_results(bench, rule=("top-1", "original", "candidates"))
    assert [model.valid for model in asked.models] == [model.valid for model in findings.models]
    assert all(model.real_accuracy.value > model.valid.value for model in asked.models)
    assert any("among images with a valid class" in line for line in explain_sample_results(asked))


def test_wrong_labels_are_counted_by_group_of_the_original_label(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(300, models=(0,))
    groups = {class_id: "even" if class_id % 2 == 0 else "odd" for class_id in range(int(bench.original.max()))}
    original = bench.original_labels
    findings = SampleFindings.from_predictions(
        bench.predictions(0), bench.labels_of(tasks), tasks, original=original, groups=groups
    )
    wrong, images, n_drawn = dict.fromkeys(("even", "odd"), 0.0), dict.fromkeys(("even", "odd"), 0.0), 0
    for name, probability in zip(tasks.sample.images, tasks.sample.probabilities.tolist(), strict=True):
        i = int(name[:4])
        group = groups.get(int(bench.original[i]))
        if group is not None:
            wrong[group] += (int(bench.original[i]) not in bench.sets[i]) / probability
            images[group] += 1 / probability
            n_drawn += 1
    shares = findings.wrong_labels_by_group
    assert {name: share.wrong.value for name, share in shares.items()} == {
        name: pytest.approx(wrong[name] / images[name], abs=1e-12) for name in ("even", "odd")
    }
    assert sum(share.n_images for share in shares.values()) == n_drawn < 300
    without = SampleFindings.from_predictions(bench.predictions(0), bench.labels_of(tasks), tasks, groups=groups)
    assert not without.wrong_labels_by_group


def test_classes_that_nobody_was_asked_about_are_ignored(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(300, models=(0,))
    labels = bench.labels_of(tasks)
    images = [int(name[:4]) for name in tasks.sample.images]
    asked = [{int(bench.top1[0, i]), int(bench.original[i])} for i in images]
    kept = [sorted(set(bench.sets[i]) & classes) for i, classes in zip(images, asked, strict=True)]
    n_unasked = labels.indices.size - sum(map(len, kept))
    one, other = (
        SampleFindings.from_predictions(bench.predictions(0), each, tasks, original=bench.original_labels)
        for each in (labels, LabelSets.from_lists(tasks.sample.images, kept))
    )
    assert n_unasked
    assert (one.n_unasked, other.n_unasked) == (n_unasked, 0)
    assert one.models == other.models
    assert one.original_labels == other.original_labels


@pytest.mark.parametrize("pilot", [0, 100])
def test_predictions_in_the_tasks_give_the_same_results_as_files(bench: SimulatedBenchmark, pilot: int) -> None:
    tasks = with_facts(bench, bench.draw(300, models=(0, 1, 2), pilot=pilot), (0, 1, 2))
    labels = bench.labels_of(tasks, range(pilot, 250))
    assert tasks.facts is not None
    tasks = replace(tasks, facts=replace(tasks.facts, answers=answers_to(bench, tasks, pilot)))
    from_tasks = SampleFindings.from_tasks(tasks, labels, is_anytime=True)
    expected = SampleFindings.from_predictions(
        bench.predictions(0, 1, 2), labels, tasks, original=bench.original_labels, is_anytime=True
    )
    assert len(from_tasks.answered.images) == 250
    assert from_tasks.differences == expected.differences
    assert [model.valid for model in from_tasks.models] == [model.valid for model in expected.models]
    assert from_tasks.original_labels == expected.original_labels
    everything = bench.labels_of(tasks, range(250))
    again = SampleFindings.from_predictions(bench.predictions(0, 1, 2), everything, tasks, is_anytime=True)
    assert again.differences == expected.differences
    if pilot:
        sets = [list(everything[name]) for name in everything.images]
        sets[0] = [] if sets[0] else [int(tasks.questions.class_ids[0])]
        with pytest.raises(DataError) as caught:
            SampleFindings.from_predictions(
                bench.predictions(0), LabelSets.from_lists(everything.images, sets), tasks, is_anytime=True
            )
        assert caught.value.code == "two-answers"


def with_facts(bench: SimulatedBenchmark, tasks: Tasks, models: tuple[int, ...]) -> Tasks:
    """Add what the models predict."""
    positions = np.array([int(name[:4]) for name in tasks.questions.images])
    names = [MODELS[model] for model in models]
    return replace(
        tasks,
        facts=find_question_facts(tasks.questions, positions, names, bench.top1[list(models)], bench.original),
    )


def answers_to(bench: SimulatedBenchmark, tasks: Tasks, n: int) -> np.ndarray:
    """Return the answers to the questions about the first n images; -1 for others."""
    questions = tasks.questions
    images = [int(questions.images[image][:4]) for image in questions.image_ids.tolist()]
    valid = np.array([c in bench.sets[i] for i, c in zip(images, questions.class_ids.tolist(), strict=True)], np.int8)
    return np.where(questions.image_ids < n, valid, -1).astype(np.int8)


@pytest.mark.parametrize("purpose", ["accuracy", "difference", "labels"])
def test_intervals_cover_the_truth(bench: SimulatedBenchmark, purpose: str) -> None:
    """With coverage 0.95, 4 or more of 24 intervals miss the truth with probability 0.03."""
    missed = np.zeros(4, int)
    wrong = np.mean([original not in bench.sets[i] for i, original in enumerate(bench.original.tolist())])
    for seed in range(24):
        findings = find_sample_results(bench, 200, seed=seed, purpose=purpose)
        valid = {model.model: model.valid for model in findings.models}
        (pair,) = findings.differences
        truth = bench.valid_shares if pair.model_a == "a.npz" else bench.valid_shares[[1, 0, 2]]
        estimates = [valid["a.npz"], valid["b.npz"], pair.estimate, findings.original_labels["wrong"]]
        truths = [*bench.valid_shares[:2], truth[0] - truth[1], wrong]
        missed += [
            not estimate.low <= value <= estimate.high for estimate, value in zip(estimates, truths, strict=True)
        ]
    assert missed.max() <= 4


def test_results_are_those_of_the_core(bench: SimulatedBenchmark) -> None:
    findings = find_sample_results(bench, 300, purpose="difference", models=(0, 1, 2), pilot=100)
    images = [int(name[:4]) for name in findings.answered.images]
    valid, ones = bench.is_valid[:, images], np.ones(len(images))
    sample = findings.answered.sample
    by_name = dict(zip(("a.npz", "b.npz", "c.npz"), valid, strict=True))
    assert [(pair.model_a, pair.model_b) for pair in findings.differences] == [
        ("b.npz", "c.npz"),
        ("b.npz", "a.npz"),
        ("c.npz", "a.npz"),
    ]
    for pair in findings.differences:
        values = by_name[pair.model_a].astype(int) - by_name[pair.model_b]
        assert pair.estimate == estimate_ratio(sample, values, ones, is_difference=True)
    for model in findings.models:
        assert model.valid == estimate_ratio(sample, by_name[model.model], ones)
    assert findings.models[0].valid.value - findings.models[1].valid.value == pytest.approx(
        findings.differences[0].estimate.value
    )


def test_all_images_give_the_results_of_evaluate(bench: SimulatedBenchmark) -> None:
    findings = find_sample_results(bench, 2000, models=(0, 1, 2), rule=("top-1", "original", "candidates"))
    for model in findings.models:
        predictions = dict(bench.predictions(0, 1, 2))[model.model]
        expected = evaluate(predictions, bench.labels, original=bench.original_labels)
        assert model.real_accuracy.value == pytest.approx(expected.real_accuracy[1].value, abs=1e-12)
        assert model.valid.value == pytest.approx(expected.real_accuracy[1].hits / 2000, abs=1e-12)
        assert model.valid.interval == pytest.approx([model.valid.value] * 2)
        assert model.original_accuracy == expected.original_accuracy[1]
        assert (model.valid.plain_n, model.valid.plain_half_width) == (2000, pytest.approx(0))
    changes = original_changes(bench.labels, bench.original_labels).counts
    shares = {name: round(2000 * share.value) for name, share in findings.original_labels.items()}
    assert shares == {"wrong": changes["other"] + changes["none"], **changes}


def test_anytime_intervals_are_wider_and_have_no_p_value(bench: SimulatedBenchmark) -> None:
    one_look, all_looks = (find_sample_results(bench, anytime=anytime) for anytime in (False, True))
    assert (one_look.planned, all_looks.planned) == (None, 300)
    for narrow, wide in zip(one_look.models, all_looks.models, strict=True):
        assert wide.valid.low < narrow.valid.low < narrow.valid.high < wide.valid.high
        assert wide.valid.value == narrow.valid.value
    (pair,) = all_looks.differences
    assert (pair.estimate.p_value, pair.holm_p_value) == (None, None)
    assert pair.winner_sign == 1


def test_verdict_names_the_better_model(bench: SimulatedBenchmark) -> None:
    (pair,) = find_sample_results(bench, purpose="difference").differences
    low, high = (100 * end for end in pair.estimate.interval)
    value = 100 * pair.estimate.value
    assert pair.verdict == f"b.npz is ahead of a.npz by {value:.2f} points ({low:.2f} to {high:.2f}), 300 images asked"
    (pair,) = find_sample_results(bench, 60, models=(1, 2)).differences
    assert pair.verdict.startswith("no significant difference between b.npz and c.npz: ")


def test_p_values_are_corrected_for_all_pairs(bench: SimulatedBenchmark) -> None:
    pairs = find_sample_results(bench, models=(0, 1, 2)).differences
    p_values = sorted((pair.estimate.p_value, pair.holm_p_value) for pair in pairs)
    raw, corrected = np.array(p_values).T
    assert corrected == pytest.approx(np.maximum.accumulate(np.minimum(1, raw * [3, 2, 1])))


def test_only_the_answered_beginning_of_the_drawn_order_is_used(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(300)
    rows = [row for row in range(300) if row not in (200, 250)]
    findings = SampleFindings.from_predictions(bench.predictions(0, 1), bench.labels_of(tasks, rows), tasks)
    first = SampleFindings.from_predictions(bench.predictions(0, 1), bench.labels_of(tasks, range(200)), tasks)
    assert findings.models == first.models
    answered = findings.answered
    assert (len(answered.images), answered.n_answered, answered.open_image) == (200, 298, tasks.sample.images[200])


def test_missing_original_labels_are_a_reason(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(100)
    findings = SampleFindings.from_predictions(bench.predictions(0), bench.labels_of(tasks), tasks)
    assert findings.original_labels == MissingResult("original labels are missing")
    assert findings.models[0].original_accuracy is None


def test_predictions_without_names_have_the_order_of_the_original_labels(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(100)
    unnamed = Predictions.from_ids(bench.top1[0])
    arguments = {"labels": bench.labels_of(tasks), "tasks": tasks, "original": bench.original_labels}
    by_name = SampleFindings.from_predictions(bench.predictions(0), **arguments)
    by_position = SampleFindings.from_predictions([("a.npz", unnamed)], **arguments)
    assert by_position.models[0].valid == by_name.models[0].valid


def test_without_a_valid_class_the_share_is_0_and_there_is_no_accuracy(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(60, rule=("top-1", "original", "candidates"))
    labels = LabelSets.from_lists(tasks.sample.images, [[]] * 60)
    findings = SampleFindings.from_predictions(bench.predictions(0, 1), labels, tasks)
    assert findings.models[0].real_accuracy.value is None
    assert findings.models[0].valid.value == 0
    assert findings.differences[0].verdict.startswith("no significant difference between a.npz and b.npz: 0.00 points")


def test_other_predictions_are_refused(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(100)
    labels = bench.labels_of(tasks)
    with pytest.raises(DataError) as caught:
        SampleFindings.from_predictions(bench.predictions(2), labels, tasks)
    assert (caught.value.code, caught.value.problem) == (
        "sample-class-not-asked",
        "the sample does not ask about a predicted class",
    )
    with pytest.raises(DataError, match="from more images than the model predicts"):
        SampleFindings.from_predictions(
            [("a", Predictions.from_ids(bench.top1[0, :99], images=IMAGES[:99]))], labels, tasks
        )
    others = [f"new {name}" if name in tasks.sample.images[:5] else name for name in IMAGES]
    with pytest.raises(DataError, match="drawn images are missing from the predictions"):
        SampleFindings.from_predictions([("a", Predictions.from_ids(bench.top1[0], images=others))], labels, tasks)
    told = with_facts(bench, tasks, (0, 1))
    with pytest.raises(DataError) as caught:
        SampleFindings.from_predictions([("a", Predictions.from_ids(bench.top1[0][::-1], images=IMAGES))], labels, told)
    assert caught.value.code == "sample-other-predictions"
    with pytest.raises(DataError) as caught:
        SampleFindings.from_predictions(
            bench.predictions(0), labels, told, original=LabelSets.from_lists(IMAGES, bench.top1[0][:, None].tolist())
        )
    assert caught.value.code == "sample-other-original"
    with pytest.raises(DataError, match="a model is named twice"):
        SampleFindings.from_predictions(bench.predictions(0, 0), labels, tasks)


def test_scores_tell_which_questions_are_answered(bench: SimulatedBenchmark) -> None:
    tasks = bench.draw(100)
    labels = bench.labels_of(tasks)
    scores = Scores(tasks.questions, np.ones(len(tasks.questions)))
    complete = SampleFindings.from_predictions(bench.predictions(0), labels, tasks, scores=scores)
    assert len(complete.answered.images) == 100
    last_of_image_80 = int(tasks.indptr[81]) - 1
    kept = np.delete(np.arange(len(tasks.questions)), last_of_image_80)
    incomplete = Scores(take_items(tasks.questions, kept), np.ones(kept.size))
    findings = SampleFindings.from_predictions(bench.predictions(0), labels, tasks, scores=incomplete)
    answered = findings.answered
    assert (len(answered.images), answered.open_image) == (80, tasks.sample.images[80])
    assert answered.open_class == str(tasks.questions.class_ids[last_of_image_80])
    assert describe_used_images(answered).startswith(
        f"80 of 100 drawn images used; they stand for 2,000 images; image 81 of the drawn order, "
        f"{answered.open_image}, has no answer about class {answered.open_class}; 19 later images answered"
    )
