"""Which mistakes are shown: a draw that is the same from run to run, and shared by the models."""

from dataclasses import replace

from reassess.evaluation.mistakes import KINDS
from reassess.report.gallery import cards, choose
from tests.report.cases import findings

TWO = findings("one", "two")


def test_only_mistakes_are_drawn_and_no_more_than_asked_for() -> None:
    choice = choose(TWO, 10)
    panel = TWO.panel
    for i, model in enumerate(panel.models):
        wrong = panel.scored & ~panel.valid[i]
        assert choice.mistakes[model] == wrong.sum()
        assert choice.shown[model] == 10
        assert sum(bool(wrong[row]) for row in choice.rows) >= 10
    assert all(panel.scored[row] and not panel.valid[:, row].all() for row in choice.rows)


def test_the_draw_is_the_same_for_a_seed_and_differs_between_seeds() -> None:
    assert choose(TWO, 10).rows == choose(TWO, 10).rows
    assert choose(TWO, 10).rows != choose(TWO, 10, seed=1).rows


def test_models_share_what_they_both_get_wrong() -> None:
    alone = [choose(findings("one"), 10_000), choose(TWO, 10_000)]
    assert len(alone[1].rows) < sum(alone[1].mistakes.values()), "an image that both get wrong is there once"
    assert choose(TWO, 10_000).shown == choose(TWO, 10_000).mistakes


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
    assert len(card.sheet.candidates[0].experts) == 2


def test_a_card_says_what_is_known_of_each_prediction_as_evaluate_does() -> None:
    """Nothing without scores and votes; the votes tell where scores are not at hand."""
    rows, panel, known = choose(TWO, 10_000).rows, TWO.panel, replace(TWO, experts=None)
    for model in TWO.models:
        i = panel.models.index(model)
        counted = dict.fromkeys(KINDS, 0)
        for card in cards(known, rows):
            row = panel.images.index(card.image)
            counted[card.known[int(panel.top1[i, row])]] += not panel.valid[i, row]
        mistakes = TWO.evaluations[model].mistakes
        assert {kind: n for kind, n in vars(mistakes).items() if n is not None} == {
            kind: n for kind, n in counted.items() if not kind.startswith("expert")
        }
    by_votes = cards(replace(known, scores=None), rows)
    assert [card.known for card in by_votes] == [card.known for card in cards(known, rows)]
    assert {len(card.known) for card in cards(replace(known, scores=None, votes=None), rows)} == {0}
