"""The output of `reassess evaluate --sample` and `reassess compare --sample`: tables, notes and JSON."""

from typing import Any

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import ResultTable, print_table, print_text
from reassess.comparison import SampledDifference, SampledModel, SampleFindings
from reassess.comparison.differences import format_p_value
from reassess.comparison.sample_words import (
    ORIGINAL_LABEL_NAMES,
    describe_images_without_valid_class,
    describe_results_so_far,
    describe_used_images,
    explain_sample_results,
)
from reassess.errors import MissingResult
from reassess.evaluation import SampleEstimate
from reassess.evaluation.evaluation_words import shorten_label_set_name
from reassess.formats.result_files import PrintedNumbers, format_count
from reassess.numeric.bootstrap import MIN_NORMAL_P_VALUE
from reassess.text import count_noun, group_files_with_same_text


def sample_to_json(findings: SampleFindings) -> dict[str, Any]:
    """Return what is known about the sample and about original labels, for JSON."""
    labels = findings.original_labels
    wrong_labels: dict[str, Any] = (
        {"original_labels": None, "original_labels_reason": labels.reason}
        if isinstance(labels, MissingResult)
        else {"original_labels": {name: share.to_json() for name, share in labels.items()}}
    )
    return {
        "sample": {
            "for": findings.answered.drawn.purpose,
            **findings.answered.to_json(),
            "anytime": findings.planned is not None,
            "planned": findings.planned,
            "unasked_classes": findings.n_unasked,
            "empty": findings.n_empty,
            "empty_share": findings.empty_share.to_json(),
        },
        **wrong_labels,
        "wrong_by_group": {name: group.to_json() for name, group in findings.wrong_labels_by_group.items()},
    }


def print_sampled_models(run: CommandRun, findings: SampleFindings) -> None:
    """Print the valid share of each model, the share of wrong original labels, and what the numbers mean."""
    make_sampled_models_table(findings).print()
    labels = findings.original_labels
    if isinstance(labels, MissingResult):
        run.add_note(f"no share of wrong original labels: {labels}")
    else:
        rows = [[ORIGINAL_LABEL_NAMES[name], *_format_share_cells(share)] for name, share in labels.items()]
        print_text("")
        print_table(["original label", "share %", "95 %"], rows)
        if findings.wrong_labels_by_group:
            _print_groups(run, findings)
    _print_notes(run, findings)


def _print_groups(run: CommandRun, findings: SampleFindings) -> None:
    """Print the share of wrong original labels in each group of classes."""
    rows = [
        [name, *_format_share_cells(group.wrong), format_count(group.n_images)]
        for name, group in findings.wrong_labels_by_group.items()
    ]
    print_text("")
    print_table(["group of the original label", "wrong %", "95 %", "images"], rows)
    run.add_note(
        "groups: 95 % holds for each group separately, not for all together; images: drawn images of the group"
    )
    if n_without_group := findings.original_groups.count(None):
        run.add_note(f"not in a group: {count_noun(n_without_group, 'drawn image')}")


def print_sampled_differences(run: CommandRun, findings: SampleFindings) -> None:
    """Print which models are ahead, the difference of each pair, and the valid share of each model."""
    for difference in findings.neighbour_differences:
        print_text(difference.verdict)
    print_text("")
    make_sampled_differences_table(findings).print()
    print_text("")
    make_sampled_models_table(findings).print()
    _print_notes(run, findings)


def print_results_so_far(run: CommandRun, findings: SampleFindings | MissingResult | None) -> None:
    """Print the results of a sample while raters answer; nothing without a sample."""
    if findings is None:
        return
    if isinstance(findings, MissingResult):
        print_text(f"sample: no results yet: {findings}")
        return
    print_text(f"sample: {describe_used_images(findings.answered)}")
    for line in describe_results_so_far(findings):
        print_text(line)
    n_images = count_noun(findings.answered.n_images, "image")
    run.add_note(f"the estimates are about all {n_images}, and hold if you look often and stop when you like")
    run.add_note("give --anytime to `evaluate`, `compare` and `report` too")


def results_so_far_to_json(findings: SampleFindings | MissingResult | None) -> dict[str, Any]:
    """Return the results of a sample while raters answer, for JSON; nothing without a sample."""
    if findings is None:
        return {}
    if isinstance(findings, MissingResult):
        return {"sample": None, "sample_reason": findings.reason}
    sample = sample_to_json(findings)
    pairs = [pair.to_json() | {"images_needed": findings.expect_images_needed(pair)} for pair in findings.differences]
    models = [model.to_json() for model in findings.models]
    return {"sample": {"models": models, "pairs": pairs, **sample}}


