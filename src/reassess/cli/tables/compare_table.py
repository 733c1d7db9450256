"""The output of `reassess compare`: tables, notes and JSON."""

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import ResultTable, print_table, print_text
from reassess.comparison import (
    Comparison,
    Findings,
    LabellingBias,
    LabelUncertainty,
    LeadChange,
    ModelDisagreements,
    PairedHits,
    PreferenceCounts,
    Ranking,
)
from reassess.comparison.comparison_words import (
    DIFFERENCE_EXPLANATION,
    HOLM_EXPLANATION,
    describe_images_not_shared,
    describe_lead_probability,
    describe_significant_differences,
    explain_label_uncertainty,
    explain_rank_intervals,
)
from reassess.comparison.differences import format_p_value
from reassess.comparison.pairs import ORIGINAL_LABELS_MISSING
from reassess.errors import DataError, MissingResult
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.formats.result_files import PrintedNumbers, format_count, short_model_names
from reassess.numeric import Proportion
from reassess.text import group_files_with_same_text, join_first

_Part = TypeVar("_Part")


def to_json(findings: Findings) -> dict[str, Any]:
    """Return the results for JSON. If a result is null, the key with `_reason` tells why."""
    panel, uncertainty, ranking = findings.panel, findings.uncertainty, findings.ranking
    pairs = [(pair.model_a, pair.model_b) for pair in findings.comparisons]
    results: dict[str, Any] = {
        "label_set": findings.labels.title,
        "common_images": len(panel.images),
        "scored": int(np.count_nonzero(panel.is_scored)),
        "not_shared": dict(zip(panel.models, panel.n_not_shared, strict=True)),
        "detected": {model: findings.evaluations[model].detected_input for model in panel.models},
        "class_lists": {
            model: class_list.to_json(findings.classes) if (class_list := findings.class_lists.get(model)) else None
            for model in panel.models
        },
        "pairs_are": "all" if len(pairs) == math.comb(len(panel.models), 2) else "neighbours in the ranking",
        "pairs": [pair.to_json() for pair in findings.comparisons],
        "co_occurrence": findings.co_occurrence.to_json(findings.classes),
    }
    nullable_results: dict[str, Any] = {
        "ranking": ranking if isinstance(ranking, MissingResult) else ranking.to_json(),
        "label_uncertainty": uncertainty if isinstance(uncertainty, MissingResult) else uncertainty.to_json(pairs),
        "model_or_label": _results_to_json(findings.model_or_label_preferences, lambda result: result.to_json()),
        "labelling_bias": _results_to_json(findings.labelling_biases, lambda result: result.to_json(findings.classes)),
    }
    for name, result in nullable_results.items():
        results |= (
            {name: None, f"{name}_reason": result.reason} if isinstance(result, MissingResult) else {name: result}
        )
    return results


def _results_to_json(
    results: Sequence[_Part] | MissingResult, to_json: Callable[[_Part], dict[str, Any]]
) -> list[dict[str, Any]] | MissingResult:
    return results if isinstance(results, MissingResult) else [to_json(result) for result in results]


def print_comparison(run: CommandRun, findings: Findings) -> None:
    """Print the comparison of two models or the ranking of several models, then explain the numbers."""
    if len(findings.panel.models) == 2:
        _print_model_pair(findings.comparisons[0], findings.uncertainty)
    elif isinstance(findings.ranking, MissingResult):
        print_text(f"models cannot be compared: {findings.ranking}")
    else:
        _print_ranking(findings.ranking, findings.uncertainty, shorten_label_set_name(findings.labels.title))
    if not isinstance(findings.model_or_label_preferences, MissingResult):
        _print_preferences(findings.model_or_label_preferences)
    if not isinstance(findings.labelling_biases, MissingResult):
        _print_biases(findings.labelling_biases)
    for line in group_files_with_same_text(
        {model: findings.evaluations[model].detected_input for model in findings.panel.models}
    ):
        run.print_line(line)
    for line in describe_images_not_shared(findings.panel):
        run.print_line(line)
    for line in _make_footnotes(findings):
        run.add_note(line)


def make_comparison_table(findings: Findings) -> ResultTable:
    """Return a table with the comparison of two models, or with the ranking of several models."""
    if len(findings.panel.models) == 2:
        (pair,) = findings.comparisons
        # A file does not tell which model is a.
        return _make_pair_table(pair, *short_model_names([pair.model_a, pair.model_b]).values())
    if isinstance(findings.ranking, MissingResult):
        raise DataError("nothing-in-common", "models cannot be compared", found=findings.ranking.reason)
    return _make_ranking_table(findings.ranking, findings.uncertainty, shorten_label_set_name(findings.labels.title))


def _print_model_pair(pair: Comparison, uncertainty: LabelUncertainty | MissingResult) -> None:
    print_text(pair.verdict)
    if not isinstance(uncertainty, MissingResult):
        print_text(describe_lead_probability(pair, uncertainty))
    print_text(f"a: {pair.model_a}\nb: {pair.model_b}\n")
    _make_pair_table(pair).print()


