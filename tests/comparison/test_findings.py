"""Findings: each part equals the result of its own function, or has a reason why it is missing."""

import numpy as np
import pytest

from reassess.comparison import Findings, Panel, compare, compare_every_pair, rank_models
from reassess.core import LabelSets, Predictions, Questions, Scores, Votes
from reassess.errors import DataError, MissingResult
from reassess.evaluation import evaluate

IMAGES = [f"{i}.png" for i in range(40)]
LABELS = LabelSets.from_lists(IMAGES, [[i % 3] for i in range(40)])
MODELS = {
    name: Predictions.from_ids(np.where(np.arange(40) < hits, np.arange(40) % 3, 3), images=IMAGES)
    for name, hits in {"worst": 10, "best": 30, "middle": 20}.items()
}


def test_missing_parts_have_reasons() -> None:
    findings = Findings.from_predictions(MODELS, LABELS)
    reasons = {
        name: str(getattr(findings, name))
        for name in (
            "uncertainty",
            "scores_from_raters",
            "label_resampler",
            "precision_recall_curves",
            "model_or_label_preferences",
            "labelling_biases",
            "trend",
        )
    }
    no_original = "original labels of these images are missing"
    assert reasons == {
        "uncertainty": "votes are missing",
        "scores_from_raters": "votes are missing",
        "label_resampler": "votes are missing",
        "precision_recall_curves": "scores are missing",
        "model_or_label_preferences": no_original,
        "labelling_biases": no_original,
        "trend": "a leaderboard is missing",
    }
    assert (findings.leaderboard_placements, findings.original_label_accuracy) == ((), None)


def test_models_are_evaluated_and_sorted_on_common_images() -> None:
    findings = Findings.from_predictions(MODELS.items(), LABELS, replicates=50, seed=3)
    assert findings.models == ("best", "middle", "worst")
    for name, predictions in MODELS.items():
        assert findings.evaluations[name].real_accuracy == evaluate(predictions, LABELS).real_accuracy
    expected = rank_models(Panel.from_predictions(MODELS, LABELS), replicates=50, seed=3)
    assert isinstance(expected, type(findings.ranking))
    assert str(findings.ranking) == str(expected)
    pairs = [("worst", "best"), ("worst", "middle"), ("best", "middle")]
    tests = compare_every_pair(findings.panel)
    assert list(findings.comparisons) == [compare(findings.panel, a, b, tests=tests) for a, b in pairs]


def test_many_models_are_compared_with_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.comparison.findings._MAX_MODELS_FOR_ALL_PAIRS", 2)
    findings = Findings.from_predictions(MODELS, LABELS)
    assert [(pair.model_a, pair.model_b) for pair in findings.comparisons] == [("best", "middle"), ("middle", "worst")]


def test_one_model_and_empty_label_sets_have_no_ranking() -> None:
    findings = Findings.from_predictions({"one": MODELS["best"]}, LABELS)
    assert findings.ranking == MissingResult("there is only one model")
    empty = LabelSets.from_lists(IMAGES, [[] for _ in IMAGES])
    assert Findings.from_predictions(MODELS, empty).ranking == MissingResult("no image is scored")


def test_error_names_model() -> None:
    other = Predictions.from_ids([0], images=["elsewhere.png"])
    with pytest.raises(DataError) as caught:
        Findings.from_predictions({"good": MODELS["best"], "bad": other}, LABELS)
    assert caught.value.where == "bad"


def test_mistakes_by_experts_equal_evaluate() -> None:
    questions = Questions.from_columns(IMAGES[:20], np.full(20, 3))
    scores = Scores(questions, np.zeros(20))
    answers = np.zeros(20, int)
    experts = Votes.from_columns(questions, np.arange(20), answers, answers, ("expert",), ("no", "maybe", "yes"))
    findings = Findings.from_predictions(MODELS, LABELS, scores=scores, experts=experts)
    for name, predictions in MODELS.items():
        expected = evaluate(predictions, LABELS, scores=scores, experts=experts).mistakes
        assert findings.evaluations[name].mistakes == expected
    worst = findings.evaluations["worst"].mistakes
    assert (worst.n_rejected_by_experts, worst.n_never_rated) == (10, 20)


def test_findings_have_short_repr() -> None:
    assert repr(Findings.from_predictions(MODELS, LABELS)) == "Findings(3 models, 40 images)"
