"""Which mistakes are shown: a draw that is the same from run to run, and shared by the models."""

from dataclasses import replace

from reassess.comparison import Findings
from reassess.core import LabelSets, Predictions
from reassess.evaluation import MISTAKE_KINDS
from reassess.report.mistake_gallery import cards, choose
from tests.report.cases import findings

TWO = findings("one", "two")


def test_only_mistakes_are_drawn_and_no_more_than_asked_for() -> None:
    choice = choose(TWO, 10)
    panel = TWO.panel
    for i, model in enumerate(panel.models):
        wrong = panel.is_scored & ~panel.is_valid[i]
        assert choice.mistakes[model] == wrong.sum()
        assert choice.shown[model] == 10
        assert sum(bool(wrong[row]) for row in choice.rows) >= 10
    assert {name: n for name, (n, _) in choice.label_errors.items()} == {"one": 10, "two": 10}
    assert {name: n for name, (n, _) in choice.about_labels.items()} == {"wrong_label": 10, "empty": 10}
    for card in cards(TWO, choice.rows):
        row = panel.images.index(card.image)
        mistaken = panel.is_scored[row] & ~panel.is_valid[:, row]
        assert card.mistakes.keys() == {model for model, is_so in zip(panel.models, mistaken, strict=True) if is_so}
        errors = panel.is_valid[:, row] & panel.has_original[row] & ~panel.is_original_hit[:, row]
        assert set(card.label_errors) == {model for model, is_so in zip(panel.models, errors, strict=True) if is_so}
        assert card.mistakes or card.about_labels or card.label_errors


def test_models_share_what_they_both_get_wrong() -> None:
    """An image that both get wrong is there once; the draw is the same for a seed, and differs between seeds."""
    panel, every = TWO.panel, choose(TWO, 10_000)
    mistaken = [row for row in every.rows if panel.is_scored[row] and not panel.is_valid[:, row].all()]
    assert len(mistaken) < sum(every.mistakes.values())
    assert every.shown == every.mistakes
    assert choose(TWO, 10).rows == choose(TWO, 10).rows != choose(TWO, 10, seed=1).rows


def test_original_labels_of_no_image_are_never_wrong() -> None:
    labels = LabelSets.from_lists(["a.png", "b.png"], [[0], [1]])
    model = Predictions.from_ids([1, 1], images=labels.images)
    findings = Findings.from_predictions({"one": model}, labels, original=LabelSets.from_lists([], []))
    assert choose(findings, 5).about_labels == {"wrong_label": (0, 0), "empty": (0, 0)}
    assert [card.about_labels for card in cards(findings, [0])] == [()]


def test_a_card_has_the_prediction_of_each_model_and_what_is_known() -> None:
    row = choose(TWO, 1).rows[0]
    (card,) = cards(TWO, [row])
    panel = TWO.panel
    assert card.image == panel.images[row]
    assert card.sheet.valid == TWO.labels[card.image]
    assert card.sheet.original == TWO.original[card.image][0]
    assert [predicted for _, predicted, _ in card.predictions] == [
        panel.top1[panel.models.index(m), row] for m in TWO.models
    ]
    rated = next(row for row in choose(TWO, 10_000).rows if row < 100)
    (card,) = cards(TWO, [rated])
    assert len(card.sheet.candidates) == 6
    assert len(card.sheet.candidates[0].votes) == 3
    assert len(card.sheet.candidates[0].expert_votes) == 2


def test_a_card_says_what_is_known_of_each_prediction_as_evaluate_does() -> None:
    """Nothing without scores and votes; the votes tell where scores are not at hand."""
    rows, panel, known = choose(TWO, 10_000).rows, TWO.panel, replace(TWO, experts=None)
    for model in TWO.models:
        i = panel.models.index(model)
        counted = dict.fromkeys(MISTAKE_KINDS, 0)
        for card in cards(known, rows):
            row = panel.images.index(card.image)
            counted[card.known[int(panel.top1[i, row])]] += panel.is_scored[row] and not panel.is_valid[i, row]
        mistakes = TWO.evaluations[model].mistakes
        assert {kind: n for kind, n in vars(mistakes).items() if n is not None} == {
            kind: n for kind, n in counted.items() if "expert" not in kind
        }
    by_votes = cards(replace(known, scores=None), rows)
    assert [card.known for card in by_votes] == [card.known for card in cards(known, rows)]
    assert {len(card.known) for card in cards(replace(known, scores=None, votes=None), rows)} == {0}


def test_cards_say_what_is_wrong_with_the_labels_and_where_raters_disagree_on_a_class_that_is_shown() -> None:
    for card in cards(TWO, range(len(TWO.panel.images))):
        valid, (original,) = TWO.labels[card.image], TWO.original[card.image]
        assert ("empty" in card.about_labels) == (not valid)
        assert ("wrong_label" in card.about_labels) == (bool(valid) and original not in valid)
        shown = {*card.sheet.valid, card.sheet.original, *(class_id for _, class_id, _ in card.predictions)}
        votes = [one.votes for one in card.sheet.candidates if one.class_id in shown]
        assert card.disputed == any(len({answer for _, answer in given}) > 1 for given in votes)