def make_sampled_models_table(findings: SampleFindings) -> ResultTable:
    """Return a table with the share of all images whose first class is valid, for each model."""
    real_headings = [f"{shorten_label_set_name(findings.label_set)} %", "95 %"] if findings.are_candidates_asked else []
    headings = ["file", "valid %", "95 %", *real_headings, "original %", "plain, ±", "plain images"]
    return ResultTable(headings, [_make_model_row(model) for model in findings.models])


def make_sampled_differences_table(findings: SampleFindings) -> ResultTable:
    """Return a table with the difference of each pair of models."""
    p_names = [] if findings.planned is not None else ["p"] if len(findings.models) == 2 else ["p", "Holm p"]
    headings = ["a", "b", "a - b", "95 %", *p_names, "plain, ±", "plain images"]
    original = {model.model: model.original_accuracy for model in findings.models}
    has_original = None not in original.values()
    rows = []
    for difference in findings.differences:
        row = _make_difference_row(difference, len(p_names))
        if has_original:
            shares = [original[name] for name in (difference.model_a, difference.model_b)]
            first, second = (share.value for share in shares if share is not None)
            row.append(_format_points(None if first is None or second is None else first - second))
        rows.append(row)
    return ResultTable([*headings, *(["original a - b"] if has_original else [])], rows, n_text_columns=2)


def _make_model_row(model: SampledModel) -> list[object]:
    return [
        model.model,
        *_format_share_cells(model.valid),
        *([] if model.real_accuracy is None else _format_share_cells(model.real_accuracy)),
        format_percent_cell(model.original_accuracy),
        *_format_plain_cells(model.valid),
    ]


def _make_difference_row(difference: SampledDifference, n_p_values: int) -> list[object]:
    estimate = difference.estimate
    bounds = None if estimate.interval is None else [100 * bound for bound in estimate.interval]
    p_values = [_format_p_value(p) for p in (estimate.p_value, difference.holm_p_value)]
    return [
        difference.model_a,
        difference.model_b,
        _format_points(estimate.value),
        None if bounds is None else PrintedNumbers(f"{bounds[0]:+.2f} to {bounds[1]:+.2f}", *bounds),
        *p_values[:n_p_values],
        *_format_plain_cells(estimate),
    ]


def _format_share_cells(estimate: SampleEstimate) -> list[object]:
    return [format_percent_cell(estimate.value), format_interval_cell(estimate.interval)]


def _format_plain_cells(estimate: SampleEstimate) -> list[object]:
    half_width = estimate.plain_half_width
    return [
        None if half_width is None else PrintedNumbers(f"{100 * half_width:.2f}", 100 * half_width),
        None if estimate.plain_n is None else format_count(estimate.plain_n),
    ]


def _format_p_value(p_value: float | None) -> str | None:
    if p_value is None:
        return None
    return format_p_value(p_value, is_upper_bound=p_value <= MIN_NORMAL_P_VALUE).removeprefix("= ")


def _format_points(difference: float | None) -> PrintedNumbers | None:
    return None if difference is None else PrintedNumbers(f"{100 * difference:+.2f}", 100 * difference)


def _print_notes(run: CommandRun, findings: SampleFindings) -> None:
    """Print how files were read, which images are used, and what the numbers mean."""
    for line in group_files_with_same_text({model.model: model.detected_input for model in findings.models}):
        run.print_line(line)
    run.print_line(describe_used_images(findings.answered))
    run.print_line(describe_images_without_valid_class(findings))
    if findings.answered.n_ignored:
        run.print_line(f"{count_noun(findings.answered.n_ignored, 'image')} ignored, because not drawn")
    if findings.n_unasked:
        classes = count_noun(findings.n_unasked, "class", "classes")
        run.print_line(f"{classes} in label sets ignored, because the sample does not ask about them")
    for line in explain_sample_results(findings):
        run.add_note(line)
    if findings.planned is None:
        run.add_note("if you look more than once, use --anytime")
    run.add_note(
        "plain, ±: half width of the interval from as many images drawn without strata; plain images: how many such "
        "images are as precise"
    )
