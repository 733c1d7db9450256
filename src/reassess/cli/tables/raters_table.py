"""The output of `reassess raters`: all raters together, each rater, and raters who agree too often."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reassess.aggregation import Dependence, GoldenVotesWithTruth, Reliability
from reassess.aggregation.shared_errors import SharedErrors
from reassess.cli.command_run import CommandRun
from reassess.cli.screen import ResultTable, print_table, print_text
from reassess.core import VALIDITY
from reassess.numeric import Proportion
from reassess.text import count_noun, join_first

_MAX_ANSWER_COLUMNS = 4  # shares of more answers are too wide for a column
_MAX_PRINTED_PAIRS = 10
_USUAL_VOTES = 5  # per question
_MAX_PRINTED_RATERS = 10

_FLAG_MEANINGS = {
    "uninformative": "the 95 % interval of bits per vote includes 0, so the votes might carry no information",
    "one answer": "at least 99 % of 20 or more votes have the same answer",
    "few": "under 20 votes for one truth, or under 20 images: the interval is too narrow",
}


def print_reliability(run: CommandRun, result: Reliability, golden_votes: GoldenVotesWithTruth | None) -> None:
    """Print the accuracy of raters, measured by golden answers or by the truth estimated from all votes."""
    for line in _describe_all_raters(result, golden_votes):
        print_text(line)
    table = make_raters_table(result)
    limit = run.limit_printed_rows(len(result.raters_by_information), _MAX_PRINTED_RATERS, "raters")
    replace(table, rows=table.rows[:limit]).print()
    for line in _make_footnotes(result):
        run.add_note(line)
    _print_rater_pairs(result.dependence, "votes")
    _print_rater_pairs(result.golden_dependence, "golden votes")


def make_raters_table(result: Reliability) -> ResultTable:
    """Return a table of raters, the least informative rater first, without empty columns."""
    answers = "/".join(str(answer) for answer in result.answers)
    has_many_answers = len(result.answers) > _MAX_ANSWER_COLUMNS
    information = [rater.information for rater in result.raters_by_information]
    columns: dict[str, list[str | None]] = {
        "rater": [str(rater.rater) for rater in result.raters_by_information],
        "flags": [", ".join(rater.flags) for rater in result.raters_by_information],
        "bits per vote": [
            None if rater_information is None else f"{rater_information.bits:.3f}" for rater_information in information
        ],
        "95 %": [
            None if rater_information is None else f"{rater_information.low:.3f} to {rater_information.high:.3f}"
            for rater_information in information
        ],
        "correct %": [_format_percent(rater.accuracy) for rater in result.raters_by_information],
        "votes": [f"{rater.n_votes:,}" for rater in result.raters_by_information],
    }
    if not has_many_answers:
        columns[f"{answers} %"] = [_format_shares(rater.answer_shares) for rater in result.raters_by_information]
        for row, truth in enumerate(result.truths):
            columns[f"if {truth}"] = [
                _format_shares(rater.confusion_matrix[row]) for rater in result.raters_by_information
            ]
    columns["self %"] = [_format_percent(rater.self_agreement) for rater in result.raters_by_information]
    columns["seconds"] = [
        rater.mean_and_median_seconds
        and f"{rater.mean_and_median_seconds[0]:.1f} ({rater.mean_and_median_seconds[1]:.1f})"
        for rater in result.raters_by_information
    ]
    filled = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    return ResultTable(list(filled), list(zip(*filled.values(), strict=True)), n_text_columns=2)


def _format_percent(proportion: Proportion | None) -> str | None:
    return None if proportion is None or proportion.value is None else f"{100 * proportion.value:.1f}"


def _format_shares(shares: list[float] | None) -> str | None:
    return None if shares is None else "/".join(f"{100 * share:.0f}" for share in shares)


def _describe_all_raters(result: Reliability, golden: GoldenVotesWithTruth | None) -> Iterator[str]:
    """Describe the agreement of all raters, and the items that raters are measured on."""
    value = (
        "undefined: no item has two votes, or all votes have the same answer"
        if result.alpha is None
        else f"{result.alpha:.4f}"
    )
    yield f"Krippendorff's alpha ({result.metric}): {value}"
    if result.n_sampled_items is not None:
        measure = "dependent raters" if result.has_golden_truth else "the accuracy of raters, and dependent raters"
        yield f"{measure}: measured on {result.n_sampled_items:,} evenly spaced items"
    if golden is None:
        yield (
            "no golden answers: the truth is estimated from all votes by EM, including the rater's own votes, so "
            "raters with few votes look better than they are"
        )
        return
    truth_counts = [f"{np.count_nonzero(golden.truth_ids == i):,} {name}" for i, name in enumerate(result.truths)]
    votes = sum(int(rater.confusion_counts.sum()) for rater in result.raters)
    measured = [rater for rater in result.raters if rater.information is not None]
    items = count_noun(int(np.count_nonzero(golden.truth_ids >= 0)), "golden item")
    yield (
        f"measured on {items} ({', '.join(truth_counts)}): {count_noun(votes, 'vote')} by "
        f"{count_noun(len(measured), 'rater')}" + (f" ({golden.expert_truth.rule})" if golden.expert_truth else "")
    )
    if golden.expert_truth is not None and golden.expert_truth.note is not None:
        yield golden.expert_truth.note
    if result.shared_errors is not None:
        yield from _describe_shared_errors(result.shared_errors)


def _describe_shared_errors(shared: SharedErrors) -> Iterator[str]:
    """State how many independent votes the golden votes are worth, and which raters err together."""
    for number in shared.effective:
        if number.value is None or number.interval is None:
            continue
        low, high = number.interval
        raters = "raters" if number.kind == "all" else number.kind
        votes = f"{number.votes_per_item:.1f} votes per item"
        usual = f"; {_USUAL_VOTES} votes: {number.value_for(_USUAL_VOTES):.1f}"
        yield (
            f"effective number of {raters} if {number.truth}: {votes} are worth {number.value:.1f} independent votes "
            f"[{low:.1f} to {high:.1f}]{usual if number.votes_per_item > _USUAL_VOTES else ''} (correlation of errors "
            f"{number.correlation:.2f})"
        )
    for group in shared.groups:
        raters = count_noun(len(group.raters), "rater")
        names = join_first(group.raters, max_items=5)
        yield f"{raters} err together (mean correlation {group.correlation:.2f}): {names}"


def _make_footnotes(result: Reliability) -> Iterator[str]:
    """Explain columns, flags and empty cells."""
    yield (
        "bits per vote: mean drop in the truth's entropy after one vote; 95 %: bootstrap over images, or over items "
        "without images"
    )
    if any(rater.accuracy is not None for rater in result.raters):
        scale = f"{result.answers[-1]} if valid, {result.answers[0]} if invalid"
        middle = "".join(f"; {answer} is wrong" for answer in result.answers[1:-1])
        rule = scale + middle if result.truths == VALIDITY else "the answer is the truth"
        yield f"correct: {rule}; share of the rater's golden votes"
    if len(result.answers) <= _MAX_ANSWER_COLUMNS:
        shares = zip(result.truths, result.prior, strict=True)
        truths = ", ".join(f"if {truth} ({100 * share:.1f} % of items)" for truth, share in shares)
        yield f"{truths}: the rater's answers, in %"
    agreements = [rater.self_agreement for rater in result.raters if rater.self_agreement is not None]
    if agreements:
        total = sum(agreements, Proportion(0, 0))
        yield f"self: same answer in golden votes and main votes: {total.hits:,} of {total.n:,} cases"
    if any(rater.mean_and_median_seconds is not None for rater in result.raters):
        yield "seconds: mean time per vote (median in parentheses)"
    for flag, meaning in _FLAG_MEANINGS.items():
        if any(flag in rater.flags for rater in result.raters):
            yield f"{flag}: {meaning}"
    if any(dependence is not None and dependence.pairs for dependence in (result.dependence, result.golden_dependence)):
        yield "standard errors: how far the pair's agreement is above the expected, relative to the median pair"
    unmeasured = [str(rater.rater) for rater in result.raters if rater.information is None]
    if unmeasured:
        reason = "no votes on golden items" if result.has_golden_truth else "no votes"
        yield f"-: {reason}: {join_first(unmeasured, max_items=10)}"


def _print_rater_pairs(dependence: Dependence | None, votes_name: str) -> None:
    """Print the pairs of raters who agree too often, the most significant pair first."""
    if dependence is None or not dependence.pairs:
        return
    rows = [
        [
            f"{pair.raters[0]}, {pair.raters[1]}",
            f"{pair.n_common:,}",
            f"{100 * pair.n_agreements / pair.n_common:.1f}",
            f"{100 * pair.expected_agreements / pair.n_common:.1f}",
            f"{pair.z:.1f}",
        ]
        for pair in dependence.pairs[:_MAX_PRINTED_PAIRS]
    ]
    n_more = len(dependence.pairs) - len(rows)
    title = (
        f"\nraters who agree too often in the {votes_name}: {len(dependence.pairs):,} of {dependence.n_tested:,} pairs"
    )
    headings = ["raters", "items in common", "agree %", "expected %", "standard errors"]
    print_table(headings, rows, title=title + (f"; the {len(rows)} most significant" if n_more else ""))