def _make_pair_table(pair: Comparison, first_name: str = "a", second_name: str = "b") -> ResultTable:
    headings = [
        "labels",
        "images",
        f"{first_name} %",
        f"{second_name} %",
        f"{first_name} - {second_name}",
        "95 %",
        "p",
        f"only {first_name}",
        f"only {second_name}",
    ]
    rows = []
    for name, difference in pair.differences_by_name.items():
        rows.append(_make_difference_row(name, difference))
        if difference.standard_error is not None:
            test_cells = (
                _format_interval_in_points(difference.interval_over_raters),
                _format_p_value(difference, "p_value_over_raters"),
            )
            rows.append([f"{name}, raters resampled", None, None, None, None, *test_cells, None, None])
    return ResultTable(headings, rows)


def _make_difference_row(name: str, comparison: PairedHits | LeadChange) -> list[object]:
    shares: tuple[object, object] = (None, None)
    unique_hits: tuple[object, object] = (None, None)
    if not isinstance(comparison, LeadChange):
        shares = format_percent_cell(comparison.accuracy_a), format_percent_cell(comparison.accuracy_b)
        unique_hits = format_count(comparison.n_only_a), format_count(comparison.n_only_b)
    test_cells = (
        _format_difference(comparison),
        _format_interval_in_points(comparison.interval),
        _format_p_value(comparison, "p_value"),
    )
    return [name, format_count(comparison.n_images), *shares, *test_cells, *unique_hits]


def _format_difference(comparison: PairedHits | LeadChange) -> PrintedNumbers | None:
    return (
        None
        if comparison.mean_difference is None
        else PrintedNumbers(f"{100 * comparison.mean_difference:+.2f}", 100 * comparison.mean_difference)
    )


def _print_ranking(ranking: Ranking, uncertainty: LabelUncertainty | MissingResult, label_title: str) -> None:
    _make_ranking_table(ranking, uncertainty, label_title).print()
    for pair in ranking.neighbours:
        print_text(pair.verdict)
    for line in describe_significant_differences(ranking):
        print_text(line)


def _make_ranking_table(
    ranking: Ranking, uncertainty: LabelUncertainty | MissingResult, label_title: str
) -> ResultTable:
    bounds = ranking.rank_low.tolist(), ranking.rank_high.tolist()
    columns: list[tuple[str, list[object]]] = [
        ("file", list(ranking.models)),
        ("rank", ranking.ranks.tolist()),
        ("rank, 95 %", [PrintedNumbers(f"{low} to {high}", low, high) for low, high in zip(*bounds, strict=True)]),
        (f"{label_title} %", list(map(format_percent_cell, ranking.real_accuracies))),
        ("95 %", list(map(format_interval_cell, ranking.real_accuracies))),
    ]
    if not isinstance(uncertainty, MissingResult):
        columns.append(
            (
                "true labels, 95 %",
                [format_interval_cell(uncertainty.accuracy_interval(model)) for model in ranking.models],
            )
        )
    if ranking.original_accuracies is not None and ranking.original_ranks is not None:
        columns.append(("original %", list(map(format_percent_cell, ranking.original_accuracies))))
        columns.append(("original rank", ranking.original_ranks.tolist()))
    leads = [pair.real_hits for pair in ranking.neighbours]
    columns.append(("ahead of next", [*map(_format_difference, leads), None]))
    columns.append(
        (
            "ahead of next, 95 %",
            [*(_format_interval_in_points(pair.interval_over_raters or pair.interval) for pair in leads), None],
        )
    )
    columns.append(("Holm p", [*(_format_p_value(pair, "corrected_p_value") for pair in leads), None]))
    headings, cells = zip(*columns, strict=True)
    return ResultTable(headings, list(zip(*cells, strict=True)))


def _print_preferences(preferences: Sequence[ModelDisagreements]) -> None:
    """Print how often the model's class is preferred to the original label, by scores and by raters' votes."""
    headings = ["model or label", "differ", "rated", "model %", "95 %", "label %"]
    has_rater_shares = any(preference.total.preferences_by_raters is not None for preference in preferences)
    if has_rater_shares:
        headings += ["only raters: model %", "95 %", "label %"]
    rows = []
    for preference in preferences:
        cells = [
            preference.model,
            f"{preference.total.n_images:,}",
            f"{preference.total.preferences_by_scores.share_preferring_model.n:,}",
        ]
        rows.append(
            [
                *cells,
                *_format_preference_cells(preference.total.preferences_by_scores),
                *(_format_preference_cells(preference.total.preferences_by_raters) if has_rater_shares else []),
            ]
        )
    print_text("")
    print_table(headings, rows)


