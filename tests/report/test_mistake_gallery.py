"""The mistakes in the gallery: a reproducible draw that the models share."""

from dataclasses import replace

from reassess.comparison import Findings
from reassess.core import LabelSets, Predictions
from reassess.evaluation import MISTAKE_KINDS
from reassess.report.mistake_gallery import make_cards, sample_images
from tests.report.cases import findings

TWO = findings("one", "two")


def test_requested_number_of_mistakes_is_drawn() -> None:
    sample = sample_images(TWO, 10)
    panel = TWO.panel
    for i, model in enumerate(panel.models):
        wrong = panel.is_scored & ~panel.is_valid[i]
        assert sample.mistake_counts[model] == (10, wrong.sum())
        assert sum(bool(wrong[row]) for row in sample.rows) >= 10
    assert {name: n for name, (n, _) in sample.counts_of_label_errors_by_model.items()} == {"one": 10, "two": 10}
    assert {name: n for name, (n, _) in sample.label_problem_counts.items()} == {"wrong_label": 10, "empty": 10}
    for card in make_cards(TWO, sample.rows):
        row = panel.images.index(card.image)
        mistakes = panel.is_scored[row] & ~panel.is_valid[:, row]
        assert card.mistakes_by_model.keys() == {
            model for model, wrong in zip(panel.models, mistakes, strict=True) if wrong
        }
        valid, original = set(TWO.labels[card.image]), set(TWO.original[card.image])
        errors = panel.is_valid[:, row] & valid.isdisjoint(original)
        assert set(card.models_with_label_error) == {
            model for model, error in zip(panel.models, errors, strict=True) if error
        }
        assert card.mistakes_by_model or card.label_problems or card.models_with_label_error


def test_common_mistakes_of_models_are_drawn_once() -> None:
    """The draw depends only on the seed."""
    panel, sample = TWO.panel, sample_images(TWO, 10_000)
    rows = [row for row in sample.rows if panel.is_scored[row] and not panel.is_valid[:, row].all()]
    assert len(rows) < sum(counts.n_all for counts in sample.mistake_counts.values())
    assert all(counts.n_sampled == counts.n_all for counts in sample.mistake_counts.values())
    assert sample_images(TWO, 10).rows == sample_images(TWO, 10).rows != sample_images(TWO, 10, seed=1).rows


def test_empty_original_labels_are_never_wrong() -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[0], [1]])
    model = Predictions.from_ids([1, 1], images=labels.images)
    findings = Findings.from_predictions({"one": model}, labels, original=LabelSets.from_lists([], []))
    assert sample_images(findings, 5).label_problem_counts == {"wrong_label": (0, 0), "empty": (0, 0)}
    assert [card.label_problems for card in make_cards(findings, [0])] == [()]


def test_card_has_predictions_scores_and_votes() -> None:
    row = sample_images(TWO, 1).rows[0]
    (card,) = make_cards(TWO, [row])
    panel = TWO.panel
    assert card.image == panel.images[row]
    assert card.sheet.valid_class_ids == TWO.labels[card.image]
    assert card.sheet.original_class_id == TWO.original[card.image][0]
    assert [predicted for _, predicted, _ in card.predictions] == [
        panel.top1[panel.models.index(m), row] for m in TWO.models
    ]
    rated = next(row for row in sample_images(TWO, 10_000).rows if row < 100)
    (card,) = make_cards(TWO, [rated])
    assert len(card.sheet.candidates) == 6
    assert len(card.sheet.candidates[0].votes) == 3
    assert len(card.sheet.candidates[0].expert_votes) == 2


def test_kinds_of_predictions_on_cards_are_those_of_evaluate() -> None:
    """Votes are used if scores are missing; without both there are no kinds."""
    rows, panel, by_scores = sample_images(TWO, 10_000).rows, TWO.panel, replace(TWO, experts=None)
    for model in TWO.models:
        i = panel.models.index(model)
        counted = dict.fromkeys(MISTAKE_KINDS, 0)
        for card in make_cards(by_scores, rows):
            row = panel.images.index(card.image)
            counted[card.kind_by_class[int(panel.top1[i, row])]] += panel.is_scored[row] and not panel.is_valid[i, row]
        mistakes = TWO.evaluations[model].mistakes
        assert {kind: n for kind, n in mistakes.n_images_by_kind.items() if n is not None} == {
            kind: n for kind, n in counted.items() if "expert" not in kind
        }
    by_votes = make_cards(replace(by_scores, scores=None), rows)
    assert [card.kind_by_class for card in by_votes] == [card.kind_by_class for card in make_cards(by_scores, rows)]
    assert {len(card.kind_by_class) for card in make_cards(replace(by_scores, scores=None, votes=None), rows)} == {0}


def test_cards_mark_wrong_labels_empty_label_sets_and_disputed_votes() -> None:
    for card in make_cards(TWO, range(len(TWO.panel.images))):
        valid, (original,) = TWO.labels[card.image], TWO.original[card.image]
        assert ("empty" in card.label_problems) == (not valid)
        assert ("wrong_label" in card.label_problems) == (bool(valid) and original not in valid)
        class_ids = {
            *card.sheet.valid_class_ids,
            card.sheet.original_class_id,
            *(class_id for _, class_id, _ in card.predictions),
        }
        votes = [candidate.votes for candidate in card.sheet.candidates if candidate.class_id in class_ids]
        assert card.is_disputed == any(len({answer for _, answer in answers}) > 1 for answers in votes)