def _format_preference_cells(counts: PreferenceCounts | None) -> list[str | None]:
    if counts is None:
        return [None, None, None]
    label_share = Proportion(counts.n_prefer_original, counts.share_preferring_model.n)
    return [
        format_percent_cell(counts.share_preferring_model),
        format_interval_cell(counts.share_preferring_model),
        format_percent_cell(label_share),
    ]


def _print_biases(biases: Sequence[LabellingBias]) -> None:
    """Print how often each model predicts the original label when several classes are valid."""
    rows = [
        [
            bias.model if group == "all" else "",
            group,
            f"{group_bias.original_pick_share.n:,}",
            format_percent_cell(group_bias.original_pick_share),
            format_interval_cell(group_bias.original_pick_share),
            format_percent_cell(group_bias.chance_share),
            None if group_bias.p_value is None else _remove_equals_sign(format_p_value(group_bias.p_value)),
            format_percent_cell(group_bias.raters_share),
        ]
        for bias in biases
        for group, group_bias in {"all": bias.total, **bias.by_group}.items()
    ]
    headings = ["labelling bias", "group", "images", "original %", "95 %", "chance %", "p", "raters %"]
    print_text("")
    print_table(headings, rows, n_text_columns=2)


def _make_footnotes(findings: Findings) -> Iterator[str]:
    """Explain the numbers, and why some results are missing."""
    panel, ranking = findings.panel, findings.ranking
    yield DIFFERENCE_EXPLANATION
    if not isinstance(findings.model_or_label_preferences, MissingResult):
        yield "model or label: where they differ and raters were asked about the model's class, which scores higher"
    if not isinstance(findings.labelling_biases, MissingResult):
        yield (
            "labelling bias: how often the model picks the original label, if both are among several valid classes; "
            "raters %: how often raters prefer the original label to all other classes"
        )
    if len(panel.models) > 2 and not isinstance(ranking, MissingResult):
        yield f"95 % of an accuracy: Wilson; of a rank: {explain_rank_intervals(ranking)}"
        yield HOLM_EXPLANATION
    for line in explain_label_uncertainty(findings.uncertainty):
        yield f"{line}{_explain_missing_uncertainty(findings)}"
    if not panel.has_original_label.any():
        yield f"no comparison by original labels: {ORIGINAL_LABELS_MISSING}"
    else:
        for label_name, result in (
            ("model or label", findings.model_or_label_preferences),
            ("labelling bias", findings.labelling_biases),
        ):
            if isinstance(result, MissingResult):
                yield f"{label_name}: {result}"
    co_occurrence, label = findings.co_occurrence, findings.classes.short_name
    if len(co_occurrence):
        pairs = zip(co_occurrence.class_pairs.tolist(), co_occurrence.image_counts.tolist(), strict=True)
        pair_texts = [f"{label(first)} and {label(second)} ({images:,})" for (first, second), images in pairs]
        yield f"classes most often valid together: {join_first(pair_texts, max_items=3)}"


def _explain_missing_uncertainty(findings: Findings) -> str:
    """Tell how to get the votes, experts' answers or labels that label uncertainty needs."""
    part = "votes" if findings.votes is None else "golden" if findings.experts is None else ""
    sources, folder = findings.benchmark.sources, findings.benchmark.folder
    if not part:
        if (
            isinstance(findings.scores_from_raters, MissingResult)
            or findings.uncertainty is not findings.label_resampler
        ):
            return ""
        benchmark_words = (
            [] if folder is None else ["--benchmark", folder, "-o", sources.get("scores", folder / "scores.csv")]
        )
        command = [
            "aggregate",
            "--method",
            "calibrated",
            *benchmark_words,
            *(["--force"] if "scores" in sources else []),
        ]
        return f" (`reassess {shlex.join(map(str, command))}`, then `reassess labels`)"
    has_known_parts = folder is None and part in sources
    if has_known_parts:
        return f" (`reassess fetch {sources[part]}`)"
    if part == "votes":
        return " (`reassess annotate`)"
    return " (`reassess annotate create --golden N`, and `reassess annotate invite CAMPAIGN NAME:expert`)"


def _format_interval_in_points(interval: tuple[float, float] | None) -> PrintedNumbers | None:
    if interval is None:
        return None
    low, high = (100 * bound for bound in interval)
    return PrintedNumbers(f"{low:+.2f} to {high:+.2f}", low, high)


def _format_p_value(comparison: PairedHits | LeadChange, p_value_field: str) -> PrintedNumbers | None:
    """Format a p-value. A file gets the full number, or a bound such as < 1e-300."""
    text = _remove_equals_sign(comparison.format_p_values().get(p_value_field))
    return (
        None
        if text is None
        else PrintedNumbers(text, text if text.startswith("<") else getattr(comparison, p_value_field))
    )


def _remove_equals_sign(p_value_text: str | None) -> str | None:
    return None if p_value_text is None else p_value_text.removeprefix("= ")
